import type { ClientBase, Pool } from 'pg';

/** Rows deleted by one statement, so that none runs long or holds many locks. */
const CHUNK = 10_000;

/**
 * Deletes receipts of commands older than the retention; a command repeated after that is carried out again.
 * Returns how many there were.
 */
export function purgeReceipts(pool: Pool, retentionHours: number): Promise<number> {
  return purge(pool, 'portolan.receipts', retentionHours);
}

/**
 * Deletes the notes of which consumer has handled which event. They guard against a checkpoint that is set back
 * by hand, so the retention bounds how far that may go. Returns how many there were.
 */
export function purgeConsumed(pool: Pool, retentionHours: number): Promise<number> {
  return purge(pool, 'portolan.consumed', retentionHours);
}

async function purge(db: ClientBase | Pool, table: string, retentionHours: number): Promise<number> {
  if (!(retentionHours >= 0)) throw new RangeError('A retention is a number of hours, 0 or more.');
  let purged = 0;
  for (;;) {
    const { rowCount } = await db.query(
      `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM ${table} WHERE created_at < clock_timestamp() - $1 * interval '1 hour' LIMIT ${CHUNK}))`,
      [retentionHours],
    );
    purged += rowCount ?? 0;
    if ((rowCount ?? 0) < CHUNK) return purged;
  }
}
