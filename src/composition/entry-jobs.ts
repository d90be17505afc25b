/** `portolan/jobs`: a job queue in the memory of this process, with schedules; it loads `cron-parser`. */
export type { JobQueueSettings } from '../infrastructure/jobs/job-settings.ts';
export { memoryJobQueue, type MemoryJobQueueOptions } from '../infrastructure/jobs/memory-job-queue.ts';
export { MemoryJobTable } from '../infrastructure/jobs/memory-job-table.ts';
