import type { ClientBase, Pool } from 'pg';
import type { EnqueuedJob, JobQueue, NewJob } from '../../application/shared/job-queue.ts';
import { completeSettings } from './job-settings.ts';
import type { JobQueueSettings } from './job-settings.ts';
import { notifyWithin } from './postgres-job-signals.ts';
import { PostgresJobStore } from './postgres-job-store.ts';
import { prepareJob } from './prepare-job.ts';
import { outcomes, StoreQueue } from './store-queue.ts';

export interface PostgresJobQueueOptions {
  /**
   * At least three connections, best for the queue alone, so that slow transactions of others never hold up a
   * heartbeat. One is kept to listen once there are workers. The caller listens for the pool's `error` events and
   * ends the pool, after the queue.
   */
  readonly pool: Pool;
  readonly settings?: Partial<JobQueueSettings>;
  /** Hears errors of what the queue does on its own, such as a lost connection; it goes on by itself. Must not throw. */
  readonly onFault: (error: unknown) => void;
}

/** The port, and what only a database can offer. */
export interface PostgresJobQueue extends JobQueue {
  /**
   * Enqueues in the transaction that is open on this connection: the jobs are there when it commits, and never were
   * when it doesn't. A full queue takes them too: what a committed command has asked for is owed, and whether there is
   * room was for `requireRoom` to say. Throws `InvalidJob`, and leaves the transaction usable.
   */
  enqueueWithin(client: ClientBase, jobs: NewJob | readonly NewJob[]): Promise<readonly EnqueuedJob[]>;
}

/** A job queue in the schema `jobs` of a PostgreSQL database. */
export function postgresJobQueue(options: PostgresJobQueueOptions): PostgresJobQueue {
  const { pool, onFault } = options;
  const settings = completeSettings(options.settings);
  const store = new PostgresJobStore(pool, settings, onFault);
  const enqueueWithin: PostgresJobQueue['enqueueWithin'] = async (client, jobs) => {
    const prepared = [jobs].flat().map((job) => prepareJob(job, settings));
    const fresh = await store.insertWithin(client, prepared);
    const types = new Set(prepared.filter(({ id }) => fresh.has(id)).map(({ type }) => type));
    if (types.size > 0) await notifyWithin(client, [...types]);
    return outcomes(prepared, fresh);
  };
  return Object.assign(new StoreQueue(store, settings, onFault), { enqueueWithin });
}
