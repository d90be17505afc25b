import { DomainError } from '../../domain/shared/domain-error.ts';
import { ERROR_TABLE } from '../../application/shared/error-table.ts';
import { JobCancelled, JobLeaseLost, JobSnoozed, JobWorkerStopping } from '../../application/shared/job-errors.ts';
import type { JobTimedOut } from '../../application/shared/job-errors.ts';
import type { JobWorkerEvent, RetryPolicy } from '../../application/shared/job-queue.ts';
import type { ClaimedJob, Settlement } from './job-store.ts';
import { lostWorkerError, summarizeFailure } from './failure-summary.ts';
import { retryDelayMs } from './retry-delay.ts';

/** Why a run was told to stop. */
export type AbortReason = JobCancelled | JobTimedOut | JobLeaseLost | JobWorkerStopping;

/** How a handler ended: with a result as JSON text, with an error, or told to stop, whatever it did then. */
export type Ending =
  | { readonly kind: 'returned'; readonly result: string | undefined }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'aborted'; readonly reason: AbortReason };

export type JobOutcome = Extract<JobWorkerEvent, { kind: 'ended' }>['outcome'];

const longestSnoozeMs = 366 * 24 * 60 * 60 * 1000;

/** What an ending means, and what is to be written about it: nothing if the lease was lost. */
export interface Conclusion {
  readonly outcome: JobOutcome;
  readonly settlement: Settlement | undefined;
  readonly error: unknown;
}

/**
 * Decides what becomes of a job.
 *
 * @param random from 0 up to but not including 1, for the jitter
 */
export function conclude(claimed: ClaimedJob, retries: RetryPolicy, ending: Ending, random: number): Conclusion {
  const settlement: Settlement = {
    id: claimed.id,
    claim: claimed.claim,
    state: 'completed',
    delayMs: undefined,
    refund: false,
    result: undefined,
    failure: undefined,
  };
  if (ending.kind === 'returned') {
    return { outcome: 'completed', settlement: { ...settlement, result: ending.result }, error: undefined };
  }
  const error = ending.kind === 'threw' ? ending.error : ending.reason;
  if (ending.kind === 'aborted') {
    if (error instanceof JobLeaseLost) return { outcome: 'lost', settlement: undefined, error };
    if (error instanceof JobCancelled) {
      return { outcome: 'cancelled', settlement: { ...settlement, state: 'cancelled' }, error };
    }
    if (error instanceof JobWorkerStopping) {
      return { outcome: 'released', settlement: { ...settlement, state: 'queued', refund: true }, error };
    }
  }
  if (error instanceof JobSnoozed) {
    const asked = Number(error.details['delayMs']);
    const delayMs = asked > 0 ? Math.min(asked, longestSnoozeMs) : 0;
    return { outcome: 'snoozed', settlement: { ...settlement, state: 'scheduled', delayMs, refund: true }, error };
  }
  const failure = summarizeFailure(error);
  const { attempt } = claimed.job;
  if (!mayRetry(error) || attempt >= retries.attempts) {
    return { outcome: 'dead', settlement: { ...settlement, state: 'dead', failure }, error };
  }
  const delayMs = retryDelayMs(retries, attempt, random);
  return { outcome: 'retried', settlement: { ...settlement, state: 'scheduled', delayMs, failure }, error };
}

/** What becomes of a job that was claimed although its attempts are used up: its workers were lost, the last one too. */
export function exhausted({ id, claim }: ClaimedJob): Conclusion {
  const spent = { state: 'dead', delayMs: undefined, refund: true, result: undefined, failure: undefined } as const;
  return { outcome: 'dead', settlement: { id, claim, ...spent }, error: lostWorkerError };
}

/** Unknown errors may go away; the error table knows which kinds of known ones do. */
function mayRetry(error: unknown): boolean {
  return ERROR_TABLE[error instanceof DomainError ? error.kind : 'unexpected'].retry;
}
