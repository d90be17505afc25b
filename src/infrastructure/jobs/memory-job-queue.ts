import { inspect } from 'node:util';
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
  /**
   * Hears errors of what the queue does on its own, such as those of a definition's `onDead`; it goes on by itself.
   * Must not throw. If left out, they become warnings of the process.
   */
  readonly onFault?: (error: unknown) => void;
}

/** A job queue in the memory of this process: for tests, and for work that may be lost with the process. */
export function memoryJobQueue(options: MemoryJobQueueOptions = {}): JobQueue {
  const settings = completeSettings(options.settings);
  const store = new MemoryJobStore(options.table ?? new MemoryJobTable(), settings);
  return new StoreQueue(store, settings, options.onFault ?? warn);
}

/** Not thrown: whoever tells of a fault has a job's run or a loop to bring to its end. Not passed over either. */
function warn(error: unknown): void {
  process.emitWarning('A job queue in memory met a fault', { type: 'JobQueueFault', detail: inspect(error) });
}
