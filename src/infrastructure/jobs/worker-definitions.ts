import type { JobDefinition, RetryPolicy } from '../../application/shared/job-queue.ts';
import { maxTimerMs, requireRetryPolicy, requireType, requireValid } from './prepare-job.ts';
import { defaultRetryPolicy } from './retry-delay.ts';

/** A definition with all its defaults filled in. */
export interface CompleteDefinition extends JobDefinition {
  readonly concurrency: number;
  readonly retries: RetryPolicy;
  readonly timeoutMs: number;
  readonly leaseMs: number;
}

/** Checks the definitions of one worker and answers with them by type; throws `InvalidJob`. */
export function completeDefinitions(definitions: readonly JobDefinition[]): ReadonlyMap<string, CompleteDefinition> {
  const byType = new Map(definitions.map((definition) => [definition.type, complete(definition)]));
  requireValid(byType.size > 0, 'A worker needs at least one definition');
  requireValid(byType.size === definitions.length, 'A worker has one definition for each type');
  return byType;
}

function complete(definition: JobDefinition): CompleteDefinition {
  const { concurrency = 1, retries = defaultRetryPolicy, timeoutMs = 600_000, leaseMs = 3_000 } = definition;
  requireType(definition.type);
  requireRetryPolicy(retries);
  requireValid(Number.isInteger(concurrency) && concurrency >= 1, 'concurrency is at least 1');
  requireValid(timeoutMs > 0 && timeoutMs <= maxTimerMs, 'timeoutMs is from 1 to 24 days');
  requireValid(leaseMs >= 100 && leaseMs <= maxTimerMs, 'leaseMs is from 100 to 24 days');
  return { ...definition, concurrency, retries, timeoutMs, leaseMs };
}
