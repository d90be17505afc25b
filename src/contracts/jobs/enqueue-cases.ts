import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { InvalidJob, JobNotFound, JobQueueFull } from '../../application/shared/job-errors.ts';
import type { NewJob } from '../../application/shared/job-queue.ts';
import { inState, jobOf, quick, uniqueType, until, withQueues } from './job-queue-site.ts';
import type { JobQueueCase } from './job-queue-site.ts';

/** What `enqueue` promises. */
export const enqueueCases: readonly JobQueueCase[] = [
  {
    title: 'knows nothing of an unknown id',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        for (const id of [randomUUID(), 'not-a-uuid']) {
          assert.equal(await queue.get(id), undefined);
          await assert.rejects(queue.cancel(id), JobNotFound);
          await assert.rejects(queue.redrive(id), JobNotFound);
        }
      }),
  },
  {
    title: 'keeps everything that a job was given',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const given = {
          id: randomUUID(),
          type: uniqueType('given'),
          tenant: 'tenant-ü',
          priority: 'high_priority',
          runAt: new Date('2199-12-31T23:59:59.123Z'),
          retries: { attempts: 7, backoff: { initialMs: 10, factor: 2, maxMs: 1_000 }, jitter: 0.5 },
          concurrencyKey: 'key ☂',
          actor: 'user:42',
          correlationId: 'correlation',
          traceParent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          payload: { a: 1 },
        } satisfies NewJob;
        await queue.enqueue(given);
        const job = await queue.get(given.id);
        assert.ok(job);
        assert.deepEqual({ ...job, ...given }, job);
        assert.equal(job.state, 'scheduled');
        assert.equal(job.attempt, 0);
        assert.deepEqual([job.startedAt, job.finishedAt, job.progress, job.result], Array(4).fill(undefined));
        await queue.cancel(given.id);
      }),
  },
  {
    title: 'hands over a payload as it was given: unicode, control characters, long decimals as text, order of keys',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const payload = {
          z: 'naïve 日本語 👩‍👩‍👧 e\u0301 \u0000 \u2028 "\\',
          a: { amount: '99999999999999999999.999999999999', count: Number.MAX_SAFE_INTEGER, ratio: 0.1, none: null },
          list: [true, [], {}, '', -0.5, '2024-02-29T23:59:59.999Z'],
        };
        const job = jobOf(uniqueType('payload'), { payload });
        const worker = queue.work([quick(job.type, async (running) => running.payload)]);
        await queue.enqueue(job);
        const { result, payload: kept } = await inState(queue, job.id, 'completed');
        assert.deepEqual(result, payload);
        assert.equal(JSON.stringify(kept), JSON.stringify(payload));
        await worker.stop();
      }),
  },
  {
    title: 'enqueues an id once, says so, and keeps the first job',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const job = jobOf(uniqueType('twice'), { payload: 'first' });
        const outcomes = await queue.enqueue([job, { ...job, payload: 'second' }]);
        assert.deepEqual(outcomes, [
          { id: job.id, outcome: 'enqueued' },
          { id: job.id, outcome: 'already_there' },
        ]);
        const worker = queue.work([quick(job.type, async () => 'done')]);
        await inState(queue, job.id, 'completed');
        assert.deepEqual(await queue.enqueue({ ...job, payload: 'third' }), [{ id: job.id, outcome: 'already_there' }]);
        const kept = await queue.get(job.id.toUpperCase());
        assert.deepEqual([kept?.payload, kept?.state, kept?.attempt], ['first', 'completed', 1]);
        await worker.stop();
      }),
  },
  {
    title: 'lets one of fifty callers with the same id at the same time be the first',
    run: (site) =>
      withQueues([site.open(), site.open()], async (one, two) => {
        const job = jobOf(uniqueType('race'));
        const callers = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : (two ?? one)).enqueue(job));
        const outcomes = (await Promise.all(callers)).flat().map(({ outcome }) => outcome);
        assert.equal(outcomes.filter((outcome) => outcome === 'enqueued').length, 1);
      }),
  },
  {
    title: 'refuses what is no job, and then stores none of the list',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('invalid');
        const good = jobOf(type);
        const faults: Partial<NewJob>[] = [
          { id: '42' },
          { type: 'No Type' },
          { delayMs: -1 },
          { delayMs: 1, runAt: new Date() },
          { runAt: new Date(Number.NaN) },
          { retries: { attempts: 0, backoff: [] } },
          { tenant: '' },
          { concurrencyKey: 'a\0b' },
        ];
        for (const fault of faults) {
          await assert.rejects(queue.enqueue([good, jobOf(type, fault)]), InvalidJob, JSON.stringify(fault));
        }
        assert.equal(await queue.get(good.id), undefined);
        assert.deepEqual(await queue.enqueue([]), []);
      }),
  },
  {
    title: 'refuses jobs for which a full queue has no room, all of a list, and loses none that it took',
    run: (site) =>
      withQueues([site.open({ maxDepth: 3 })], async (queue) => {
        const type = uniqueType('full');
        const taken = [jobOf(type), jobOf(type, { delayMs: 50 })];
        await queue.enqueue(taken);
        const tooMany = [jobOf(type), jobOf(type)];
        await assert.rejects(queue.enqueue(tooMany), (error) => {
          assert.ok(error instanceof JobQueueFull);
          assert.equal(error.code, 'jobs.queue_full');
          assert.equal(error.kind, 'rate_limited');
          assert.ok(Number(error.details['retryAfterSeconds']) > 0);
          return true;
        });
        for (const { id } of tooMany) assert.equal(await queue.get(id), undefined);
        const last = jobOf(type);
        assert.equal((await queue.enqueue([...taken, last])).at(-1)?.outcome, 'enqueued');
        assert.equal((await queue.enqueue(last))[0]?.outcome, 'already_there');
        await assert.rejects(queue.enqueue(jobOf(type)), JobQueueFull);
        await queue.enqueue(jobOf(uniqueType('another')));
        const worker = queue.work([quick(type, async () => 'done')]);
        for (const { id } of [...taken, last]) await inState(queue, id, 'completed');
        // An adapter may notice a little late that there is room again.
        await until('room again', () => queue.enqueue(jobOf(type)).catch(() => undefined));
        await worker.stop();
      }),
  },
  {
    title: 'tells before anything is enqueued whether there is room for a job of a type',
    run: (site) =>
      withQueues([site.open({ maxDepth: 2 })], async (queue) => {
        const type = uniqueType('room');
        await queue.requireRoom(type);
        const waiting = [jobOf(type), jobOf(type, { delayMs: 60_000 })] as const;
        await queue.enqueue(waiting[0]);
        await queue.requireRoom(type);
        await queue.enqueue(waiting[1]);
        await assert.rejects(queue.requireRoom(type), (error) => {
          assert.ok(error instanceof JobQueueFull);
          assert.ok(Number(error.details['retryAfterSeconds']) > 0);
          return true;
        });
        await queue.requireRoom(uniqueType('another'));
        await assert.rejects(queue.requireRoom('No type'), InvalidJob);
        await queue.cancel(waiting[0].id);
        // An adapter may notice a little late that there is room again.
        const asked = async () => queue.requireRoom(type).then(() => true);
        await until('room again', () => asked().catch(() => undefined));
        assert.equal((await queue.list({ type, state: 'queued' })).jobs.length, 0);
      }),
  },
  {
    title: "tells the same in a transaction of the caller's, which survives it",
    needs: 'transaction',
    run: (site) =>
      withQueues([site.open({ maxDepth: 1 })], async (queue) => {
        const type = uniqueType('joined');
        await site.transaction?.((unit) => queue.requireRoom(type, unit));
        await queue.enqueue(jobOf(type, { delayMs: 60_000 }));
        await site.transaction?.(async (unit) => {
          await assert.rejects(queue.requireRoom(type, unit), JobQueueFull);
          await queue.requireRoom(uniqueType('another'), unit);
        });
      }),
  },
  {
    title: 'runs a delayed job not before its time, and then soon',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const type = uniqueType('delay');
        const worker = queue.work([quick(type, async () => performance.now())]);
        const enqueuedAt = performance.now();
        const delayed = jobOf(type, { delayMs: 400 });
        await queue.enqueue(delayed);
        assert.equal((await queue.get(delayed.id))?.state, 'scheduled');
        const { result } = await inState(queue, delayed.id, 'completed');
        const waitedMs = Number(result) - enqueuedAt;
        assert.ok(waitedMs >= 399 && waitedMs < 3_000, `${waitedMs} ms`);
        await worker.stop();
      }),
  },
];
