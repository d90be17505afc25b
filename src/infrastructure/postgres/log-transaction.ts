import type { Pool, PoolClient } from 'pg';
import { checkOut } from './pools.ts';
import { isConnectionLost } from './statement.ts';

/** How long the server lets a transaction run one statement, and sit idle, before it ends it; milliseconds. */
export interface TransactionLimits {
  readonly statementMs: number;
  readonly idleMs: number;
  /** How long a statement may wait for a lock; as long as it may run if left out. */
  readonly lockMs?: number;
}

/**
 * Runs `work` in a transaction: commits when it resolves, rolls back when it rejects.
 *
 * @param abort aborted here when the connection breaks meanwhile; aborted by others it says that the connection may
 * still be in use, so that a failure closes it instead of waiting for a roll-back
 */
export async function inTransaction<Result>(
  pool: Pool,
  { statementMs, idleMs, lockMs = statementMs }: TransactionLimits,
  work: (client: PoolClient) => Promise<Result>,
  abort: AbortController = new AbortController(),
): Promise<Result> {
  const client = await checkOut(pool);
  const onError = (error: Error): void => abort.abort(error);
  client.on('error', onError);
  try {
    await client.query(`BEGIN; SET LOCAL statement_timeout = ${statementMs}; SET LOCAL lock_timeout = ${lockMs};
                        SET LOCAL idle_in_transaction_session_timeout = ${idleMs}`);
    const result = await work(client);
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error('The commit was answered with a roll-back.');
    return result;
  } catch (error) {
    // What is not answered would keep the roll-back waiting behind it.
    if (isConnectionLost(error)) abort.abort(error);
    if (!abort.signal.aborted) await client.query('ROLLBACK').catch(onError);
    throw error;
  } finally {
    client.off('error', onError);
    client.release(abort.signal.aborted);
  }
}
