import type { PoolClient } from 'pg';
import { DeadlineExceeded, ResourceBusy, ServiceUnavailable } from '../../application/shared/errors.ts';
import { DomainError, type ErrorDetails } from '../../domain/shared/domain-error.ts';
import { isConnectionLost, sqlState } from './statement.ts';

/** Deadlock, serialisation, lost guard: the very same command may well succeed the next time. */
const PASSING = new Set(['40P01', '40001', 'PT409']);
const LOCK_TIMEOUT = '55P03';
const QUERY_CANCELED = '57014';
const TOO_MANY_CONNECTIONS = '53300';

/** The connection was lost after the commit was sent: whether the batch is stored isn't known. */
export class OutcomeUnknown extends Error {
  constructor(cause: unknown) {
    super('The connection was lost during the commit.', { cause });
  }
}

/** What has kept a command from being carried out so far. */
export type Hindrance = 'held' | { readonly outage: unknown };

/** Whether the failure lies in the circumstances rather than in the command. */
export function isPassing(error: unknown): boolean {
  return PASSING.has(sqlState(error) ?? '');
}

/** Whether somebody else held a lock for too long. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === LOCK_TIMEOUT;
}

/** Whether the server gave up a statement that took, or waited for a lock, too long. */
export function isTimeout(error: unknown): boolean {
  return isLockTimeout(error) || sqlState(error) === QUERY_CANCELED;
}

/** Whether the database was out of reach, so that every command of the batch is innocent. */
export function isOutage(error: unknown): boolean {
  return error instanceof OutcomeUnknown || isConnectionLost(error) || sqlState(error) === TOO_MANY_CONNECTIONS;
}

/** An outage, with what the driver said of it for the log. */
export function unavailable(message: string, cause: unknown, details: ErrorDetails = {}): DomainError {
  return Object.assign(new ServiceUnavailable(message, details), { cause });
}

/** An outage of the database as a caller is told of it; other errors come back as they are. */
export function explainOutage(error: unknown): unknown {
  if (error instanceof DomainError || !isOutage(error)) return error;
  return unavailable('The database does not answer.', error, { retryAfterSeconds: 1 });
}

/** What a command is told whose time is over. */
export function overdue(hindrance: Hindrance | undefined): DomainError {
  const retry = { retryAfterSeconds: 1 };
  if (hindrance === 'held') return new ResourceBusy('Somebody else holds what this needs.', retry);
  if (hindrance !== undefined) return unavailable('The database does not answer.', hindrance.outage, retry);
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
