import assert from 'node:assert/strict';
import { JobLeaseLost } from '../../application/shared/job-errors.ts';
import type { Job, JobContext, JobDefinition, JobQueue } from '../../application/shared/job-queue.ts';
import { inState, jobOf, quick, signalled, uniqueType, withQueues } from './job-queue-site.ts';
import type { JobQueueCase, JobQueueSite } from './job-queue-site.ts';

/** What happens to the jobs of a worker that died or slept. */
export const takeoverCases: readonly JobQueueCase[] = [
  {
    title: 'takes over a job within five seconds when its worker is silent, and a late worker can write nothing',
    needs: 'takeover',
    run: (site) =>
      withQueues([silent(site), site.open()], async (sleeping, waking = sleeping) => {
        const [started, wake, late] = [signalled(), signalled(), signalled()];
        const refusals: unknown[] = [];
        const sleeper = async (_job: Job, context: JobContext) => {
          await context.checkpoint('from the first');
          started.signal();
          await wake.wait();
          for (const write of [() => context.progress(99), () => context.checkpoint('from a ghost')]) {
            await write().catch((error: unknown) => refusals.push(error));
          }
          late.signal();
          return 'from a ghost';
        };
        const job = jobOf(uniqueType('takeover'));
        const asleep = sleeping.work([quick(job.type, sleeper)]);
        await sleeping.enqueue(job);
        await started.wait();
        const silentSince = performance.now();
        const successor = async (_job: Job, context: JobContext) => {
          const takenOverMs = performance.now() - silentSince;
          await context.progress(1);
          wake.signal();
          await late.wait();
          return { takenOverMs, attempt: context.attempt, state: context.state ?? null };
        };
        const awake = waking.work([quick(job.type, successor)]);
        const done = await inState(waking, job.id, 'completed');
        await asleep.stop();
        const { takenOverMs, attempt, state } = done.result as { takenOverMs: number; attempt: number; state: string };
        assert.ok(takenOverMs < 5_000, `${takenOverMs} ms`);
        assert.deepEqual([attempt, state], [2, 'from the first']);
        assert.ok(refusals.length === 2 && refusals.every((error) => error instanceof JobLeaseLost));
        const kept = await waking.get(job.id);
        assert.deepEqual([kept?.result, kept?.checkpoint, kept?.progress?.done], [done.result, 'from the first', 1]);
        assert.deepEqual(
          kept?.failures.map(({ code }) => code),
          ['jobs.lease_lost'],
        );
        await awake.stop();
      }),
  },
  {
    title: 'ignores the result of a late worker while its successor runs',
    needs: 'takeover',
    run: (site) =>
      withQueues([silent(site), site.open()], async (sleeping, waking = sleeping) => {
        const [started, wake, release] = [signalled(), signalled(), signalled()];
        const job = jobOf(uniqueType('ghost'));
        const ghost = async () => {
          started.signal();
          await wake.wait();
          return 'from a ghost';
        };
        const asleep = sleeping.work([quick(job.type, ghost, { leaseMs: 300 })]);
        await sleeping.enqueue(job);
        await started.wait();
        const successor = async () => {
          wake.signal();
          await release.wait();
          return 'from the successor';
        };
        const awake = waking.work([quick(job.type, successor)]);
        await wake.wait();
        await asleep.stop();
        const running = await waking.get(job.id);
        assert.deepEqual([running?.state, running?.attempt, running?.result], ['running', 2, undefined]);
        release.signal();
        assert.equal((await inState(waking, job.id, 'completed')).result, 'from the successor');
        await awake.stop();
      }),
  },
  {
    title: 'makes a job that used up its attempts by losing its workers a dead letter',
    needs: 'takeover',
    run: (site) =>
      withQueues([silent(site), site.open()], async (sleeping, waking = sleeping) => {
        const [started, wake] = [signalled(), signalled()];
        const job = jobOf(uniqueType('poison'), { retries: { attempts: 1, backoff: [] } });
        const handler = async () => {
          started.signal();
          await wake.wait();
          return 'from a ghost';
        };
        const asleep = sleeping.work([quick(job.type, handler, { leaseMs: 300 })]);
        await sleeping.enqueue(job);
        await started.wait();
        const awake = waking.work([quick(job.type, async () => 'never')]);
        await inState(waking, job.id, 'dead');
        wake.signal();
        await asleep.stop();
        assert.equal((await waking.get(job.id))?.result, undefined);
        await awake.stop();
      }),
  },
  {
    title: 'tells its definition also of the death of a job that used up its attempts by losing its workers',
    needs: 'takeover',
    run: (site) =>
      withQueues([silent(site), site.open()], async (sleeping, waking = sleeping) => {
        const [started, wake] = [signalled(), signalled()];
        const deaths: unknown[] = [];
        const onDead: JobDefinition['onDead'] = async ({ id }, { code }) => void deaths.push([id, code]);
        const job = jobOf(uniqueType('orphan'), { retries: { attempts: 1, backoff: [] } });
        const handler = async () => {
          started.signal();
          await wake.wait();
          return 'from a ghost';
        };
        const asleep = sleeping.work([quick(job.type, handler, { leaseMs: 300, onDead })]);
        await sleeping.enqueue(job);
        await started.wait();
        const awake = waking.work([quick(job.type, async () => 'never', { onDead })]);
        const dead = await inState(waking, job.id, 'dead');
        wake.signal();
        await asleep.stop();
        assert.deepEqual(deaths, [[job.id, 'jobs.lease_lost']]);
        assert.deepEqual([dead.attempt, dead.failures.length, dead.result], [1, 1, undefined]);
        await awake.stop();
      }),
  },
];

function silent(site: JobQueueSite): Promise<JobQueue> {
  assert.ok(site.openSilent, 'This case needs openSilent');
  return site.openSilent();
}
