import { once } from 'node:events';
import { expect } from 'chai';
import { PermanentJobFailure } from '../../src/application/shared/job-errors.ts';
import type {
  JobDefinition,
  JobQueue,
  JobWorkerEvent,
  JobWorkerOptions,
} from '../../src/application/shared/job-queue.ts';
import { inState, jobOf, uniqueType, until } from '../../src/contracts/jobs/job-queue-site.ts';
import { memoryJobQueue } from '../../src/infrastructure/jobs/memory-job-queue.ts';

describe('The job queue in memory, at the death of a job', () => {
  let queue: JobQueue;

  afterEach(() => queue.close({ deadlineMs: 0 }));

  /** A job that fails for good, and whose definition does this about it. */
  const doom = async (onDead: NonNullable<JobDefinition['onDead']>, options: JobWorkerOptions = {}) => {
    const job = jobOf(uniqueType('mourned'));
    const handler = async () => {
      throw new PermanentJobFailure('Never');
    };
    queue.work([{ type: job.type, handler, leaseMs: 200, onDead }], options);
    await queue.enqueue(job);
    return job;
  };

  it('tells of none where the job is cancelled while its definition hears of it', async () => {
    queue = memoryJobQueue({ settings: { pollMs: 50 } });
    const outcomes: string[] = [];
    const onEvent = (event: JobWorkerEvent): void => void (event.kind === 'ended' && outcomes.push(event.outcome));
    const doomed = await doom(async ({ id }) => void (await queue.cancel(id)), { onEvent });
    await inState(queue, doomed.id, 'cancelled');
    expect(outcomes).to.deep.equal(['lost']);
  });

  it('has nothing to roll back: what the definition did before it threw stays', async () => {
    const faults: unknown[] = [];
    queue = memoryJobQueue({ settings: { pollMs: 50 }, onFault: (error) => faults.push(error) });
    const other = jobOf(uniqueType('asked-for'));
    const outcomes: unknown[] = [];
    const doomed = await doom(async (_job, _failure, unit) => {
      const [enqueued] = await queue.enqueue(other);
      outcomes.push([unit, enqueued?.outcome]);
      if (outcomes.length === 1) throw new Error('The first time it fails');
    });
    await until('the failure is told', async () => faults.length === 1);
    expect(await queue.get(other.id)).to.include({ state: 'queued' });
    await inState(queue, doomed.id, 'dead');
    // Why such a hook chooses ids that say what they are for: the second time is harmless.
    expect(outcomes).to.deep.equal([
      [undefined, 'enqueued'],
      [undefined, 'already_there'],
    ]);
    expect(faults).to.have.length(1);
  });

  it('warns of it where nobody listens for faults, and closes as ever', async () => {
    // Node's own would print it among the results.
    const printing = process.listeners('warning');
    process.removeAllListeners('warning');
    const warned = once(process, 'warning');
    queue = memoryJobQueue();
    await doom(async () => {
      throw new Error('It always fails');
    });
    const [warning] = (await warned) as [Error & { detail?: string }];
    for (const listener of printing) process.on('warning', listener);
    expect(warning).to.include({ name: 'JobQueueFault', message: 'A job queue in memory met a fault' });
    expect(warning.detail).to.contain('Error: It always fails');
    await queue.close();
  });
});
