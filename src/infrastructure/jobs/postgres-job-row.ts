import type { Job, JobPriority, JobState, RetryPolicy } from '../../application/shared/job-queue.ts';
import type { Json } from '../../domain/shared/domain-error.ts';

/** A row of jobs.job as pg reads it. */
export interface JobRow {
  /** A bigint, which pg hands over as text. */
  readonly number: string;
  readonly id: string;
  readonly tenant: string;
  readonly type: string;
  readonly payload: Json;
  readonly priority: JobPriority;
  readonly state: JobState;
  readonly created_at: Date;
  readonly run_at: Date;
  readonly retries: RetryPolicy | null;
  readonly attempt: number;
  readonly claim: number;
  readonly cancel_requested: boolean;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly concurrency_key: string | null;
  readonly progress_done: number | null;
  readonly progress_total: number | null;
  readonly progress_note: string | null;
  readonly checkpoint: Json;
  readonly result: Json;
  readonly failures: readonly { attempt: number; at: string; code: string; message: string }[];
  readonly actor: string | null;
  readonly correlation_id: string | null;
  readonly trace_parent: string | null;
}

/** The job as the port shows it. */
export function jobOfRow(row: JobRow): Job {
  return {
    id: row.id,
    type: row.type,
    tenant: row.tenant,
    payload: row.payload,
    priority: row.priority,
    state: row.state,
    createdAt: row.created_at,
    runAt: row.run_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    attempt: row.attempt,
    retries: row.retries ?? undefined,
    cancelRequested: row.cancel_requested,
    concurrencyKey: row.concurrency_key ?? undefined,
    progress: progressOf(row),
    checkpoint: row.checkpoint ?? undefined,
    result: row.result ?? undefined,
    failures: row.failures.map((failure) => ({ ...failure, at: new Date(failure.at) })),
    actor: row.actor ?? undefined,
    correlationId: row.correlation_id ?? undefined,
    traceParent: row.trace_parent ?? undefined,
  };
}

function progressOf({ progress_done: done, progress_total: total, progress_note: note }: JobRow): Job['progress'] {
  return done === null ? undefined : { done, total: total ?? undefined, note: note ?? undefined };
}
