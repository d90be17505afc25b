import { JobQueueFull } from '../../application/shared/job-errors.ts';
import type { JobPriority } from '../../application/shared/job-queue.ts';

/** What an operator can choose about a queue; every adapter takes the same settings. */
export interface JobQueueSettings {
  /** Jobs of one type that may wait (scheduled or queued) before further ones are refused. */
  readonly maxDepth: number;
  /** In place of `maxDepth` for single types. */
  readonly maxDepthOf: Readonly<Record<string, number>>;
  /** What a refused caller is told. */
  readonly retryAfterSeconds: number;
  /** By how much a job passes jobs of lower priority that became due before it; never negative. */
  readonly headStartMs: Readonly<Record<JobPriority, number>>;
  /** How often workers look for work, expired leases and due jobs although nobody woke them. */
  readonly pollMs: number;
  /** How long a handler may go on after its signal was aborted before its slot is given to another job. */
  readonly abortGraceMs: number;
  /** Upper limit of payload, checkpoint and result, each as JSON in UTF-8. */
  readonly maxJsonBytes: number;
  /** Completed and cancelled jobs are forgotten after this time; dead ones stay. */
  readonly retentionMs: number;
}

/** Dead jobs of one schedule that are kept. */
export const deadPerSchedule = 3;

const minuteMs = 60_000;

export const defaultJobQueueSettings: JobQueueSettings = {
  maxDepth: 100_000,
  maxDepthOf: {},
  retryAfterSeconds: 5,
  headStartMs: { critical: 60 * minuteMs, high_priority: 10 * minuteMs, default: minuteMs, low_priority: 0 },
  pollMs: 1_000,
  abortGraceMs: 2_000,
  maxJsonBytes: 256 * 1024,
  retentionMs: 7 * 24 * 60 * minuteMs,
};

/** The defaults with what was chosen in their place. */
export function completeSettings(chosen: Partial<JobQueueSettings> = {}): JobQueueSettings {
  return { ...defaultJobQueueSettings, ...chosen };
}

/** Jobs of this type that may wait. */
export function maxDepthOf(type: string, { maxDepth, maxDepthOf }: JobQueueSettings): number {
  return maxDepthOf[type] ?? maxDepth;
}

/** The refusal of jobs for which there is no room. */
export function queueFull(type: string, { retryAfterSeconds }: JobQueueSettings): JobQueueFull {
  return new JobQueueFull(`Too many jobs of type ${type} are waiting`, { type, retryAfterSeconds });
}
