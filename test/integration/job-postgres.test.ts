import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import pg, { type ClientBase } from 'pg';
import { JobQueueFull, PermanentJobFailure } from '../../src/application/shared/job-errors.ts';
import type { JobDefinition } from '../../src/application/shared/job-queue.ts';
import { aborted, inState, jobOf, signalled, uniqueType, until } from '../../src/contracts/jobs/job-queue-site.ts';
import { postgresJobQueue } from '../../src/infrastructure/jobs/postgres-job-queue.ts';
import type { PostgresJobQueue } from '../../src/infrastructure/jobs/postgres-job-queue.ts';
import type { JobQueueSettings } from '../../src/infrastructure/jobs/job-settings.ts';
import { jobsDatabase } from '../support/jobs-database.ts';
import type { JobsDatabase } from '../support/jobs-database.ts';

/** So long that nothing in these tests happens because of polling. */
const neverPolls = { pollMs: 60_000 };

describe('The PostgreSQL job queue', () => {
  let database: JobsDatabase;
  const queues: PostgresJobQueue[] = [];
  const faults: unknown[] = [];

  const open = (settings: Partial<JobQueueSettings> = {}): PostgresJobQueue => {
    const queue = postgresJobQueue({ pool: database.pool(), settings, onFault: (error) => faults.push(error) });
    queues.push(queue);
    return queue;
  };

  /** Waits until jobs of this queue wake the workers of other processes. */
  const isHeard = (queue: PostgresJobQueue, type: string): Promise<boolean> =>
    until('others are heard', async () => {
      const job = jobOf(type);
      await queue.enqueue(job);
      await sleep(100);
      return (await queue.get(job.id))?.state === 'completed';
    });

  /** Starts a worker that is idle and listens to the other queue. */
  const idleWorker = async (queue: PostgresJobQueue, other: PostgresJobQueue, type: string): Promise<void> => {
    queue.work([{ type, handler: async () => 'done' }]);
    await isHeard(other, type);
  };

  before(async () => {
    database = await jobsDatabase();
  });

  afterEach(async () => {
    await Promise.all(queues.splice(0).map((queue) => queue.close({ deadlineMs: 0 })));
    faults.length = 0;
  });

  after(() => database.close());

  it('wakes an idle worker of another process without polling', async () => {
    const [working, enqueuing] = [open(neverPolls), open(neverPolls)];
    const type = uniqueType('wake');
    await idleWorker(working, enqueuing, type);
    for (let round = 0; round < 20; round += 1) {
      const job = jobOf(type);
      await enqueuing.enqueue(job);
      await inState(enqueuing, job.id, 'completed', 2_000);
    }
    expect(faults).to.deep.equal([]);
  });

  it('stores the death of a job together with what its definition does about it, or neither', async () => {
    const queue = open({ pollMs: 50 });
    const type = uniqueType('mourned');
    const [doomed, other] = [jobOf(type), jobOf(uniqueType('asked-for'))];
    const states: unknown[] = [];
    let deaths = 0;
    const onDead: JobDefinition['onDead'] = async ({ id }, _failure, unit) => {
      deaths += 1;
      await queue.enqueueWithin(unit as ClientBase, other);
      states.push((await queue.get(id))?.state, await queue.get(other.id));
      if (deaths === 1) throw new Error('The first time it fails');
    };
    const handler = async () => {
      throw new PermanentJobFailure('Never');
    };
    queue.work([{ type, handler, leaseMs: 200, onDead }]);
    await queue.enqueue(doomed);
    await until('it was tried', async () => deaths === 1);
    await until('the first failure is told', async () => faults.length === 1);
    expect(await queue.get(other.id)).to.equal(undefined);
    const dead = await inState(queue, doomed.id, 'dead');
    expect(await queue.get(other.id)).to.include({ state: 'queued' });
    expect(states).to.deep.equal(['running', undefined, 'running', undefined]);
    expect(dead.failures.map(({ code }) => code)).to.deep.equal(['jobs.lease_lost', 'jobs.permanent_failure']);
    expect(faults).to.have.length(1);
  });

  it('lets no job die that was cancelled while its definition was told of its death', async () => {
    const queue = open({ pollMs: 50 });
    const type = uniqueType('mourned');
    const [doomed, other] = [jobOf(type), jobOf(uniqueType('asked-for'))];
    const onDead: JobDefinition['onDead'] = async ({ id }, _failure, unit) => {
      await queue.enqueueWithin(unit as ClientBase, other);
      await queue.cancel(id);
    };
    const handler = async () => {
      throw new PermanentJobFailure('Never');
    };
    queue.work([{ type, handler, leaseMs: 200, onDead }]);
    await queue.enqueue(doomed);
    await inState(queue, doomed.id, 'cancelled');
    expect(await queue.get(other.id)).to.equal(undefined);
  });

  it('tells another process at once that a running job is cancelled', async () => {
    const [working, other] = [open(neverPolls), open(neverPolls)];
    const type = uniqueType('cancel');
    await idleWorker(working, other, uniqueType('ear'));
    const started = signalled();
    working.work([
      {
        type,
        // The heartbeat would hear of it as well, after a third of this.
        leaseMs: 60_000,
        handler: async (_job, { signal }) => {
          started.signal();
          await aborted(signal);
        },
      },
    ]);
    const job = jobOf(type);
    await other.enqueue(job);
    await working.enqueue(jobOf(type));
    await started.wait();
    await other.cancel(job.id);
    expect((await inState(other, job.id, 'cancelled', 2_000)).attempt).to.equal(1);
  });

  it('enqueues within the transaction of a caller: the job is there after the commit and wakes workers', async () => {
    const [working, enqueuing] = [open(neverPolls), open(neverPolls)];
    const type = uniqueType('within');
    await idleWorker(working, enqueuing, type);
    const job = jobOf(type);
    const client = new pg.Client({ connectionString: database.applicationUrl });
    await client.connect();
    try {
      await client.query('BEGIN');
      expect(await enqueuing.enqueueWithin(client, job)).to.deep.equal([{ id: job.id, outcome: 'enqueued' }]);
      expect(await enqueuing.get(job.id)).to.equal(undefined);
      await client.query('COMMIT');
      await inState(enqueuing, job.id, 'completed', 2_000);
    } finally {
      await client.end();
    }
  });

  it('takes what a transaction has promised also when it is full, and leaves nothing of one rolled back', async () => {
    const queue = open({ maxDepth: 1 });
    const type = uniqueType('rollback');
    const [first, second] = [jobOf(type), jobOf(type)];
    const client = new pg.Client({ connectionString: database.applicationUrl });
    await client.connect();
    try {
      await client.query('BEGIN');
      await queue.enqueueWithin(client, [first, second]);
      await client.query('ROLLBACK');
      expect(await queue.get(first.id)).to.equal(undefined);
      await client.query('BEGIN');
      await queue.enqueueWithin(client, first);
      await queue.enqueueWithin(client, second);
      await client.query('COMMIT');
    } finally {
      await client.end();
    }
    expect((await queue.get(second.id))?.state).to.equal('queued');
    expect(await queue.enqueue(jobOf(type)).catch((error: unknown) => error)).to.be.instanceOf(JobQueueFull);
  });

  it('goes on by itself after all its connections were cut', async () => {
    const [working, enqueuing] = [open(neverPolls), open(neverPolls)];
    const type = uniqueType('cut');
    await idleWorker(working, enqueuing, type);
    const release = signalled();
    let runs = 0;
    const slowType = uniqueType('slow');
    const started = signalled();
    const handler = async () => {
      runs += 1;
      started.signal();
      await release.wait();
      return 'survived';
    };
    working.work([{ type: slowType, handler }]);
    const slow = jobOf(slowType);
    await working.enqueue(slow);
    await started.wait();

    const client = new pg.Client({ connectionString: database.applicationUrl });
    await client.connect();
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user`,
    );
    await client.end();

    // A call that meets a cut connection fails, which is for its caller to see: this one has new connections.
    const observing = open();
    release.signal();
    expect((await inState(observing, slow.id, 'completed')).result).to.equal('survived');
    await isHeard(observing, type);
    expect(runs).to.equal(1);
    expect(faults.length).to.be.above(0);
  });

  it('gives the slot of a handler that ignores its signal to another job after a time of grace', async () => {
    const queue = open({ abortGraceMs: 100 });
    const type = uniqueType('zombie');
    const release = signalled();
    const handler = async ({ payload }: { payload: unknown }) => {
      if (payload === 'zombie') await release.wait();
      return 'done';
    };
    queue.work([{ type, handler, timeoutMs: 100, retries: { attempts: 1, backoff: [] } }]);
    const [zombie, next] = [jobOf(type, { payload: 'zombie' }), jobOf(type)];
    await queue.enqueue([zombie, next]);
    await inState(queue, zombie.id, 'dead');
    await inState(queue, next.id, 'completed');
    release.signal();
  });

  it('lets the application neither change the tables nor empty them', async () => {
    const client = new pg.Client({ connectionString: database.applicationUrl });
    await client.connect();
    try {
      for (const statement of ['TRUNCATE jobs.job', 'DROP TABLE jobs.job', 'DELETE FROM jobs.schedule']) {
        const refusal = await client.query(statement).catch((error: unknown) => error);
        expect(refusal).to.have.property('code', '42501');
      }
    } finally {
      await client.end();
    }
  });
});
