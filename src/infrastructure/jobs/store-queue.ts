import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { InvalidJob, JobNotDead, JobNotFound, JobQueueClosed } from '../../application/shared/job-errors.ts';
import type {
  EnqueuedJob,
  Job,
  JobDefinition,
  JobFilter,
  JobPage,
  JobQueue,
  JobSchedule,
  JobState,
  JobStatistics,
  JobWorker,
  JobWorkerOptions,
  NewJob,
} from '../../application/shared/job-queue.ts';
import { JobScheduler } from './job-scheduler.ts';
import type { JobQueueSettings } from './job-settings.ts';
import type { JobNews, JobStore, PreparedJob } from './job-store.ts';
import { Loop } from './loop.ts';
import { isUuid, prepareJob, requireType, requireValid } from './prepare-job.ts';
import { StoreWorker } from './store-worker.ts';

const purgeEveryMs = 60_000;
const finalStates: readonly JobState[] = ['completed', 'cancelled', 'dead'];

/** The port over any store: checks what comes in, and wakes this process's workers without a detour. */
export class StoreQueue implements JobQueue {
  readonly #store: JobStore;
  readonly #settings: JobQueueSettings;
  readonly #onFault: (error: unknown) => void;
  readonly #workers = new Set<StoreWorker>();
  readonly #scheduler: JobScheduler;
  readonly #purging: Loop;
  #closed: Promise<void> | undefined;

  constructor(store: JobStore, settings: JobQueueSettings, onFault: (error: unknown) => void) {
    this.#store = store;
    this.#settings = settings;
    this.#onFault = onFault;
    this.#scheduler = new JobScheduler(store, settings, (type) => this.#tellAll([type]), onFault);
    this.#purging = new Loop(() => this.#purgeOld(), onFault, purgeEveryMs);
  }

  async enqueue(jobs: NewJob | readonly NewJob[]): Promise<readonly EnqueuedJob[]> {
    this.#requireOpen();
    const prepared = [jobs].flat().map((job) => prepareJob(job, this.#settings));
    if (prepared.length === 0) return [];
    const fresh = await this.#store.insert(prepared);
    this.#wakeFor(prepared.filter(({ id }) => fresh.has(id)));
    return outcomes(prepared, fresh);
  }

  async requireRoom(type: string, unit?: unknown): Promise<void> {
    this.#requireOpen();
    requireType(type);
    await this.#store.requireRoom(type, unit);
  }

  async get(id: string): Promise<Job | undefined> {
    return isUuid(id) ? await this.#store.find(id.toLowerCase()) : undefined;
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    const { limit = 50 } = filter;
    requireValid(Number.isInteger(limit) && limit >= 1 && limit <= 500, 'limit is from 1 to 500');
    requireValid(filter.cursor === undefined || /^\d{1,18}$/.test(filter.cursor), 'cursor is a nextCursor');
    return this.#store.list(filter, limit);
  }

  async cancel(id: string): Promise<'cancelled' | 'cancelling' | 'finished'> {
    const found = isUuid(id) ? await this.#store.cancel(id.toLowerCase()) : undefined;
    if (found === undefined) throw new JobNotFound('No job has this id');
    if (found.state === 'running') {
      this.#toWorkers.cancelling(id.toLowerCase());
      this.#store.news.cancelling(id.toLowerCase());
      return 'cancelling';
    }
    return found.changed ? 'cancelled' : 'finished';
  }

  async redrive(id: string): Promise<void> {
    const type = isUuid(id) ? await this.#store.redrive(id.toLowerCase()) : undefined;
    if (type !== undefined) return this.#tellAll([type]);
    if ((await this.get(id)) === undefined) throw new JobNotFound('No job has this id');
    throw new JobNotDead('Only a dead job can be re-driven');
  }

  statistics(tenant?: string): Promise<readonly JobStatistics[]> {
    return this.#store.statistics(tenant);
  }

  async purge(options: { readonly olderThanMs: number; readonly states?: readonly JobState[] }): Promise<number> {
    const { olderThanMs, states = ['completed', 'cancelled'] } = options;
    requireValid(olderThanMs >= 0, 'olderThanMs is at least 0');
    if (!states.every((state) => finalStates.includes(state))) throw new InvalidJob('Only final jobs can be purged');
    return this.#store.purge(olderThanMs, states);
  }

  async schedule(schedule: JobSchedule): Promise<void> {
    this.#requireOpen();
    await this.#scheduler.add(schedule);
  }

  work(definitions: readonly JobDefinition[], options: JobWorkerOptions = {}): JobWorker {
    this.#requireOpen();
    const id = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
    const worker = new StoreWorker(id, this.#store, this.#settings, definitions, {
      ...options,
      onFault: this.#onFault,
    });
    this.#workers.add(worker);
    this.#store.listen(this.#toWorkers);
    this.#purging.soon(purgeEveryMs);
    return worker;
  }

  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  async #close(options: { readonly deadlineMs?: number }): Promise<void> {
    await Promise.all([this.#scheduler.stop(), this.#purging.stop()]);
    await Promise.all([...this.#workers].map((worker) => worker.stop(options)));
    await this.#store.close();
  }

  readonly #toWorkers: JobNews = {
    queued: (types) => this.#workers.forEach((worker) => worker.queued(types)),
    cancelling: (id) => this.#workers.forEach((worker) => worker.cancelling(id)),
  };

  #tellAll(types: readonly string[]): void {
    this.#toWorkers.queued(types);
    this.#store.news.queued(types);
  }

  #wakeFor(jobs: readonly PreparedJob[]): void {
    const types = new Set<string>();
    for (const { type, runAt, delayMs } of jobs) {
      const waitMs = runAt === undefined ? delayMs : runAt.getTime() - Date.now();
      if (waitMs <= 0) types.add(type);
      else if (waitMs <= this.#settings.pollMs) this.#workers.forEach((worker) => worker.due(waitMs));
    }
    if (types.size > 0) this.#tellAll([...types]);
  }

  async #purgeOld(): Promise<number> {
    await this.#store.purge(this.#settings.retentionMs, ['completed', 'cancelled']);
    return purgeEveryMs;
  }

  #requireOpen(): void {
    if (this.#closed !== undefined) throw new JobQueueClosed('The job queue is closed');
  }
}

/** One outcome for each job, in order; of two with the same id the first is the new one. */
export function outcomes(jobs: readonly PreparedJob[], fresh: ReadonlySet<string>): readonly EnqueuedJob[] {
  const seen = new Set<string>();
  return jobs.map(({ id }) => {
    const outcome = fresh.has(id) && !seen.has(id) ? 'enqueued' : 'already_there';
    seen.add(id);
    return { id, outcome };
  });
}
