import { DomainError } from '../../domain/shared/domain-error.ts';
import { ERROR_TABLE } from './error-table.ts';
import type { EventFilter, ExclusiveConsumer, ForeignEvent, LoggedEvent } from './event-log.ts';

// What every adapter of the event log does alike.

/** Events that one read returns at most. */
const MAX_LIMIT = 10_000;

const DEFAULT_MAX_ATTEMPTS = 10;

/** Throws a `RangeError` for a limit that isn't a whole number from 1 to 10,000. */
export function requireLimit(limit: number): void {
  if (Number.isInteger(limit) && limit > 0 && limit <= MAX_LIMIT) return;
  throw new RangeError(`A limit is a whole number from 1 to ${MAX_LIMIT}.`);
}

/** Whether an event passes a filter. */
export function matches(event: LoggedEvent, { tenant, types }: EventFilter): boolean {
  return (tenant === undefined || event.tenant === tenant) && (types === undefined || types.includes(event.type));
}

/** What is kept of a foreign event besides its type: all that CloudEvents says about it, then its data. */
export function foreignPayload({ id, source, subject, time, data }: ForeignEvent): LoggedEvent['payload'] {
  return {
    id,
    source,
    ...(subject === undefined ? {} : { subject }),
    ...(time === undefined ? {} : { time: time.toISOString() }),
    data,
  };
}

/** Whether an event becomes a dead letter after so many failed tries, the last one with this error. */
export function isDead({ maxAttempts = DEFAULT_MAX_ATTEMPTS }: ExclusiveConsumer, attempts: number, error: unknown) {
  const hopeless = error instanceof DomainError && !ERROR_TABLE[error.kind].retry;
  return hopeless || attempts >= maxAttempts;
}

/** What is kept of an error: its code. Messages may contain what the log must not. */
export function errorCodeOf(error: unknown): string {
  return error instanceof DomainError ? error.code : 'unexpected';
}
