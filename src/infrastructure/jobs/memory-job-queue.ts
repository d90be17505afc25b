import type { JobQueue } from '../../application/shared/job-queue.ts';
import { completeSettings } from './job-settings.ts';
import type { JobQueueSettings } from './job-settings.ts';
import { MemoryJobStore } from './memory-job-store.ts';
import { MemoryJobTable } from './memory-job-table.ts';
import { StoreQueue } from './store-queue.ts';

export interface MemoryJobQueueOptions {
  readonly settings?: Partial<JobQueueSettings>;
  /** Given to several queues, it makes them share their jobs; a new one if left out. */
  readonly table?: MemoryJobTable;
}

/** A job queue in the memory of this process: for tests, and for work that may be lost with the process. */
export function memoryJobQueue(options: MemoryJobQueueOptions = {}): JobQueue {
  const settings = completeSettings(options.settings);
  const store = new MemoryJobStore(options.table ?? new MemoryJobTable(), settings);
  return new StoreQueue(store, settings, (error) => {
    // Memory has no faults: this is a defect, and an unhandled rejection is what it deserves.
    throw error;
  });
}
