import type { LoggedEvent } from '../../application/shared/event-log.ts';
import type { Statement } from './statement.ts';

/** Key of the advisory lock that every appender shares until its commit: the letters `portolan`. */
export const LOG_APPEND_LOCK = 0x706f72746f6c616en;

/**
 * The SQL expression that takes the appenders' lock, for writers that draw positions without `appendEvents`.
 *
 * The order is: row locks of the streams, this lock, positions. A position drawn before the row lock inverts versions
 * within a stream; one drawn before this lock is lost to readers, who wait for the holders of the lock only.
 */
export const TAKE_APPEND_LOCK = `pg_advisory_xact_lock_shared(${LOG_APPEND_LOCK})`;

/** An event ready to be stored: all but position and time, which the database gives. */
export type EventRow = Omit<LoggedEvent, 'position' | 'occurredAt'>;

/**
 * Takes the appenders' lock and inserts events in the order given; answers with one row whose `position` is that of
 * the last event. The rows of the streams must be locked already. A named statement costs half of an unnamed one.
 */
export function appendEvents(events: readonly EventRow[]): Statement {
  return {
    name: 'events-append',
    // The condition always holds. It is evaluated once, before the first row, so the lock comes before the positions.
    text: `
      WITH appended AS (
        INSERT INTO portolan.events (tenant, stream, stream_version, event_id, type, schema_version, actor,
                                     correlation_id, causation_id, trace_parent, payload)
        SELECT tenant, stream, "streamVersion", "eventId", type, "schemaVersion", actor,
               "correlationId", "causationId", "traceParent", payload
          FROM json_to_recordset($1::json) AS event
               (tenant text, stream text, "streamVersion" bigint, "eventId" uuid, type text, "schemaVersion" smallint,
                actor text, "correlationId" text, "causationId" text, "traceParent" text, payload json)
         WHERE (SELECT ${TAKE_APPEND_LOCK}) IS NOT NULL
        RETURNING position)
      SELECT max(position) AS position FROM appended`,
    values: [JSON.stringify(events)],
  };
}
