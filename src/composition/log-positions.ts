import type { Pool } from 'pg';
import type { EventLog } from '../application/shared/event-log.ts';
import { positionTokens, type PositionTokens } from '../application/shared/position-tokens.ts';
import { PostgresEventLog } from '../infrastructure/postgres/event-log.ts';

/**
 * How positions in the log of this database are written: with the log's epoch, so that one from before a restore is
 * refused and not misunderstood. To be asked at the start, for the option `positions`; on one database every program
 * and server writes them alike. Rejects when the database cannot be read.
 */
export async function logPositions(pool: Pool): Promise<PositionTokens> {
  const log = new PostgresEventLog({ pool, onError: () => undefined });
  try {
    return await positionsOf(log);
  } finally {
    await log.close();
  }
}

/** The same for a log that is open. Eight digits of the epoch tell it from others well enough, and keep tokens short. */
export async function positionsOf(log: Pick<EventLog, 'epoch'>): Promise<PositionTokens> {
  return positionTokens((await log.epoch()).slice(0, 8));
}
