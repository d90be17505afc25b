import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidJob } from '../../application/shared/job-errors.ts';
import type { JobQueue, JobSchedule } from '../../application/shared/job-queue.ts';
import { inState, jobOf, quick, uniqueType, until, withQueues } from './job-queue-site.ts';
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
      const worker = quick(type, async () => undefined);
      await withQueues([site.open()], async (queue) => {
        queue.work([worker]);
        await queue.schedule(everySecond(type));
        await haveTicked(queue, type, 1);
      });
      await withQueues([site.open()], async (queue) => {
        queue.work([worker]);
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
    title: 'starts anew when the rule of a schedule was changed, and makes good one tick that met a full queue',
    run: async (site) => {
      const type = uniqueType('changed');
      await withQueues([site.open({ maxDepth: 1 })], async (queue) => {
        const blocking = jobOf(type, { delayMs: 600_000 });
        await queue.enqueue(blocking);
        await queue.schedule({ ...everySecond(type), cron: '0 0 1 1 *' });
        await queue.schedule(everySecond(type));
        await sleep(2_200);
        assert.equal((await ticksOf(queue, type)).length, 1);
        await queue.cancel(blocking.id);
        await haveTicked(queue, type, 2);
      });
    },
  },
  {
    title: 'passes ticks over while a job of the schedule waits, runs or is to be run again',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('busy');
        await queue.schedule(everySecond(type));
        const [firstMs = 0] = await haveTicked(queue, type, 1);
        await sleep(1_200);
        assert.equal((await ticksOf(queue, type)).length, 1, 'while it waits');
        const handler = async ({ attempt }: { attempt: number }) => {
          await sleep(1_200);
          if (attempt === 1) throw new Error('Failed');
        };
        const worker = queue.work([quick(type, handler, { retries: { attempts: 2, backoff: [1_200] } })]);
        const [, secondMs = 0] = await haveTicked(queue, type, 2);
        await worker.stop({ deadlineMs: 0 });
        // It waited and ran for 4.8 s.
        assert.ok(secondMs - firstMs >= 4_000, `${secondMs - firstMs} ms`);
      }),
  },
  {
    title: 'keeps no more than the latest three dead jobs of a schedule, and all others of their type',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('dying');
        const alone = jobOf(type);
        await queue.enqueue(alone);
        const ids = new Set<string>();
        const handler = async ({ id }: { id: string }) => {
          ids.add(id);
          throw new Error('Always');
        };
        const worker = queue.work([quick(type, handler, { retries: { attempts: 1, backoff: [] } })]);
        await inState(queue, alone.id, 'dead');
        await queue.schedule(everySecond(type));
        const fifth = await until('five ticks', async () => [...ids][5]);
        await inState(queue, fifth, 'dead');
        await worker.stop();
        const { jobs } = await queue.list({ type, state: 'dead' });
        const dead = jobs.map(({ id }) => id);
        assert.ok(dead.length <= 4 && dead.includes(fifth) && dead.includes(alone.id), `${dead.length}`);
        assert.ok(![...ids].slice(1, 3).some((id) => dead.includes(id)), 'the first two are kept');
      }),
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
