import type { Call } from './call.ts';
import { JobQueueFull } from './job-errors.ts';
import type { JobQueue } from './job-queue.ts';

/**
 * Asks whether one more job of a type may wait. What it resolves to is for the decision to call, and throws
 * `JobQueueFull` there if not: a command that was carried out before is answered again without room for its job.
 */
export async function roomFor(
  jobs: Pick<JobQueue, 'requireRoom'>,
  type: string,
  { unit }: Pick<Call, 'unit'>,
): Promise<() => void> {
  try {
    await jobs.requireRoom(type, unit);
    return () => undefined;
  } catch (error) {
    if (!(error instanceof JobQueueFull)) throw error;
    return () => {
      throw error;
    };
  }
}
