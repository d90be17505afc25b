import type { CommandContext, JobRequest, NewEvent } from '../../domain/shared/decision.ts';
import type { LoggedEvent } from './event-log.ts';
import type { NewJob } from './job-queue.ts';
import { jobRequest } from './schemas.ts';

/** The type of the events by which decisions ask for jobs. */
export const JOB_REQUESTED = 'job.requested';

/** An event ready to be stored: all but position and time, which the log gives. */
export type DecidedEvent = Omit<LoggedEvent, 'position' | 'occurredAt'>;

/** The log entries of one decision: its events, then its job requests, each of which is a stream of its own. */
export function decidedEvents(
  { tenant, actor, correlationId, causationId, traceParent }: CommandContext,
  events: readonly NewEvent[],
  requests: readonly JobRequest[],
  newId: () => string,
): readonly DecidedEvent[] {
  const by = { tenant, actor, correlationId, causationId: causationId ?? null, traceParent: traceParent ?? null };
  const facts = events.map((event) => ({ ...by, ...event, schemaVersion: event.schemaVersion ?? 1, eventId: newId() }));
  return requests.length === 0
    ? facts
    : [...facts, ...requests.map((each) => ({ ...by, ...requestEvent(each, newId) }))];
}

function requestEvent(
  { id, type, payload, priority = 'default', runAt, concurrencyKey }: JobRequest,
  newId: () => string,
) {
  const eventId = id ?? newId();
  const job = { type, payload, priority, runAt: runAt?.toISOString() ?? null, concurrencyKey: concurrencyKey ?? null };
  const stream = { stream: `job:${eventId}`, streamVersion: 1 };
  return { ...stream, eventId, type: JOB_REQUESTED, schemaVersion: 1, payload: job };
}

/** The job that a `job.requested` event asks for; its id is the event's, so that a repeat is harmless. */
export function requestedJob({ eventId, tenant, actor, correlationId, traceParent, ...event }: LoggedEvent): NewJob {
  const { runAt, concurrencyKey, ...job } = jobRequest.parse(event.payload);
  return {
    ...{ ...job, id: eventId, tenant, actor, correlationId },
    ...(traceParent !== null && { traceParent }),
    ...(concurrencyKey !== null && { concurrencyKey }),
    ...(runAt !== null && { runAt: new Date(runAt) }),
  };
}
