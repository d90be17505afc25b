import type { QueryConfig } from 'pg';
import type { DecidedEvent } from '../../application/shared/decided-events.ts';
import type { Write } from './merged-statement.ts';
import { RowSet } from './row-set.ts';
import { named } from './statement.ts';

/** Key of the advisory lock that every appender shares until its commit: the letters `portolan`. */
export const LOG_APPEND_LOCK = 0x706f72746f6c616en;

/**
 * The SQL expression that takes the appenders' lock, for writers that draw positions without `appendEvents`.
 *
 * The order is: row locks of the streams, this lock, positions. A position drawn before the row lock inverts versions
 * within a stream; one drawn before this lock is lost to readers, who wait for the holders of the lock only.
 */
export const TAKE_APPEND_LOCK = `pg_advisory_xact_lock_shared(${LOG_APPEND_LOCK})`;

const EVENTS = new RowSet<DecidedEvent>(
  {
    tenant: ['text', ({ tenant }) => tenant],
    stream: ['text', ({ stream }) => stream],
    stream_version: ['bigint', ({ streamVersion }) => streamVersion],
    event_id: ['uuid', ({ eventId }) => eventId],
    type: ['text', ({ type }) => type],
    schema_version: ['smallint', ({ schemaVersion }) => schemaVersion],
    actor: ['text', ({ actor }) => actor],
    correlation_id: ['text', ({ correlationId }) => correlationId],
    causation_id: ['text', ({ causationId }) => causationId],
    trace_parent: ['text', ({ traceParent }) => traceParent],
    payload: ['json', ({ payload }) => JSON.stringify(payload)],
  },
  1,
);

/** The position of the last event that `writeEvents` stores in the same statement. */
export const LAST_POSITION = '(SELECT max(position) FROM portolan_events)';

/**
 * The part of a statement that takes the appenders' lock and inserts events in the order given. The rows of the
 * streams must be locked already, or be new in the same statement: nobody else knows those.
 */
export function writeEvents(events: readonly DecidedEvent[]): Write {
  return {
    name: 'portolan_events',
    // The condition always holds. It is evaluated once, before the first row, so the lock comes before the positions.
    text: `INSERT INTO portolan.events (${EVENTS.names}) SELECT row.* FROM ${EVENTS.text}
      WHERE (SELECT ${TAKE_APPEND_LOCK}) IS NOT NULL RETURNING position`,
    values: EVENTS.values(events),
  };
}

/**
 * The same as a statement of its own, for a transaction of ours; answers with a row for each event, whose `position` it
 * has.
 */
export function appendEvents(events: readonly DecidedEvent[]): QueryConfig {
  const { text, values } = writeEvents(events);
  return { ...named(text), values: [...values] };
}
