import type { z } from 'zod';
import type { CommandContext } from '../../domain/shared/decision.ts';
import { InvalidInput } from '../shared/errors.ts';
import type { ConsumerEffect, LoggedEvent } from '../shared/event-log.ts';
import { inputIssues } from '../shared/pipeline.ts';

/** Who acts where no caller does. */
export const GIFT_CARDS_ACTOR = 'system:gift-cards';

/** The data of an event that came in from another system. Throws `InvalidInput`, which makes it a dead letter. */
export function foreignData<S extends z.ZodType>(event: LoggedEvent, schema: S): z.output<S> {
  const parsed = schema.safeParse(event.payload.data);
  if (!parsed.success) throw new InvalidInput(`The data of ${event.type} does not fit.`, inputIssues(parsed.error));
  return parsed.data;
}

/** The context of a command that an event causes: its outcome joins the consumer's transaction. */
export function contextOf(event: LoggedEvent, effect: ConsumerEffect): CommandContext {
  return {
    tenant: event.tenant,
    actor: GIFT_CARDS_ACTOR,
    correlationId: event.correlationId,
    causationId: event.eventId,
    traceParent: event.traceParent ?? undefined,
    unit: effect.unit,
    signal: effect.signal,
  };
}
