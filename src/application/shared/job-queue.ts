import type { Json } from '../../domain/shared/domain-error.ts';

/**
 * How urgent a job is. A job passes others of lower priority that became due up to its head start earlier and no
 * others, so that a waiting job of low priority has its turn in the end.
 */
export type JobPriority = 'critical' | 'high_priority' | 'default' | 'low_priority';

/** `scheduled` waits for its time, `queued` for a worker; `completed`, `cancelled` and `dead` are final. */
export type JobState = 'scheduled' | 'queued' | 'running' | 'completed' | 'cancelled' | 'dead';

/** Waits `initialMs` after the first failure and `factor` times longer after each further one, at most `maxMs`. */
export interface ExponentialBackoff {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** When a failed job is run again. */
export interface RetryPolicy {
  /** Runs altogether, the first included; when they are used up the job is dead. */
  readonly attempts: number;
  /** Milliseconds to wait after the first, second, … failure (the last one repeats), or a formula. */
  readonly backoff: readonly number[] | ExponentialBackoff;
  /** Lengthens each wait at random by up to this fraction of it; 0 if left out. */
  readonly jitter?: number;
}

/** What is to be done, by whom it was asked for, and when. */
export interface NewJob {
  /** A UUID chosen by the caller; the same id again changes nothing. */
  readonly id: string;
  /** Names the definition that runs it: lower-case letters, digits and `. : _ -`, at most 100 characters. */
  readonly type: string;
  /** `default` if left out. */
  readonly tenant?: string;
  /** Never a secret, never personal data: those are looked up by the handler. */
  readonly payload: Json;
  /** `default` if left out. */
  readonly priority?: JobPriority;
  /** Not before this instant. */
  readonly runAt?: Date;
  /** Not before this many milliseconds from now, by the queue's clock; not together with `runAt`. */
  readonly delayMs?: number;
  /** In place of the definition's. */
  readonly retries?: RetryPolicy;
  /** Jobs of one tenant with the same key run one at a time, whatever their types. */
  readonly concurrencyKey?: string;
  readonly actor?: string;
  readonly correlationId?: string;
  readonly traceParent?: string;
}

/** What became of one job given to `enqueue`. */
export interface EnqueuedJob {
  readonly id: string;
  readonly outcome: 'enqueued' | 'already_there';
}

/** A failed attempt. The message is cut to 500 characters and holds no data of the job. */
export interface JobFailure {
  readonly attempt: number;
  readonly at: Date;
  readonly code: string;
  readonly message: string;
}

/** How far a job has come; `done` never decreases. */
export interface JobProgress {
  readonly done: number;
  readonly total: number | undefined;
  readonly note: string | undefined;
}

/** A job as the queue remembers it. */
export interface Job {
  readonly id: string;
  readonly type: string;
  readonly tenant: string;
  readonly payload: Json;
  readonly priority: JobPriority;
  readonly state: JobState;
  readonly createdAt: Date;
  /** When it became or becomes due; the tick of a scheduled job. */
  readonly runAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  /** Attempts that count: a snooze and a release by a stopping worker do not. */
  readonly attempt: number;
  readonly retries: RetryPolicy | undefined;
  readonly cancelRequested: boolean;
  readonly concurrencyKey: string | undefined;
  readonly progress: JobProgress | undefined;
  readonly checkpoint: Json | undefined;
  readonly result: Json | undefined;
  /** The last ten, oldest first. */
  readonly failures: readonly JobFailure[];
  readonly actor: string | undefined;
  readonly correlationId: string | undefined;
  readonly traceParent: string | undefined;
}

/** What a handler can do besides its work. Every write is refused with `JobLeaseLost` once the job is another's. */
export interface JobContext {
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * Aborted by cancelling, time-out, loss of the lease and the end of a stopping worker's patience; its reason is
   * the error of that name. From then on the way in which the handler ends no longer counts.
   */
  readonly signal: AbortSignal;
  /** What the last `checkpoint` of this or an earlier attempt left. */
  readonly state: Json | undefined;
  /** Records how far the job has come; a `done` below the one recorded changes nothing. */
  progress(done: number, total?: number, note?: string): Promise<void>;
  /** Keeps the state that the next attempt starts from, should this one not reach the end. */
  checkpoint(state: Json): Promise<void>;
}

/** How the jobs of one type are run. */
export interface JobDefinition {
  readonly type: string;
  /**
   * Must bear to be run more than once; what it returns is the job's result. A thrown `DomainError` is retried or
   * makes the job dead as the error table says for its kind, `snooze` puts it off, any other error is retried.
   */
  readonly handler: (job: Job, context: JobContext) => Promise<Json | void>;
  /**
   * What follows for the business when the job becomes dead, in the commit in which it does: commands join it by
   * `unit`, as `CommandContext.unit` has it. So it may be run more than once, and is committed once for each death (a
   * job that is re-driven can die again); a queue without transactions has no unit to give and commits at once. When it
   * throws, its adapter tells of that as a fault, and the job lives on: once its lease is over it is run again or, with
   * its attempts used up, only this is. What it did is undone, or stays where it was committed at once.
   */
  readonly onDead?: (job: Job, failure: Pick<JobFailure, 'code' | 'message'>, unit: unknown) => Promise<void>;
  /** Jobs of this type that one worker runs at the same time; 1 if left out. */
  readonly concurrency?: number;
  /** Three attempts with 1 s, then 5 s between them if left out. */
  readonly retries?: RetryPolicy;
  /** 10 minutes if left out. */
  readonly timeoutMs?: number;
  /** How long the job is its worker's without a sign of life; 3 s if left out. */
  readonly leaseMs?: number;
}

/** What a worker tells about its jobs, for logs and metrics. */
export type JobWorkerEvent =
  | { readonly kind: 'started'; readonly job: Job; readonly waitedMs: number }
  | {
      readonly kind: 'ended';
      readonly job: Job;
      readonly outcome: 'completed' | 'retried' | 'snoozed' | 'released' | 'cancelled' | 'dead' | 'lost';
      readonly durationMs: number;
      readonly error: unknown;
    };

/** How one worker works. */
export interface JobWorkerOptions {
  /** Jobs that it runs at the same time over all types; if left out, what the definitions add up to. */
  readonly concurrency?: number;
  /** Must not throw. */
  readonly onEvent?: (event: JobWorkerEvent) => void;
}

/** A running set of job definitions. */
export interface JobWorker {
  /** Names it in the store. */
  readonly id: string;
  /**
   * Takes no more jobs and waits up to `deadlineMs` (30 s if left out) for those that run; then aborts them and
   * releases them to others, at no cost of an attempt. A second call waits for the first.
   */
  stop(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/** A job to be enqueued at each tick of a clock. */
export interface JobSchedule {
  /** Identifies the schedule for ever; the id of a tick's job follows from it and the tick. */
  readonly name: string;
  readonly type: string;
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** An IANA name, such as `Europe/Berlin`. */
  readonly timezone: string;
  readonly payload: Json;
  readonly tenant?: string;
  readonly priority?: JobPriority;
}

/** Which jobs `list` answers with, newest first. */
export interface JobFilter {
  readonly type?: string;
  readonly state?: JobState;
  readonly tenant?: string;
  /** 1 to 500; 50 if left out. */
  readonly limit?: number;
  /** The `nextCursor` of the page before. */
  readonly cursor?: string;
}

/** A part of a list; `nextCursor` is missing on the last one. */
export interface JobPage {
  readonly jobs: readonly Job[];
  readonly nextCursor: string | undefined;
}

/** The jobs of one type. */
export interface JobStatistics {
  readonly type: string;
  readonly counts: Readonly<Record<JobState, number>>;
  /** How long the oldest queued job has been due; 0 when none waits. */
  readonly oldestWaitingMs: number;
}

/**
 * Work to be done later, elsewhere and at least once. All times are by the queue's own clock (the database's,
 * where there is one).
 */
export interface JobQueue {
  /** All or none: answers with one outcome for each job, in order; throws `JobQueueFull` or `InvalidJob`. */
  enqueue(jobs: NewJob | readonly NewJob[]): Promise<readonly EnqueuedJob[]>;
  /**
   * Throws `JobQueueFull` unless there is room for a further job of this type, and `InvalidJob` for what is no type. For
   * commands that request a job, to be refused before anything is stored. Nothing is reserved: those who ask at the
   * same moment may pass the limit together. With `unit`, a transaction of the caller's as `CommandContext.unit` has it,
   * it is asked there, which that survives, and needs no other connection.
   */
  requireRoom(type: string, unit?: unknown): Promise<void>;
  /** The job, or undefined for an unknown id. */
  get(id: string): Promise<Job | undefined>;
  list(filter?: JobFilter): Promise<JobPage>;
  /**
   * Ends a waiting job at once (`cancelled`) and aborts a running one, which ends as cancelled however its handler
   * ends (`cancelling`); a job that is final stays what it is (`finished`). Throws `JobNotFound`.
   */
  cancel(id: string): Promise<'cancelled' | 'cancelling' | 'finished'>;
  /** Queues a dead job again with all its attempts and its last checkpoint; throws `JobNotFound`, `JobNotDead`. */
  redrive(id: string): Promise<void>;
  /** Of one tenant, or of all: one entry for each type of which there is a job, in order of the types. */
  statistics(tenant?: string): Promise<readonly JobStatistics[]>;
  /** Forgets jobs that have been final for this long, dead ones only if asked to; answers with their number. */
  purge(options: { readonly olderThanMs: number; readonly states?: readonly JobState[] }): Promise<number>;
  /**
   * Enqueues a job at each tick, once for all processes that know the schedule. Ticks are passed over while a job of
   * the schedule waits, also for a retry, or runs. Of the ticks missed while no process was up, and of those that met a
   * full queue, only the latest is made good. The next tick does what a dead job was to do: of these the latest three
   * are kept. Throws `InvalidJob`.
   */
  schedule(schedule: JobSchedule): Promise<void>;
  /** Starts to run the jobs of these types. */
  work(definitions: readonly JobDefinition[], options?: JobWorkerOptions): JobWorker;
  /** Stops its schedules and workers, each with this deadline. A second call waits for the first. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}
