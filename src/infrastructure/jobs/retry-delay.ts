import type { RetryPolicy } from '../../application/shared/job-queue.ts';

export const defaultRetryPolicy: RetryPolicy = { attempts: 3, backoff: [1_000, 5_000], jitter: 0.1 };

/**
 * Milliseconds to wait after the given failed attempt (1 for the first).
 *
 * @param random from 0 up to but not including 1
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  return Math.round(baseDelayMs(policy.backoff, attempt) * (1 + (policy.jitter ?? 0) * random));
}

function baseDelayMs(backoff: RetryPolicy['backoff'], attempt: number): number {
  if ('factor' in backoff) return Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** (attempt - 1));
  return backoff[Math.min(attempt, backoff.length) - 1] ?? 0;
}
