import type pg from 'pg';

/** Runs `work` with a transaction as `unit`: commits when it resolves, else rolls back and throws. */
export const transactionOn =
  (pool: pg.Pool) =>
  async (work: (unit: pg.PoolClient) => Promise<void>): Promise<void> => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await work(client);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  };
