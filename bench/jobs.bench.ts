import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { JobQueue, NewJob } from '../src/application/shared/job-queue.ts';
import { createPool } from '../src/infrastructure/postgres/pools.ts';
import { postgresJobQueue } from '../src/infrastructure/jobs/postgres-job-queue.ts';

/** Milliseconds from the call of `enqueue` to the first line of the handler. */
export interface StartLatency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What was measured; rates are the median of the rounds. */
export interface JobsBenchResult {
  readonly startInSameProcess: StartLatency;
  /** Another queue with connections of its own, told through NOTIFY alone. */
  readonly startInOtherProcess: StartLatency;
  /** Single `enqueue` calls by sixteen callers. */
  readonly enqueuedPerSecond: number;
  /** `enqueue` of 500 jobs at a time. */
  readonly enqueuedInBatchesPerSecond: number;
  /** Jobs with an empty handler, from a full queue. */
  readonly runPerSecond: number;
  /** The same claims and completions as bare statements, with none of the promises. */
  readonly barePerSecond: number;
}

interface JobsBenchOptions {
  /** The application's address of a database with the schema `jobs`. */
  readonly connectionString: string;
  readonly rounds?: number;
  readonly jobsPerRound?: number;
  readonly latencySamples?: number;
}

/** Measures the PostgreSQL job queue against bare statements of the same kind, alternating, in one run. */
export async function benchJobs(options: JobsBenchOptions): Promise<JobsBenchResult> {
  const { rounds = 5, jobsPerRound = 10_000, latencySamples = 1_000 } = options;
  const pools = [1, 2, 3].map(() =>
    createPool({ connectionString: options.connectionString, max: 6, onError: console.error }),
  );
  const [first, second, bare] = pools as [pg.Pool, pg.Pool, pg.Pool];
  const onFault = (error: unknown) => console.error(error);
  const one = postgresJobQueue({ pool: first, onFault });
  const two = postgresJobQueue({ pool: second, onFault });
  try {
    // Connections are opened and code is compiled before anything counts.
    for (const working of [one, two]) await startLatency(one, working, 300);
    const startInSameProcess = await startLatency(one, one, latencySamples);
    const startInOtherProcess = await startLatency(one, two, latencySamples);
    const rates = { single: [] as number[], batches: [] as number[], run: [] as number[], bare: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      rates.single.push(await enqueueRate(one, jobsPerRound / 5));
      const type = `bench.${randomUUID()}`;
      rates.batches.push(await batchRate(one, type, jobsPerRound));
      rates.run.push(await runRate(one, type, jobsPerRound));
      rates.bare.push(await bareRate(bare, jobsPerRound));
      await one.purge({ olderThanMs: 0 });
    }
    return {
      startInSameProcess,
      startInOtherProcess,
      enqueuedPerSecond: median(rates.single),
      enqueuedInBatchesPerSecond: median(rates.batches),
      runPerSecond: median(rates.run),
      barePerSecond: median(rates.bare),
    };
  } finally {
    await Promise.all([one.close({ deadlineMs: 0 }), two.close({ deadlineMs: 0 })]);
    await Promise.all(pools.map((pool) => pool.end()));
  }
}

function jobOf(type: string): NewJob {
  return { id: randomUUID(), type, payload: { text: 'x'.repeat(100) } };
}

/** One job every four milliseconds on average, at uneven distances. */
async function startLatency(enqueuing: JobQueue, working: JobQueue, samples: number): Promise<StartLatency> {
  const type = `bench.${randomUUID()}`;
  const enqueuedAt = new Map<string, number>();
  const waits: number[] = [];
  const handler = async ({ id }: { id: string }): Promise<void> => {
    waits.push(performance.now() - (enqueuedAt.get(id) ?? Number.NaN));
  };
  const worker = working.work([{ type, handler, concurrency: 10 }]);
  await sleep(1_000);
  for (let index = 0; index < samples; index += 1) {
    const job = jobOf(type);
    enqueuedAt.set(job.id, performance.now());
    void enqueuing.enqueue(job);
    await sleep(1 + Math.random() * 6);
  }
  while (waits.length < samples) await sleep(10);
  await worker.stop();
  waits.sort((a, b) => a - b);
  const at = (share: number) =>
    round(waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? Number.NaN);
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

async function enqueueRate(queue: JobQueue, count: number): Promise<number> {
  const type = `bench.${randomUUID()}`;
  let left = count;
  const ids: string[] = [];
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const job = jobOf(type);
      ids.push(job.id);
      await queue.enqueue(job);
    }
  };
  const rate = await perSecond(count, () => Promise.all(Array.from({ length: 16 }, caller)));
  for (let from = 0; from < ids.length; from += 200) {
    await Promise.all(ids.slice(from, from + 200).map((id) => queue.cancel(id)));
  }
  return rate;
}

async function batchRate(queue: JobQueue, type: string, count: number): Promise<number> {
  return perSecond(count, async () => {
    for (let done = 0; done < count; done += 500) await queue.enqueue(Array.from({ length: 500 }, () => jobOf(type)));
  });
}

async function runRate(queue: JobQueue, type: string, count: number): Promise<number> {
  const { promise: allRan, resolve } = Promise.withResolvers<void>();
  let ended = 0;
  return perSecond(count, async () => {
    const onEvent = ({ kind }: { kind: string }): void => {
      if (kind === 'ended' && ++ended === count) resolve();
    };
    const worker = queue.work([{ type, handler: async () => undefined, concurrency: 100 }], { onEvent });
    await allRan;
    await worker.stop();
  });
}

/** Claims and completions of the same size on the same table, one after the other, with none of the promises. */
async function bareRate(pool: pg.Pool, count: number): Promise<number> {
  await pool.query(
    `INSERT INTO jobs.job (id, tenant, type, payload, priority, state, run_at, order_at)
     SELECT gen_random_uuid(), 'default', 'bare', json_build_object('text', repeat('x', 100)), 'low_priority', 'queued',
       statement_timestamp(), statement_timestamp()
     FROM generate_series(1, $1::integer)`,
    [count],
  );
  return perSecond(count, async () => {
    for (let done = 0; done < count; done += 100) {
      const { rows } = await pool.query<{ id: string }>(bareClaimSql);
      await pool.query(bareCompleteSql, [rows.map(({ id }) => id)]);
    }
  });
}

const bareClaimSql = `
  UPDATE jobs.job SET state = 'running', lease_until = statement_timestamp() + interval '3 s'
  WHERE id IN (
    SELECT id FROM jobs.job WHERE state = 'queued' AND type = 'bare' ORDER BY order_at, number LIMIT 100
    FOR UPDATE SKIP LOCKED
  )
  RETURNING *`;

const bareCompleteSql = `
  UPDATE jobs.job SET state = 'completed', lease_until = NULL, finished_at = statement_timestamp()
  WHERE id = ANY ($1::uuid[])`;

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return Math.round((count / (performance.now() - startedAt)) * 1_000);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
