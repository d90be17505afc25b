import type { ClientBase } from 'pg';
import { JOB_REQUESTED, requestedJob } from '../application/shared/decided-events.ts';
import type { ExclusiveConsumer } from '../application/shared/event-log.ts';
import type { PostgresJobQueue } from '../infrastructure/jobs/postgres-job-queue.ts';

/** Enqueues the jobs that decisions asked for, in the transaction that notes their events as done. */
export const jobStarter = (queue: PostgresJobQueue): ExclusiveConsumer => ({
  name: 'portolan.jobs',
  filter: { types: [JOB_REQUESTED] },
  handle: async (event, { unit }) => void (await queue.enqueueWithin(unit as ClientBase, requestedJob(event))),
});
