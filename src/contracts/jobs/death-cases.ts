import assert from 'node:assert/strict';
import { PermanentJobFailure } from '../../application/shared/job-errors.ts';
import type { Job, JobDefinition, JobWorkerEvent } from '../../application/shared/job-queue.ts';
import { inState, jobOf, quick, uniqueType, until, withQueues } from './job-queue-site.ts';
import type { JobQueueCase } from './job-queue-site.ts';

/** What a definition is told of the death of a job, and what follows when it throws. */
export const deathCases: readonly JobQueueCase[] = [
  {
    title: 'tells its definition of the death of a job, once, and of nothing else that befalls it',
    run: (site) =>
      withQueues([site.open()], async (queue) => {
        const deaths: unknown[] = [];
        const onDead: JobDefinition['onDead'] = async ({ id, attempt }, { code }) =>
          void deaths.push([id, attempt, code]);
        const type = uniqueType('mourned');
        const fail = async ({ payload }: Job) => {
          if (payload === 'for ever') throw new PermanentJobFailure('Never');
          throw new Error('Always');
        };
        const worker = queue.work([quick(type, fail, { retries: { attempts: 2, backoff: [0] }, onDead })]);
        const [twice, once] = [jobOf(type), jobOf(type, { payload: 'for ever' })];
        await queue.enqueue(twice);
        await inState(queue, twice.id, 'dead');
        await queue.enqueue(once);
        const dead = await inState(queue, once.id, 'dead');
        assert.deepEqual(deaths, [
          [twice.id, 2, 'unexpected'],
          [once.id, 1, 'jobs.permanent_failure'],
        ]);
        assert.deepEqual([dead.attempt, dead.failures.length], [1, 1]);
        await worker.stop();
      }),
  },
  {
    title: 'lets a job live on whose definition throws at its death: its lease over, it is run again, and can die then',
    run: async (site) => {
      const faults: unknown[] = [];
      await withQueues([site.open({ onFault: (fault) => void faults.push(fault) })], async (queue) => {
        const [doomed, outcomes, { onDead, deaths }] = [jobOf(uniqueType('unburied')), [] as string[], inconsolable()];
        const handler = async ({ id }: Job) => {
          if (id === doomed.id) throw new PermanentJobFailure('Never');
        };
        const onEvent = (event: JobWorkerEvent) => {
          if (event.kind === 'ended' && event.job.id === doomed.id) outcomes.push(event.outcome);
        };
        const worker = queue.work([quick(doomed.type, handler, { leaseMs: 1_000, onDead })], { onEvent });
        await queue.enqueue(doomed);
        await until('the fault is told', async () => faults.length > 0);
        // The only slot for this type is free again.
        const next = jobOf(doomed.type);
        await queue.enqueue(next);
        await inState(queue, next.id, 'completed');
        const dead = await inState(queue, doomed.id, 'dead');
        await worker.stop();
        assert.deepEqual(deaths, [
          [1, 'jobs.permanent_failure'],
          [2, 'jobs.permanent_failure'],
        ]);
        assert.equal(dead.attempt, 2);
        assert.deepEqual(codesOf(dead), ['jobs.lease_lost', 'jobs.permanent_failure']);
        assert.deepEqual(outcomes, ['lost', 'dead']);
      });
      assert.deepEqual(faults, [sorrow]);
    },
  },
  {
    title: 'tells a definition that threw at the death of a job of it again, without another run beyond its attempts',
    run: async (site) => {
      const faults: unknown[] = [];
      await withQueues([site.open({ onFault: (fault) => void faults.push(fault) })], async (queue) => {
        let runs = 0;
        const fail = async () => {
          runs += 1;
          throw new Error('Always');
        };
        const { onDead, deaths } = inconsolable();
        const job = jobOf(uniqueType('unburied'), { retries: { attempts: 1, backoff: [] } });
        const worker = queue.work([quick(job.type, fail, { leaseMs: 1_000, onDead })]);
        await queue.enqueue(job);
        const dead = await inState(queue, job.id, 'dead');
        await worker.stop();
        assert.equal(runs, 1);
        assert.deepEqual(
          deaths.map(([, code]) => code),
          ['unexpected', 'jobs.lease_lost'],
        );
        assert.equal(dead.attempt, 1);
        assert.deepEqual(codesOf(dead), ['jobs.lease_lost']);
      });
      assert.deepEqual(faults, [sorrow]);
    },
  },
];

const sorrow = new Error('The first time it fails');

/** Throws at the first death that it is told of, and remembers all: at which attempt, and by which failure. */
function inconsolable() {
  const deaths: (readonly [attempt: number, code: string])[] = [];
  const onDead: JobDefinition['onDead'] = async ({ attempt }, { code }) => {
    deaths.push([attempt, code]);
    if (deaths.length === 1) throw sorrow;
  };
  return { onDead, deaths };
}

function codesOf({ failures }: Job): readonly string[] {
  return failures.map(({ code }) => code);
}
