import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidJob } from '../../application/shared/job-errors.ts';
import type { JobQueue, JobSchedule } from '../../application/shared/job-queue.ts';
import { quick, uniqueType, until, withQueues } from './job-queue-site.ts';
import type { JobQueueCase } from './job-queue-site.ts';

function everySecond(type: string): JobSchedule {
  return { name: type, type, cron: '* * * * * *', timezone: 'Europe/Berlin', payload: { tick: true } };
}

/** The ticks for which there is a job, oldest first, in ms. */
async function ticksOf(queue: JobQueue, type: string): Promise<number[]> {
  const { jobs } = await queue.list({ type });
  return jobs.map(({ runAt }) => runAt.getTime()).reverse();
}

async function haveTicked(queue: JobQueue, type: string, count: number): Promise<number[]> {
  return until(`${count} ticks`, async () => {
    const ticks = await ticksOf(queue, type);
    return ticks.length >= count && ticks;
  });
}

/** What `schedule` promises. */
export const scheduleCases: readonly JobQueueCase[] = [
  {
    title: 'enqueues each tick once, however many processes know the schedule',
    run: (site) =>
      withQueues([site.open(), site.open(), site.open()], async (one, two = one, three = one) => {
        const type = uniqueType('cron');
        const ran: unknown[] = [];
        for (const queue of [one, two, three]) {
          await queue.schedule(everySecond(type));
          await queue.schedule(everySecond(type));
        }
        const workers = [one, two].map((queue) => queue.work([quick(type, async (job) => void ran.push(job.payload))]));
        await haveTicked(one, type, 3);
        const ticks = await ticksOf(one, type);
        assert.equal(new Set(ticks).size, ticks.length);
        assert.ok(
          ticks.every((tick) => tick % 1_000 === 0),
          `${ticks}`,
        );
        await until('the jobs have run', async () => ran.length >= 3);
        assert.deepEqual(ran[0], { tick: true });
        await Promise.all(workers.map((worker) => worker.stop()));
      }),
  },
  {
    title: 'makes good the latest of the ticks that were missed, and no other',
    run: async (site) => {
      const type = uniqueType('missed');
      await withQueues([site.open()], async (queue) => {
        await queue.schedule(everySecond(type));
        await haveTicked(queue, type, 1);
      });
      await withQueues([site.open()], async (queue) => {
        const before = await ticksOf(queue, type);
        await sleep(3_300);
        assert.deepEqual(await ticksOf(queue, type), before);
        await queue.schedule(everySecond(type));
        const [next = 0] = (await haveTicked(queue, type, before.length + 1)).slice(before.length);
        const lastMs = before.at(-1) ?? 0;
        assert.ok(next - lastMs >= 3_000, `${next - lastMs} ms after the last tick`);
      });
    },
  },
  {
    title: 'starts anew when the rule of a schedule was changed, and keeps to one tick when its queue is full',
    run: async (site) => {
      const type = uniqueType('changed');
      await withQueues([site.open({ maxDepth: 1 })], async (queue) => {
        await queue.schedule({ ...everySecond(type), cron: '0 0 1 1 *' });
        await queue.schedule(everySecond(type));
        await haveTicked(queue, type, 1);
        await sleep(2_200);
        assert.equal((await ticksOf(queue, type)).length, 1);
      });
    },
  },
  {
    title: 'refuses what is no cron expression, no time zone or no name',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const schedule = everySecond(uniqueType('invalid'));
        for (const fault of [{ cron: '61 * * * *' }, { cron: '' }, { timezone: 'Mars/Base' }, { name: 'a b' }]) {
          await assert.rejects(queue.schedule({ ...schedule, ...fault }), InvalidJob, JSON.stringify(fault));
        }
      }),
  },
];
