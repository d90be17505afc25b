import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { LoggedEvent } from '../src/application/shared/event-log.ts';
import type { DecidedEvent } from '../src/application/shared/decided-events.ts';
import { appendEvents } from '../src/infrastructure/postgres/append-events.ts';
import { PostgresEventLog } from '../src/infrastructure/postgres/event-log.ts';
import { PostgresEventSeals } from '../src/infrastructure/postgres/event-seals.ts';
import { LogWakeup } from '../src/infrastructure/postgres/log-wakeup.ts';
import { createPool } from '../src/infrastructure/postgres/pools.ts';
import { uuidv7 } from '../src/infrastructure/system/uuid.ts';

/** Events per second, all of them committed; ours takes the appenders' lock and answers with the position. */
export interface AppendRates {
  readonly rowsPerCommit: number;
  readonly oursPerSecond: number;
  /** A multi-row INSERT of the same rows. */
  readonly rawPerSecond: number;
  /** Ours in a hundred of raw. */
  readonly percent: number;
}

/** What was measured; rates are the median of the rounds. */
export interface EventLogBenchResult {
  readonly append: readonly AppendRates[];
  /** `read` in pages of 1,000 from the beginning, by one reader. */
  readonly readPerSecond: number;
  /** One exclusive consumer with an empty handler, effect and checkpoint in one commit. */
  readonly consumedPerSecond: number;
  readonly sealedPerSecond: number;
  readonly verifiedPerSecond: number;
  /** From the end of the commit to a live reader of the same process, median. */
  readonly liveSameProcessMs: number;
  /** The same for a log with connections of its own, told through NOTIFY. */
  readonly liveOtherProcessMs: number;
}

export interface EventLogBenchOptions {
  /** The application's address of a migrated database that nobody else uses. */
  readonly connectionString: string;
  readonly rounds?: number;
  /** Events that are read, consumed, sealed and verified. */
  readonly events?: number;
}

/** Measures appending against raw SQL, alternating, then everything that reads. */
export async function benchEventLog(options: EventLogBenchOptions): Promise<EventLogBenchResult> {
  const { connectionString, rounds = 5, events = 100_000 } = options;
  const onError = (error: unknown): void => console.error(error);
  const pool = createPool({ connectionString, max: 10, onError });
  const wakeups = [1, 2].map(() => new LogWakeup({ connection: { connectionString }, onError })) as [
    LogWakeup,
    LogWakeup,
  ];
  const logs = wakeups.map((wakeup) => new PostgresEventLog({ pool, wakeup, onError }));
  const [log, other] = logs as [PostgresEventLog, PostgresEventLog];
  try {
    const append: AppendRates[] = [];
    for (const rowsPerCommit of [1, 16, 256]) append.push(await appendRates(pool, rowsPerCommit, rounds));
    await fill(pool, events);
    const head = await log.head();
    const seals = new PostgresEventSeals({ pool, log, onError });
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const beganAt = performance.now();
      await work();
      return Math.round(Number(head) / ((performance.now() - beganAt) / 1_000));
    };
    const reads: number[] = [];
    for (let round = 0; round < rounds; round += 1) reads.push(await timed(() => readAll(log, head)));
    return {
      append,
      readPerSecond: median(reads),
      consumedPerSecond: await timed(() => consumeAll(log, head)),
      sealedPerSecond: await timed(() => seals.seal()),
      verifiedPerSecond: await timed(() => seals.verify('default')),
      liveSameProcessMs: await liveLatency(pool, log, wakeups[0]),
      liveOtherProcessMs: await liveLatency(pool, other, wakeups[0]),
    };
  } finally {
    for (const each of [...logs, ...wakeups]) await each.close();
    await pool.end();
  }
}

function rowOf(): DecidedEvent {
  return {
    tenant: 'default',
    stream: `gift_card:${randomUUID()}`,
    streamVersion: 3,
    eventId: uuidv7(),
    type: 'gift_card.redeemed',
    schemaVersion: 1,
    actor: 'user:42',
    correlationId: randomUUID(),
    causationId: null,
    traceParent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    payload: { amount: '12.50', currency: 'EUR', orderId: randomUUID(), redemptionId: randomUUID() },
  };
}

const COLUMNS = `tenant, stream, stream_version, event_id, type, schema_version, actor, correlation_id, causation_id,
  trace_parent, payload`;

function rawInsert(rows: readonly DecidedEvent[]): pg.QueryConfig {
  const values = rows.flatMap((row) => [
    ...[row.tenant, row.stream, row.streamVersion, row.eventId, row.type, row.schemaVersion, row.actor],
    ...[row.correlationId, row.causationId, row.traceParent, JSON.stringify(row.payload)],
  ]);
  const tuple = (_: DecidedEvent, index: number): string =>
    `(${Array.from({ length: 11 }, (_column, column) => `$${index * 11 + column + 1}`).join(', ')})`;
  const text = `INSERT INTO portolan.events (${COLUMNS}) VALUES ${rows.map(tuple).join(', ')}`;
  return { name: `raw-insert-${rows.length}`, text, values };
}

async function appendRates(pool: pg.Pool, rowsPerCommit: number, rounds: number): Promise<AppendRates> {
  const commits = Math.ceil(1_600 / (rowsPerCommit + 4));
  const client = await pool.connect();
  const spent: Record<'ours' | 'raw', number[]> = { ours: [], raw: [] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      const totals = { ours: 0, raw: 0 };
      for (let commit = 0; commit < commits; commit += 1) {
        for (const [kind, insert] of [
          ['ours', appendEvents],
          ['raw', rawInsert],
        ] as const) {
          const rows = Array.from({ length: rowsPerCommit }, rowOf);
          const beganAt = performance.now();
          await client.query('BEGIN');
          await client.query(insert(rows));
          await client.query('COMMIT');
          totals[kind] += performance.now() - beganAt;
        }
      }
      spent.ours.push(totals.ours);
      spent.raw.push(totals.raw);
    }
  } finally {
    client.release();
  }
  const rate = (times: number[]): number => Math.round((commits * rowsPerCommit) / (median(times) / 1_000));
  const [oursPerSecond, rawPerSecond] = [rate(spent.ours), rate(spent.raw)];
  return { rowsPerCommit, oursPerSecond, rawPerSecond, percent: Math.round((100 * oursPerSecond) / rawPerSecond) };
}

async function fill(pool: pg.Pool, events: number): Promise<void> {
  for (let left = events; left > 0; left -= 1_000) {
    await pool.query(appendEvents(Array.from({ length: Math.min(left, 1_000) }, rowOf)));
  }
}

async function readAll(log: PostgresEventLog, head: bigint): Promise<void> {
  for (let position = 0n; position < head;) position = (await log.read(position, 1_000)).position;
}

async function consumeAll(log: PostgresEventLog, head: bigint): Promise<void> {
  const done = Promise.withResolvers<void>();
  const handle = async ({ position }: LoggedEvent): Promise<void> => {
    if (position === head) done.resolve();
  };
  const reader = log.exclusive({ name: `bench-${randomUUID()}`, filter: {}, handle });
  await done.promise;
  await reader.close();
}

async function liveLatency(pool: pg.Pool, log: PostgresEventLog, wakeup: LogWakeup): Promise<number> {
  const waits: number[] = [];
  let seen = Promise.withResolvers<void>();
  let committedAt = 0;
  const onEvents = (): void => {
    waits.push(performance.now() - committedAt);
    seen.resolve();
  };
  const reader = log.live(onEvents, { after: await log.head() });
  for (let sample = 0; sample < 200; sample += 1) {
    seen = Promise.withResolvers();
    await new Promise((resolve) => setTimeout(resolve, 15));
    await pool.query(appendEvents([rowOf()]));
    committedAt = performance.now();
    wakeup.committed();
    await seen.promise;
  }
  await reader.close();
  return Math.round(100 * median(waits)) / 100;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
