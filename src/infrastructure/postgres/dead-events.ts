import type { Pool } from 'pg';
import type { DeadEvent } from '../../application/shared/event-log.ts';

/** A tenant's oldest dead letters that have not been handled since, of one consumer or of all. */
export async function listDeadEvents(
  pool: Pool,
  tenant: string,
  limit: number,
  consumer?: string,
): Promise<DeadEvent[]> {
  const { rows } = await pool.query<Omit<DeadEvent, 'position'> & { readonly position: string }>(
    `SELECT consumer, event_id AS "eventId", position, error_code AS "errorCode", attempts, created_at AS "diedAt",
            redrive_requested_at IS NOT NULL AS redriving
       FROM portolan.dead_events
      WHERE tenant = $1 AND redriven_at IS NULL AND ($2::text IS NULL OR consumer = $2)
      ORDER BY created_at, consumer, position LIMIT $3`,
    [tenant, consumer ?? null, limit],
  );
  return rows.map((row) => ({ ...row, position: BigInt(row.position) }));
}

/** Asks for another try of a dead event; false when the tenant has no such dead letter. */
export async function requestRedrive(pool: Pool, tenant: string, consumer: string, eventId: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `UPDATE portolan.dead_events SET redrive_requested_at = coalesce(redrive_requested_at, clock_timestamp())
      WHERE tenant = $1 AND consumer = $2 AND event_id::text = $3 AND redriven_at IS NULL`,
    [tenant, consumer, eventId],
  );
  return rowCount === 1;
}
