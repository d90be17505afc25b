import assert from 'node:assert/strict';
import {
  InvalidJob,
  JobCancelled,
  JobQueueClosed,
  JobWorkerStopping,
  snooze,
} from '../../application/shared/job-errors.ts';
import type { Job, JobContext, JobPage, JobQueue } from '../../application/shared/job-queue.ts';
import { aborted, inState, jobOf, quick, signalled, uniqueType, withQueues } from './job-queue-site.ts';
import type { JobQueueCase } from './job-queue-site.ts';

/** What others can do about jobs and workers. */
export const controlCases: readonly JobQueueCase[] = [
  {
    title: 'cancels a waiting job at once, so that it never runs',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('cancel');
        const [queued, scheduled, last] = [jobOf(type), jobOf(type, { delayMs: 10 }), jobOf(type)] as const;
        await queue.enqueue([queued, scheduled]);
        for (const { id } of [queued, scheduled]) {
          assert.equal(await queue.cancel(id), 'cancelled');
          const job = await queue.get(id);
          assert.deepEqual([job?.state, job?.finishedAt instanceof Date], ['cancelled', true]);
          assert.equal(await queue.cancel(id), 'finished');
        }
        const ran: string[] = [];
        const worker = queue.work([quick(type, async ({ id }) => void ran.push(id))]);
        await queue.enqueue(last);
        await inState(queue, last.id, 'completed');
        await worker.stop();
        assert.deepEqual(ran, [last.id]);
        assert.equal(await queue.cancel(last.id), 'finished');
        assert.equal((await queue.get(last.id))?.state, 'completed');
      }),
  },
  {
    title: 'aborts a running job from another process, and it ends as cancelled however its handler ends',
    run: (site) =>
      withQueues([site.open(), site.open()], async (one, two = one) => {
        for (const ending of ['returns', 'throws']) {
          const started = signalled();
          const reasons: unknown[] = [];
          const handler = async (_job: Job, context: JobContext) => {
            started.signal();
            reasons.push(await aborted(context.signal));
            if (ending === 'throws') throw context.signal.reason;
            return 'finished all the same';
          };
          const job = jobOf(uniqueType('abort'));
          const worker = one.work([quick(job.type, handler)]);
          await one.enqueue(job);
          await started.wait();
          assert.equal(await two.cancel(job.id), 'cancelling');
          const ended = await inState(two, job.id, 'cancelled');
          assert.deepEqual([ended.result, ended.cancelRequested, ended.attempt], [undefined, true, 1]);
          assert.ok(reasons.length === 1 && reasons[0] instanceof JobCancelled);
          await worker.stop();
        }
      }),
  },
  {
    title: 'ends a job as cancelled though its handler heard nothing of it and finished or failed',
    run: (site) =>
      withQueues([site.open(), site.open()], async (one, two = one) => {
        const type = uniqueType('unheard');
        const handler = async ({ id, payload }: Job) => {
          assert.equal(await two.cancel(id), 'cancelling');
          if (payload === 'fails') throw new Error('Failed');
          if (payload === 'snoozes') throw snooze(1);
          return 'finished';
        };
        const worker = one.work([quick(type, handler)]);
        for (const payload of ['finishes', 'fails', 'snoozes']) {
          const job = jobOf(type, { payload });
          await one.enqueue(job);
          assert.equal((await inState(two, job.id, 'cancelled')).result, undefined);
        }
        await worker.stop();
      }),
  },
  {
    title: 'lists jobs newest first, in pages that neither repeat nor leave out one, by type, state and tenant',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('list');
        const jobs = Array.from({ length: 7 }, (_, index) => jobOf(type, { tenant: index % 2 === 0 ? 'even' : 'odd' }));
        await queue.enqueue(jobs);
        await queue.cancel(jobs[3]?.id ?? '');
        const ids = jobs.map(({ id }) => id).reverse();
        assert.deepEqual(await pagedIds(queue, { type, limit: 2 }), ids);
        assert.deepEqual(await pagedIds(queue, { type, limit: 7 }), ids);
        const odd = jobs.filter(({ tenant }) => tenant === 'odd').map(({ id }) => id);
        assert.deepEqual(await pagedIds(queue, { type, tenant: 'odd', limit: 2 }), odd.reverse());
        assert.deepEqual(await pagedIds(queue, { type, state: 'cancelled', limit: 2 }), [jobs[3]?.id]);
        assert.deepEqual(await queue.list({ type: uniqueType('none') }), { jobs: [], nextCursor: undefined });
        await assert.rejects(queue.list({ limit: 0 }), InvalidJob);
        await assert.rejects(queue.list({ cursor: '1 OR true' }), InvalidJob);
      }),
  },
  {
    title: 'counts jobs by type and state, and tells how long the oldest has waited',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('statistics');
        const [done, dead, cancelled] = [jobOf(type), jobOf(type, { payload: 'dead' }), jobOf(type)];
        const handler = async ({ payload }: Job) => {
          if (payload === 'dead') throw new Error('Dead');
        };
        const worker = queue.work([quick(type, handler, { retries: { attempts: 1, backoff: [] } })]);
        await queue.enqueue([done, dead]);
        await inState(queue, done.id, 'completed');
        await inState(queue, dead.id, 'dead');
        await worker.stop();
        const waiting = jobOf(type);
        await queue.enqueue([cancelled, waiting, jobOf(type), jobOf(type, { delayMs: 60_000 })]);
        await queue.cancel(cancelled.id);
        const waitedMs = async () => {
          const entry = (await queue.statistics()).find((statistics) => statistics.type === type);
          const counts = { scheduled: 1, queued: 2, running: 0, completed: 1, cancelled: 1, dead: 1 };
          assert.deepEqual(entry?.counts, counts);
          return entry.oldestWaitingMs;
        };
        const first = await waitedMs();
        const second = await waitedMs();
        assert.ok(first >= 0 && second >= first && second < 60_000, `${first} ms, ${second} ms`);
      }),
  },
  {
    title: 'counts the jobs of one tenant where one is named, and of all where none is',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('tenants');
        const [mine, other] = [`${type}-mine`, `${type}-other`];
        await queue.enqueue([
          jobOf(type, { tenant: mine }),
          jobOf(type, { tenant: other }),
          jobOf(type, { tenant: other }),
        ]);
        const queued = async (tenant?: string) =>
          (await queue.statistics(tenant)).filter((entry) => entry.type === type).map(({ counts }) => counts.queued);
        assert.deepEqual(await Promise.all([queued(mine), queued(other), queued()]), [[1], [2], [3]]);
        assert.deepEqual(await queue.statistics(`${type}-nobody`), []);
      }),
  },
  {
    title: 'forgets final jobs when asked to, dead ones only by name, and waiting ones never',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('purge');
        const [done, dead, waiting] = [jobOf(type), jobOf(type, { payload: 'dead' }), jobOf(type, { delayMs: 60_000 })];
        const handler = async ({ payload }: Job) => {
          if (payload === 'dead') throw new Error('Dead');
        };
        const worker = queue.work([quick(type, handler, { retries: { attempts: 1, backoff: [] } })]);
        await queue.enqueue([done, dead, waiting]);
        await inState(queue, done.id, 'completed');
        await inState(queue, dead.id, 'dead');
        await worker.stop();
        const left = async () => (await queue.list({ type })).jobs.map(({ state }) => state).sort();
        await queue.purge({ olderThanMs: 60_000 });
        assert.deepEqual(await left(), ['completed', 'dead', 'scheduled']);
        assert.ok((await queue.purge({ olderThanMs: 0 })) >= 1);
        assert.deepEqual(await left(), ['dead', 'scheduled']);
        await queue.purge({ olderThanMs: 0, states: ['dead'] });
        assert.deepEqual(await left(), ['scheduled']);
        await assert.rejects(queue.purge({ olderThanMs: 0, states: ['queued'] }), InvalidJob);
      }),
  },
  {
    title: 'stops gracefully: what runs may finish, nothing new is started',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const [started, release] = [signalled(), signalled()];
        const type = uniqueType('stop');
        const handler = async () => {
          started.signal();
          await release.wait();
          return 'finished';
        };
        const worker = queue.work([quick(type, handler)]);
        const [running, waiting] = [jobOf(type), jobOf(type)];
        await queue.enqueue([running, waiting]);
        await started.wait();
        const stopped = worker.stop({ deadlineMs: 10_000 });
        release.signal();
        await stopped;
        assert.equal((await queue.get(running.id))?.result, 'finished');
        assert.equal((await queue.get(waiting.id))?.state, 'queued');
        await worker.stop();
      }),
  },
  {
    title: 'releases what does not finish before the deadline of a stop, at no cost of an attempt',
    run: (site) =>
      withQueues([site.open(), site.open()], async (one, two = one) => {
        const started = signalled();
        const job = jobOf(uniqueType('release'), { retries: { attempts: 1, backoff: [] } });
        const reasons: unknown[] = [];
        const slow = async (_job: Job, context: JobContext) => {
          await context.checkpoint('half');
          started.signal();
          reasons.push(await aborted(context.signal));
          return 'half';
        };
        const worker = one.work([quick(job.type, slow)]);
        await one.enqueue(job);
        await started.wait();
        await worker.stop({ deadlineMs: 50 });
        assert.ok(reasons[0] instanceof JobWorkerStopping);
        const released = await two.get(job.id);
        assert.deepEqual([released?.state, released?.attempt, released?.failures], ['queued', 0, []]);
        const next = two.work([quick(job.type, async (_job, { attempt, state }) => [attempt, state ?? null])]);
        assert.deepEqual((await inState(two, job.id, 'completed')).result, [1, 'half']);
        await next.stop();
      }),
  },
  {
    title: 'can be closed twice, and then takes nothing more',
    run: async (site) => {
      const queue = await site.open();
      const type = uniqueType('close');
      queue.work([quick(type, async () => undefined)]);
      await Promise.all([queue.close(), queue.close()]);
      await queue.close();
      await assert.rejects(queue.enqueue(jobOf(type)), JobQueueClosed);
      assert.throws(() => queue.work([quick(type, async () => undefined)]), JobQueueClosed);
    },
  },
];

async function pagedIds(queue: JobQueue, filter: Parameters<JobQueue['list']>[0]): Promise<string[]> {
  const ids: string[] = [];
  let page: JobPage = await queue.list(filter);
  for (;;) {
    ids.push(...page.jobs.map(({ id }) => id));
    if (page.nextCursor === undefined) return ids;
    page = await queue.list({ ...filter, cursor: page.nextCursor });
  }
}
