import type { Pool, PoolClient } from 'pg';
import { checkOut } from './pools.ts';

/** Where batches get their connections from: a pool that others may have emptied. */
export class BatchConnections<Command> {
  readonly #pool: Pool;
  readonly #waiting = new Set<readonly Command[]>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** A connection for a batch, however long that takes; its commands can be given up meanwhile. */
  async checkOut(batch: readonly Command[]): Promise<PoolClient> {
    this.#waiting.add(batch);
    try {
      return await checkOut(this.#pool);
    } finally {
      this.#waiting.delete(batch);
    }
  }

  /** Tells `isOver` of the commands of batches that wait. It rejects those whose time is over, which stay in their batch. */
  expire(isOver: (command: Command) => unknown): void {
    for (const batch of this.#waiting) batch.forEach(isOver);
  }
}
