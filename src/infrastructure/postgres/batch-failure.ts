import type { PoolClient } from 'pg';
import { DeadlineExceeded, ResourceBusy, ServiceUnavailable } from '../../application/shared/errors.ts';
import type { DomainError } from '../../domain/shared/domain-error.ts';
import { isConnectionLost, sqlState } from './statement.ts';

/** Deadlock, serialisation, lock time-out, lost guard: the very same commands may well succeed the next time. */
const PASSING = new Set(['40P01', '40001', '55P03', 'PT409']);

/** The connection was lost after the commit was sent: whether the batch is stored isn't known. */
export class OutcomeUnknown extends Error {
  constructor(cause: unknown) {
    super('The connection was lost during the commit.', { cause });
  }
}

/** Whether the failure lies in the circumstances rather than in the commands. */
export function isPassing(error: unknown): boolean {
  return isOutage(error) || PASSING.has(sqlState(error) ?? '');
}

/** Whether the database was out of reach, so that every command of the batch is innocent. */
export function isOutage(error: unknown): boolean {
  return error instanceof OutcomeUnknown || isConnectionLost(error);
}

/** What a command is told whose time is over, by its last failure if there was one. */
export function overdue(lastFailure: unknown): DomainError {
  const retry = { retryAfterSeconds: 1 };
  if (sqlState(lastFailure) === '55P03') return new ResourceBusy('Somebody else holds what this needs.', retry);
  if (isOutage(lastFailure)) return new ServiceUnavailable('The database does not answer.', retry);
  return new DeadlineExceeded('The command was not reached in time.', retry);
}

/** Rolls back and gives the connection back, or throws it away when it is broken. */
export async function abandon(client: PoolClient, error: unknown): Promise<void> {
  if (isConnectionLost(error)) {
    client.release(true);
    return;
  }
  try {
    await client.query('ROLLBACK');
    client.release();
  } catch (rollbackError) {
    client.release(rollbackError instanceof Error ? rollbackError : true);
  }
}
