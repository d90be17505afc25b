import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  InvalidJob,
  JobNotDead,
  JobTimedOut,
  PermanentJobFailure,
  snooze,
} from '../../application/shared/job-errors.ts';
import type { Job, JobContext } from '../../application/shared/job-queue.ts';
import { aborted, inState, jobOf, quick, signalled, uniqueType, until, withQueues } from './job-queue-site.ts';
import type { JobQueueCase } from './job-queue-site.ts';

/** What a handler can do, and what becomes of its job. */
export const runCases: readonly JobQueueCase[] = [
  {
    title: 'gives the handler its job and keeps the result',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const seen: Job[] = [];
        const job = jobOf(uniqueType('result'), { correlationId: 'c', traceParent: 't', actor: 'a', tenant: 'x' });
        const handler = async (running: Job) => {
          seen.push(running);
          return { sum: '3.50' };
        };
        const worker = queue.work([quick(job.type, handler)]);
        await queue.enqueue(job);
        const done = await inState(queue, job.id, 'completed');
        assert.deepEqual(done.result, { sum: '3.50' });
        assert.deepEqual(
          seen.map(({ state, correlationId, traceParent, actor, tenant }) => [
            state,
            correlationId,
            traceParent,
            actor,
            tenant,
          ]),
          [['running', 'c', 't', 'a', 'x']],
        );
        assert.ok(done.createdAt <= (done.startedAt ?? 0) && (done.startedAt ?? 0) <= (done.finishedAt ?? 0));
        await worker.stop();
      }),
  },
  {
    title: 'retries a failed job after its waits, counts its attempts and remembers the failures without any data',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const startedAt: number[] = [];
        const job = jobOf(uniqueType('retry'), { payload: { card: 'SECRET-1234' } });
        const handler = async ({ payload }: Job, { attempt }: JobContext) => {
          startedAt.push(performance.now());
          if (attempt < 3) throw new TypeError(`No good: ${JSON.stringify(payload)}`);
          return attempt;
        };
        const worker = queue.work([quick(job.type, handler, { retries: { attempts: 3, backoff: [100, 200] } })]);
        await queue.enqueue(job);
        const done = await inState(queue, job.id, 'completed');
        assert.equal(done.result, 3);
        assert.equal(done.attempt, 3);
        assert.deepEqual(
          done.failures.map(({ attempt, code }) => [attempt, code]),
          [
            [1, 'unexpected'],
            [2, 'unexpected'],
          ],
        );
        assert.ok(!JSON.stringify(done.failures).includes('SECRET'));
        const [first = 0, second = 0, third = 0] = startedAt;
        assert.ok(second - first >= 99 && third - second >= 199, `${startedAt}`);
        await worker.stop();
      }),
  },
  {
    title: 'makes a job a dead letter when its attempts are used up; its own retries go before the definition’s',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('dead');
        const fail = async () => {
          throw new Error('Always');
        };
        const worker = queue.work([quick(type, fail, { retries: { attempts: 5, backoff: [60_000] } })]);
        const job = jobOf(type, { retries: { attempts: 2, backoff: [0] } });
        await queue.enqueue(job);
        const dead = await inState(queue, job.id, 'dead');
        assert.equal(dead.attempt, 2);
        assert.equal(dead.failures.length, 2);
        assert.ok(dead.finishedAt);
        await worker.stop();
      }),
  },
  {
    title: 'runs a snoozed job again without counting the attempt',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const attempts: number[] = [];
        const handler = async (_job: Job, { attempt }: JobContext) => {
          attempts.push(attempt);
          if (attempts.length < 3) throw snooze(30);
        };
        const job = jobOf(uniqueType('snooze'), { retries: { attempts: 1, backoff: [] } });
        const worker = queue.work([quick(job.type, handler)]);
        await queue.enqueue(job);
        const done = await inState(queue, job.id, 'completed');
        assert.deepEqual(attempts, [1, 1, 1]);
        assert.deepEqual([done.attempt, done.failures], [1, []]);
        await worker.stop();
      }),
  },
  {
    title: 'makes a permanently failed job a dead letter at once, which can be re-driven with all its attempts',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        let broken = true;
        const handler = async (_job: Job, context: JobContext) => {
          if (broken) await context.checkpoint('half');
          if (broken) throw new PermanentJobFailure('The address does not exist');
          return [context.attempt, context.state ?? null];
        };
        const job = jobOf(uniqueType('permanent'));
        const worker = queue.work([quick(job.type, handler)]);
        await queue.enqueue(job);
        const dead = await inState(queue, job.id, 'dead');
        assert.equal(dead.attempt, 1);
        assert.deepEqual(
          dead.failures.map(({ code, message }) => [code, message]),
          [['jobs.permanent_failure', 'The address does not exist']],
        );
        broken = false;
        await queue.redrive(job.id);
        assert.deepEqual((await inState(queue, job.id, 'completed')).result, [1, 'half']);
        await assert.rejects(queue.redrive(job.id), JobNotDead);
        await worker.stop();
      }),
  },
  {
    title: 'shows progress while the job runs, and progress never goes back',
    run: (site) =>
      withQueues([site.open(), site.open()], async (one, two = one) => {
        const seen = signalled();
        const job = jobOf(uniqueType('progress'));
        const handler = async (_job: Job, context: JobContext) => {
          if (context.attempt === 2) return context.progress(10, 100, 'again');
          await context.progress(30, 100, 'rows');
          await context.progress(20, 100, 'back');
          await seen.wait();
          throw new Error('Once');
        };
        const worker = one.work([quick(job.type, handler)]);
        await one.enqueue(job);
        const progress = await until('progress', async () => (await two.get(job.id))?.progress);
        assert.deepEqual(progress, { done: 30, total: 100, note: 'rows' });
        seen.signal();
        const done = await inState(two, job.id, 'completed');
        assert.deepEqual([done.attempt, done.progress], [2, { done: 30, total: 100, note: 'rows' }]);
        await worker.stop();
      }),
  },
  {
    title: 'gives the next attempt the last checkpoint',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const states: unknown[] = [];
        const job = jobOf(uniqueType('checkpoint'));
        const handler = async (_job: Job, context: JobContext) => {
          states.push(context.state);
          await context.checkpoint({ row: context.attempt * 100, note: 'ü' });
          if (context.attempt < 3) throw new Error('Again');
        };
        const worker = queue.work([quick(job.type, handler)]);
        await queue.enqueue(job);
        const done = await inState(queue, job.id, 'completed');
        assert.deepEqual(states, [undefined, { row: 100, note: 'ü' }, { row: 200, note: 'ü' }]);
        assert.deepEqual(done.checkpoint, { row: 300, note: 'ü' });
        await worker.stop();
      }),
  },
  {
    title: 'aborts a handler that takes too long, and counts the attempt',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const reasons: unknown[] = [];
        const handler = async (_job: Job, context: JobContext) => {
          reasons.push(await aborted(context.signal));
          return 'too late';
        };
        const job = jobOf(uniqueType('timeout'));
        const retries = { attempts: 2, backoff: [0] };
        const worker = queue.work([quick(job.type, handler, { timeoutMs: 100, retries })]);
        await queue.enqueue(job);
        const dead = await inState(queue, job.id, 'dead');
        assert.ok(reasons.length === 2 && reasons.every((reason) => reason instanceof JobTimedOut));
        assert.deepEqual(
          dead.failures.map(({ code }) => code),
          ['jobs.timed_out', 'jobs.timed_out'],
        );
        assert.equal(dead.result, undefined);
        await worker.stop();
      }),
  },
  {
    title: 'keeps a job that runs for longer than its lease',
    run: (site) =>
      withQueues([site.open(), site.open()], async (one, two = one) => {
        let runs = 0;
        const handler = async () => {
          runs += 1;
          await sleep(2_600);
        };
        const job = jobOf(uniqueType('lease'));
        const definition = quick(job.type, handler, { leaseMs: 1_200 });
        const workers = [one, two].map((queue) => queue.work([definition]));
        await one.enqueue(job);
        assert.equal((await inState(one, job.id, 'completed')).attempt, 1);
        assert.equal(runs, 1);
        await Promise.all(workers.map((worker) => worker.stop()));
      }),
  },
  {
    title: 'refuses definitions that contradict each other or themselves',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const definition = quick(uniqueType('definition'), async () => undefined);
        assert.throws(() => queue.work([]), InvalidJob);
        assert.throws(() => queue.work([definition, definition]), InvalidJob);
        assert.throws(() => queue.work([{ ...definition, concurrency: 0 }]), InvalidJob);
        assert.throws(() => queue.work([{ ...definition, leaseMs: 1 }]), InvalidJob);
      }),
  },
];
