import type { Pool } from 'pg';
import type { LockOutcome, LockService } from '../../application/shared/lock-service.ts';
import { checkOut } from './pools.ts';

/** Advisory locks of PostgreSQL, each held by a connection of its own for as long as the work takes. */
export class PostgresLockService implements LockService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async tryWithLock<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<LockOutcome<T>> {
    const client = await checkOut(this.#pool);
    const lost = new AbortController();
    // The server releases the lock with the connection: whoever works on has to know.
    const onEnd = (): void => lost.abort(new Error(`The lock ${name} was lost with its connection.`));
    client.once('end', onEnd);
    let broken = true;
    try {
      const key = [`portolan.lock:${name}`];
      const { rows } = await client.query<{ acquired: boolean }>(
        'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS acquired',
        key,
      );
      if (rows[0]?.acquired !== true) {
        broken = false;
        return { acquired: false };
      }
      try {
        return { acquired: true, result: await work(lost.signal) };
      } finally {
        if (!lost.signal.aborted) {
          await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', key);
          broken = false;
        }
      }
    } finally {
      client.off('end', onEnd);
      // A connection in doubt is closed, and its lock with it.
      client.release(broken);
    }
  }
}
