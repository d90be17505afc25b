import type { Job, JobPriority, JobState, RetryPolicy } from '../../application/shared/job-queue.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import type { JobNews, PreparedJob } from './job-store.ts';

/** A job as the memory adapter keeps it: JSON as text, so that nobody can change it from outside; times in ms. */
export interface MemoryJob {
  readonly number: number;
  readonly id: string;
  readonly tenant: string;
  readonly type: string;
  /** The schedule whose tick it is of. */
  readonly schedule: string | undefined;
  readonly payload: string;
  readonly priority: JobPriority;
  readonly headStartMs: number;
  readonly createdAtMs: number;
  readonly retries: RetryPolicy | undefined;
  readonly concurrencyKey: string | undefined;
  readonly actor: string | undefined;
  readonly correlationId: string | undefined;
  readonly traceParent: string | undefined;
  state: JobState;
  runAtMs: number;
  maxAttempts: number;
  attempt: number;
  claim: number;
  leaseUntilMs: number;
  cancelRequested: boolean;
  startedAtMs: number | undefined;
  finishedAtMs: number | undefined;
  progress: Job['progress'];
  checkpoint: string | undefined;
  result: string | undefined;
  failures: Job['failures'];
}

/**
 * What several queues of one process share as if it were their database: jobs by id and by state, the last ticks of
 * the schedules, and who wants to hear news.
 */
export class MemoryJobTable {
  readonly clock: () => number;
  readonly jobs = new Map<string, MemoryJob>();
  readonly running = new Set<MemoryJob>();
  readonly lastTicks = new Map<string, { readonly rule: string; readonly tickMs: number }>();
  readonly listeners = new Set<JobNews>();
  readonly #queued = new Map<string, MemoryJob[]>();
  readonly #scheduled = new Map<string, Set<MemoryJob>>();
  #lastNumber = 0;

  /** `clock` answers with milliseconds since 1970. */
  constructor(clock: () => number = Date.now) {
    this.clock = clock;
  }

  /** The queued jobs of a type in the order in which they are to be taken. */
  queued(type: string): readonly MemoryJob[] {
    return this.#queued.get(type) ?? [];
  }

  scheduled(type: string): ReadonlySet<MemoryJob> {
    return this.#scheduled.get(type) ?? new Set();
  }

  /** The jobs of a schedule in this state or these, newest first. */
  ofSchedule(name: string, ...states: readonly JobState[]): readonly MemoryJob[] {
    const found = [...this.jobs.values()].filter(({ schedule, state }) => schedule === name && states.includes(state));
    return found.sort((a, b) => b.number - a.number);
  }

  add(job: PreparedJob, schedule?: string): void {
    const now = this.clock();
    const runAtMs = job.runAt?.getTime() ?? now + job.delayMs;
    const added: MemoryJob = {
      ...job,
      schedule,
      number: ++this.#lastNumber,
      createdAtMs: now,
      state: runAtMs > now ? 'scheduled' : 'queued',
      runAtMs,
      maxAttempts: job.retries?.attempts ?? 1,
      attempt: 0,
      claim: 0,
      leaseUntilMs: 0,
      cancelRequested: false,
      startedAtMs: undefined,
      finishedAtMs: undefined,
      progress: undefined,
      checkpoint: undefined,
      result: undefined,
      failures: [],
    };
    this.jobs.set(added.id, added);
    this.#enter(added);
  }

  /** Moves a job to another state, where it waits for another time, if one is given. */
  move(job: MemoryJob, state: JobState, runAtMs = job.runAtMs): void {
    this.#leave(job);
    job.state = state;
    job.runAtMs = runAtMs;
    job.finishedAtMs = state === 'completed' || state === 'cancelled' || state === 'dead' ? this.clock() : undefined;
    this.#enter(job);
  }

  remove(job: MemoryJob): void {
    this.#leave(job);
    this.jobs.delete(job.id);
  }

  #enter(job: MemoryJob): void {
    if (job.state === 'running') this.running.add(job);
    if (job.state === 'scheduled') {
      const scheduled = this.#scheduled.get(job.type) ?? new Set();
      this.#scheduled.set(job.type, scheduled.add(job));
    }
    if (job.state === 'queued') {
      const queued = this.#queued.get(job.type) ?? [];
      this.#queued.set(job.type, queued);
      queued.splice(placeOf(job, queued), 0, job);
    }
  }

  #leave(job: MemoryJob): void {
    this.running.delete(job);
    this.#scheduled.get(job.type)?.delete(job);
    if (job.state !== 'queued') return;
    const queued = this.#queued.get(job.type) ?? [];
    queued.splice(placeOf(job, queued), 1);
  }
}

/** The order in which jobs are taken; negative when `a` comes first. */
export function byOrder(a: MemoryJob, b: MemoryJob): number {
  return a.runAtMs - a.headStartMs - (b.runAtMs - b.headStartMs) || a.number - b.number;
}

/** The job as the port shows it. */
export function toJob(job: MemoryJob): Job {
  const { id, type, tenant, priority, state, attempt, retries, cancelRequested, concurrencyKey } = job;
  const { progress, failures, actor, correlationId, traceParent } = job;
  return {
    ...{ id, type, tenant, priority, state, attempt, retries, cancelRequested, concurrencyKey },
    ...{ progress, failures, actor, correlationId, traceParent },
    payload: JSON.parse(job.payload),
    createdAt: new Date(job.createdAtMs),
    runAt: new Date(job.runAtMs),
    startedAt: job.startedAtMs === undefined ? undefined : new Date(job.startedAtMs),
    finishedAt: job.finishedAtMs === undefined ? undefined : new Date(job.finishedAtMs),
    checkpoint: jsonOf(job.checkpoint),
    result: jsonOf(job.result),
  };
}

/** A null counts as nothing, as it does in a database. */
function jsonOf(text: string | undefined): Json | undefined {
  return text === undefined ? undefined : (JSON.parse(text) ?? undefined);
}

/** Where the job stands or would stand in a sorted list. */
function placeOf(job: MemoryJob, sorted: readonly MemoryJob[]): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const other = sorted[middle];
    if (other !== undefined && byOrder(other, job) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
