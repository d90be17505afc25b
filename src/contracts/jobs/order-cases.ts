import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobPriority, JobQueue } from '../../application/shared/job-queue.ts';
import { inState, jobOf, quick, uniqueType, until, withQueues } from './job-queue-site.ts';
import type { JobQueueCase } from './job-queue-site.ts';

const priorities: readonly JobPriority[] = ['low_priority', 'default', 'high_priority', 'critical'];
const shortHeadStarts = { critical: 300, high_priority: 200, default: 100, low_priority: 0 };

/** Runs all jobs of these types one after another and answers with their payloads in that order. */
async function orderOf(queue: JobQueue, types: readonly string[], count: number): Promise<unknown[]> {
  const order: unknown[] = [];
  const definitions = types.map((type) => quick(type, async (job) => void order.push(job.payload)));
  const worker = queue.work(definitions, { concurrency: 1 });
  await until('all jobs have run', async () => order.length === count);
  await worker.stop();
  return order;
}

/** Who runs when, and what never runs together. */
export const orderCases: readonly JobQueueCase[] = [
  {
    title: 'runs jobs of one priority in the order in which they were enqueued',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('fifo');
        const payloads = Array.from({ length: 20 }, (_, index) => index);
        await queue.enqueue(payloads.slice(0, 10).map((payload) => jobOf(type, { payload })));
        for (const payload of payloads.slice(10)) await queue.enqueue(jobOf(type, { payload }));
        assert.deepEqual(await orderOf(queue, [type], 20), payloads);
      }),
  },
  {
    title: 'lets the more urgent of two jobs pass, whatever their types',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const types = [uniqueType('urgent'), uniqueType('urgent')];
        for (const [index, priority] of priorities.entries()) {
          await queue.enqueue(jobOf(types[index % 2] ?? '', { priority, payload: priority }));
        }
        assert.deepEqual(await orderOf(queue, types, 4), ['critical', 'high_priority', 'default', 'low_priority']);
      }),
  },
  {
    title: 'lets nobody pass a job that has waited for longer than their head start, so that low is never starved',
    run: (site) =>
      withQueues([site.open({ headStartMs: shortHeadStarts })], async (queue) => {
        const type = uniqueType('ageing');
        await queue.enqueue(jobOf(type, { priority: 'low_priority', payload: 'old and low' }));
        await sleep(350);
        await queue.enqueue(jobOf(type, { priority: 'low_priority', payload: 'new and low' }));
        await queue.enqueue(jobOf(type, { priority: 'critical', payload: 'critical' }));
        assert.deepEqual(await orderOf(queue, [type], 3), ['old and low', 'critical', 'new and low']);
      }),
  },
  {
    title: 'runs each of many jobs once, with two workers in two processes',
    run: (site) => withQueues([site.open(), site.open()], (one, two) => runsEachOnce([one, two ?? one], 2, 100)),
  },
  {
    title: 'runs each of many jobs once, with fifty workers',
    run: (site) => withQueues([site.open(), site.open()], (one, two) => runsEachOnce([one, two ?? one], 50, 200)),
  },
  {
    title: 'runs no more jobs of a type at once than its definition says',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('width');
        let running = 0;
        let widest = 0;
        const handler = async () => {
          widest = Math.max(widest, ++running);
          await sleep(20);
          running -= 1;
        };
        const jobs = Array.from({ length: 12 }, () => jobOf(type));
        await queue.enqueue(jobs);
        const worker = queue.work([quick(type, handler, { concurrency: 4 })]);
        for (const { id } of jobs) await inState(queue, id, 'completed');
        await worker.stop();
        assert.equal(widest, 4);
      }),
  },
  {
    title: 'runs jobs of one concurrency key one at a time and those of others beside them',
    run: (site) =>
      withQueues([site.open(), site.open()], async (one, two = one) => {
        const types = [uniqueType('key'), uniqueType('key')];
        const running = new Map<unknown, number>();
        let widestKey = 0;
        let widest = 0;
        const change = (key: unknown, by: number) => {
          running.set(key, (running.get(key) ?? 0) + by);
          widestKey = Math.max(widestKey, running.get(key) ?? 0);
          widest = Math.max(
            widest,
            [...running.values()].reduce((sum, count) => sum + count, 0),
          );
        };
        const handler = async ({ tenant, concurrencyKey }: { tenant: string; concurrencyKey: string | undefined }) => {
          change(`${tenant} ${concurrencyKey}`, 1);
          await sleep(15);
          change(`${tenant} ${concurrencyKey}`, -1);
        };
        const keys = ['a', 'a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', 'b'];
        const jobs = keys.flatMap((concurrencyKey, index) =>
          ['x', 'y'].map((tenant) => jobOf(types[index % 2] ?? '', { tenant, concurrencyKey })),
        );
        const definitions = types.map((type) => quick(type, handler, { concurrency: 5 }));
        const workers = [one, two, one, two].map((queue) => queue.work(definitions));
        await Promise.all(jobs.map((job, index) => (index % 3 === 0 ? one : two).enqueue(job)));
        for (const { id } of jobs) await inState(one, id, 'completed', 15_000);
        await Promise.all(workers.map((worker) => worker.stop()));
        assert.equal(widestKey, 1);
        assert.ok(widest > 1 && widest <= 4, `${widest} at once`);
      }),
  },
];

async function runsEachOnce(queues: readonly JobQueue[], workers: number, jobs: number): Promise<void> {
  const type = uniqueType('once');
  const runs = new Map<string, number>();
  const definition = quick(type, async ({ id }) => void runs.set(id, (runs.get(id) ?? 0) + 1), { concurrency: 2 });
  const queueOf = (index: number): JobQueue => {
    const queue = queues[index % queues.length];
    assert.ok(queue);
    return queue;
  };
  const working = Array.from({ length: workers }, (_, index) => queueOf(index).work([definition]));
  const enqueued = Array.from({ length: jobs }, () => jobOf(type));
  await Promise.all(enqueued.map((job, index) => queueOf(index).enqueue(job)));
  for (const { id } of enqueued) await inState(queueOf(0), id, 'completed', 15_000);
  await Promise.all(working.map((worker) => worker.stop()));
  assert.deepEqual([...runs.values()], Array(jobs).fill(1));
}
