import type { z } from 'zod';
import { ReservedEventType, UnknownEventType } from '../../domain/events/errors.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import type { ContextContract } from '../shared/contract.ts';
import { JOB_REQUESTED } from '../shared/decided-events.ts';
import { InvalidInput } from '../shared/errors.ts';
import { fieldFault } from '../shared/field-fault.ts';
import type { ForeignEvent } from '../shared/event-log.ts';
import { inputIssues } from '../shared/pipeline.ts';

/** What contracts say of events that come in. */
export interface EventTypes {
  /** Published here, or by the frame: no foreign event may have one of these. */
  readonly own: ReadonlySet<string>;
  /** The data of those that are consumed here. */
  readonly consumed: ReadonlyMap<string, z.ZodType>;
}

/** Throws `TypeError` where two contexts consume one type by different schemas: the log keeps its data once. */
export function eventTypes(contracts: readonly ContextContract[]): EventTypes {
  const consumed = new Map<string, z.ZodType>();
  for (const [type, schema] of contracts.flatMap(({ consumes = {} }) => Object.entries(consumes))) {
    if ((consumed.get(type) ?? schema) !== schema) throw new TypeError(`Two contexts have a schema for ${type}.`);
    consumed.set(type, schema);
  }
  const own = new Set([JOB_REQUESTED, ...contracts.flatMap((contract) => Object.keys(contract.events))]);
  return { own, consumed };
}

/**
 * What the log may keep of an event's data: what its type declares. Throws `ReservedEventType`, `UnknownEventType`, and
 * `InvalidInput`, all with the path of what doesn't fit, which begins with that of the event.
 */
export function keptData(
  { own, consumed }: EventTypes,
  type: string,
  data: unknown,
  event: readonly PropertyKey[],
): ForeignEvent['data'] {
  const ofType = (message: string) => ({ type, ...fieldFault([...event, 'type'].join('.'), message) });
  if (own.has(type)) {
    const message = 'Events of this type are published here and not taken in.';
    throw new ReservedEventType(message, ofType(message));
  }
  const schema = consumed.get(type);
  if (schema === undefined) {
    const message = `Nobody here consumes events of type ${type}.`;
    throw new UnknownEventType(message, ofType(message));
  }
  const parsed = schema.safeParse(data);
  if (!parsed.success)
    throw new InvalidInput(`The data of ${type} does not fit.`, inputIssues(parsed.error, [...event, 'data']));
  return parsed.data as { readonly [key: string]: Json };
}
