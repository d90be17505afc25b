import type { Pool } from 'pg';
import type { DeadEvent } from '../../application/shared/event-log.ts';

/** The oldest dead letters that have not been handled since, of one consumer or of all. */
export async function listDeadEvents(pool: Pool, limit: number, consumer?: string): Promise<DeadEvent[]> {
  const { rows } = await pool.query<Omit<DeadEvent, 'position'> & { readonly position: string }>(
    `SELECT consumer, event_id AS "eventId", position, error_code AS "errorCode", attempts, created_at AS "diedAt",
            redrive_requested_at IS NOT NULL AS redriving
       FROM portolan.dead_events
      WHERE redriven_at IS NULL AND ($1::text IS NULL OR consumer = $1)
      ORDER BY created_at, consumer, position LIMIT $2`,
    [consumer ?? null, limit],
  );
  return rows.map((row) => ({ ...row, position: BigInt(row.position) }));
}

/** Asks for another try of a dead event; false when there is no such dead letter. */
export async function requestRedrive(pool: Pool, consumer: string, eventId: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `UPDATE portolan.dead_events SET redrive_requested_at = coalesce(redrive_requested_at, clock_timestamp())
      WHERE consumer = $1 AND event_id::text = $2 AND redriven_at IS NULL`,
    [consumer, eventId],
  );
  return rowCount === 1;
}
