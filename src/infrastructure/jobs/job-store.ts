import type {
  Job,
  JobFilter,
  JobPriority,
  JobState,
  JobStatistics,
  RetryPolicy,
} from '../../application/shared/job-queue.ts';

/** A checked job with all defaults filled in and its payload as JSON text. */
export interface PreparedJob {
  readonly id: string;
  readonly type: string;
  readonly tenant: string;
  readonly payload: string;
  readonly priority: JobPriority;
  readonly headStartMs: number;
  readonly runAt: Date | undefined;
  readonly delayMs: number;
  readonly retries: RetryPolicy | undefined;
  readonly concurrencyKey: string | undefined;
  readonly actor: string | undefined;
  readonly correlationId: string | undefined;
  readonly traceParent: string | undefined;
}

/** Room for jobs of one type, and on what terms they are taken. */
export interface ClaimSlot {
  readonly type: string;
  readonly free: number;
  readonly maxAttempts: number;
  readonly leaseMs: number;
}

/** The right to run a job: whatever is written about a run names it, and counts only while it is the latest. */
export interface Claim {
  readonly id: string;
  readonly claim: number;
}

export interface ClaimedJob extends Claim {
  readonly job: Job;
}

/** How a run ended, to be written if its claim still holds. */
export interface Settlement extends Claim {
  readonly state: 'completed' | 'cancelled' | 'dead' | 'queued' | 'scheduled';
  /** Until the next run; undefined keeps the job's place in the queue. */
  readonly delayMs: number | undefined;
  /** Whether the attempt is given back. */
  readonly refund: boolean;
  /** JSON text. */
  readonly result: string | undefined;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
}

/** What a schedule's last tick is, read together with the store's clock. */
export interface ScheduleClock {
  readonly now: Date;
  readonly lastTicks: ReadonlyMap<string, Date>;
}

/** What others may want to know at once; lost news cost a poll interval and nothing else. */
export interface JobNews {
  queued(types: Iterable<string>): void;
  cancelling(id: string): void;
}

/** Where the jobs are kept. Queue and worker are written against this, whatever the technology. */
export interface JobStore {
  /** Answers with the ids that were not there before; throws `JobQueueFull` and stores nothing. */
  insert(jobs: readonly PreparedJob[]): Promise<ReadonlySet<string>>;
  /** Throws `JobQueueFull` unless a further job of this type may wait; asked in the transaction `unit`, if there is one. */
  requireRoom(type: string, unit?: unknown): Promise<void>;
  find(id: string): Promise<Job | undefined>;
  list(filter: JobFilter, limit: number): Promise<{ jobs: readonly Job[]; nextCursor: string | undefined }>;
  /** The state that the job is in afterwards, and whether this call changed it; undefined for an unknown id. */
  cancel(id: string): Promise<{ readonly state: JobState; readonly changed: boolean } | undefined>;
  /** The type of the job that was dead, else undefined. */
  redrive(id: string): Promise<string | undefined>;
  statistics(tenant?: string): Promise<readonly JobStatistics[]>;
  purge(olderThanMs: number, states: readonly JobState[]): Promise<number>;

  /** Takes up to `limit` queued jobs in their order, no more of each type than its slot has room for. */
  claim(slots: readonly ClaimSlot[], limit: number, worker: string): Promise<readonly ClaimedJob[]>;
  /** Of those claims that still hold, whether cancelling was asked for; by `claimKey`. */
  extendLeases(leases: readonly (Claim & { leaseMs: number })[]): Promise<ReadonlyMap<string, boolean>>;
  /** The keys of those settlements that were written; the other claims held no more. */
  settle(settlements: readonly Settlement[]): Promise<ReadonlySet<string>>;
  /**
   * Settles a job as dead in one commit with what `mourn` does by its unit; false where the claim held no more or the
   * job was cancelled meanwhile, and then nothing is written. Rejects as `mourn` does.
   */
  bury(settlement: Settlement, mourn: (unit: unknown) => Promise<void>): Promise<boolean>;
  saveProgress(claim: Claim, done: number, total: number | undefined, note: string | undefined): Promise<boolean>;
  /** `state` is JSON text. */
  saveCheckpoint(claim: Claim, state: string): Promise<boolean>;
  /**
   * Queues what has become due and what lost its worker; answers with the milliseconds until the next scheduled
   * job of these types is due. What has lost a worker on its last attempt is dead, but for the types that are mourned:
   * those are queued once more, to be buried by who claims them.
   */
  maintain(types: readonly string[], mourned: readonly string[]): Promise<number>;

  /** Remembers a schedule from now on; its ticks start anew if its rule was changed. */
  openSchedule(name: string, cron: string, timezone: string): Promise<void>;
  scheduleClock(names: readonly string[]): Promise<ScheduleClock>;
  /**
   * Comes to this tick, if the schedule has not yet: enqueues its job unless one of the schedule has not ended, and
   * forgets dead ones but the latest. Answers whether it enqueued the job. Throws `JobQueueFull` and changes nothing.
   */
  tick(name: string, tick: Date, job: PreparedJob): Promise<boolean>;

  /** Tells other processes. */
  readonly news: JobNews;
  /** Starts to hear what other processes tell; harmless if it already does. */
  listen(listener: JobNews): void;
  close(): Promise<void>;
}

/** One string for a claim, to look it up by. */
export function claimKey({ id, claim }: Claim): string {
  return `${id} ${claim}`;
}
