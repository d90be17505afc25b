import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { jobQueueContract } from '../../src/contracts/jobs/job-queue-contract.ts';
import type { JobQueueSite } from '../../src/contracts/jobs/job-queue-site.ts';
import { completeSettings } from '../../src/infrastructure/jobs/job-settings.ts';
import { claimKey } from '../../src/infrastructure/jobs/job-store.ts';
import type { JobStore } from '../../src/infrastructure/jobs/job-store.ts';
import { memoryJobQueue } from '../../src/infrastructure/jobs/memory-job-queue.ts';
import { MemoryJobStore } from '../../src/infrastructure/jobs/memory-job-store.ts';
import { MemoryJobTable } from '../../src/infrastructure/jobs/memory-job-table.ts';
import { postgresJobQueue } from '../../src/infrastructure/jobs/postgres-job-queue.ts';
import { PostgresJobStore } from '../../src/infrastructure/jobs/postgres-job-store.ts';
import { StoreQueue } from '../../src/infrastructure/jobs/store-queue.ts';
import { jobsDatabase } from '../support/jobs-database.ts';
import { transactionOn } from '../support/transaction.ts';

const runner = { describe, it, before, after };

const faults: unknown[] = [];
const onFault = (error: unknown): void => void faults.push(error);

/** A queue whose workers believe that their leases are extended, while the store hears nothing of them. */
function silenced(store: JobStore): StoreQueue {
  store.extendLeases = async (leases) => new Map(leases.map((lease) => [claimKey(lease), false]));
  return new StoreQueue(store, completeSettings(), onFault);
}

const memorySite = async (): Promise<JobQueueSite> => {
  const table = new MemoryJobTable();
  return {
    open: async ({ onFault: hear = onFault, ...settings } = {}) => memoryJobQueue({ table, settings, onFault: hear }),
    openSilent: async () => silenced(new MemoryJobStore(table, completeSettings())),
    close: async () => void expect(faults).to.deep.equal([]),
  };
};

jobQueueContract(runner, 'memory', memorySite, ['transaction']);

jobQueueContract(runner, 'PostgreSQL', async () => {
  const database = await jobsDatabase();
  return {
    open: async ({ onFault: hear = onFault, ...settings } = {}) =>
      postgresJobQueue({ pool: database.pool(), settings, onFault: hear }),
    openSilent: async () => silenced(new PostgresJobStore(database.pool(), completeSettings(), onFault)),
    transaction: transactionOn(database.pool()),
    close: async () => {
      await database.close();
      expect(faults).to.deep.equal([]);
    },
  };
});
