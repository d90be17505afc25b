import type { Pool } from 'pg';
import type { JobDefinition, JobQueue, JobSchedule } from '../application/shared/job-queue.ts';
import { purgeConsumed, purgeReceipts } from '../infrastructure/postgres/log-retention.ts';

const PURGE = 'portolan.purge';
const WEEK_HOURS = 7 * 24;

/** Every hour, at a minute when little else begins. */
export const PURGE_SCHEDULE: JobSchedule = {
  ...{ name: PURGE, type: PURGE, payload: {} },
  ...{ cron: '7 * * * *', timezone: 'UTC' },
};

/** Forgets what was only kept for repeats: receipts, marks of consumed events, jobs that ended long ago. */
export const purgeJob = (pool: Pool, queue: JobQueue, receiptRetentionHours: number): JobDefinition => ({
  type: PURGE,
  handler: async () => ({
    receipts: await purgeReceipts(pool, receiptRetentionHours),
    consumed: await purgeConsumed(pool, WEEK_HOURS),
    jobs: await queue.purge({ olderThanMs: WEEK_HOURS * 3_600_000 }),
  }),
});
