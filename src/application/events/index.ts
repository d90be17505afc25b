import { DeadEventNotFound } from '../../domain/events/errors.ts';
import type { ContextContract } from '../shared/contract.ts';
import type { EventLog, EventSeals, LoggedEvent, Verification } from '../shared/event-log.ts';
import type { Handlers } from '../shared/pipeline.ts';
import { events } from './contract.ts';
import { eventTypes, keptData } from './event-types.ts';

export { events };

export interface EventPorts {
  readonly log: EventLog;
  readonly seals: EventSeals;
  /** What is spoken here: types that it publishes nobody else may claim, and types that it consumes are taken in. */
  readonly contracts: readonly ContextContract[];
}

/** The handlers of the `events` contract. Throws `TypeError` where contexts consume one type by two schemas. */
export function eventHandlers({ log, seals, contracts }: EventPorts): Handlers<typeof events> {
  const types = eventTypes(contracts);
  return {
    async ingest({ events: foreign }, { principal, correlationId, traceParent }) {
      const given = foreign.map(({ id, source, type, subject, time, data }, index) => ({
        ...{ id, source, type, subject, data: keptData(types, type, data, ['events', index]) },
        time: time === undefined ? undefined : new Date(time),
      }));
      const by = { tenant: principal.tenant, actor: principal.id, correlationId, traceParent };
      const { accepted, position } = await log.ingest(given, by);
      return { data: { accepted: [...accepted] }, position };
    },

    async list({ fromPosition, types, limit }, { principal: { tenant } }) {
      const filter = types === undefined ? { tenant } : { tenant, types };
      const page = await log.read(BigInt(fromPosition), limit, filter);
      return { data: { events: page.events.map(eventView), position: `${page.position}` } };
    },

    async verify({ anchorSeal, anchorHash, fromAnchor }, { principal, signal }) {
      const anchor =
        anchorSeal === undefined || anchorHash === undefined ? undefined : { number: anchorSeal, hash: anchorHash };
      return { data: verificationView(await seals.verify(principal.tenant, { anchor, fromAnchor, signal })) };
    },

    async listDead({ consumer, limit }, { principal }) {
      const dead = await log.deadEvents(principal.tenant, limit, consumer);
      return {
        data: dead.map((each) => ({ ...each, position: `${each.position}`, diedAt: each.diedAt.toISOString() })),
      };
    },

    async redrive({ consumer, eventId }, { principal }) {
      if (!(await log.redrive(principal.tenant, consumer, eventId))) {
        throw new DeadEventNotFound('This consumer has no such dead event.', { consumer, eventId });
      }
      return { data: { redriving: true } };
    },
  };
}

function eventView(event: LoggedEvent) {
  const { stream, streamVersion, eventId, type, schemaVersion, actor, correlationId, causationId } = event;
  return {
    ...{ position: `${event.position}`, stream, streamVersion, eventId, type, schemaVersion, actor, correlationId },
    ...{ causationId, occurredAt: event.occurredAt.toISOString() },
    payload: event.payload as Record<string, never>,
  };
}

function verificationView(result: Verification) {
  if (!result.intact) return { ...result, position: `${result.position}` };
  return { ...result, sealedTo: `${result.sealedTo}` };
}
