import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { eventOf, unique, until } from '../../src/contracts/event-log/event-log-site.ts';
import { LogWakeup } from '../../src/infrastructure/postgres/log-wakeup.ts';
import { PostgresEventLog } from '../../src/infrastructure/postgres/event-log.ts';
import { appendInPool, logDatabase } from '../support/event-log-site.ts';
import type { LogDatabase } from '../support/event-log-site.ts';

describe('Wake-ups of readers', () => {
  let database: LogDatabase;
  let wakeup: LogWakeup;
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);

  before(async () => {
    database = await logDatabase();
    wakeup = new LogWakeup({ connection: { connectionString: database.applicationUrl }, onError });
    await until('it listens', async () => {
      const found = await database.pool.query(
        `SELECT FROM pg_stat_activity WHERE query LIKE 'SET synchronous_commit%'`,
      );
      return found.rowCount === 2;
    });
  });

  after(async () => {
    await wakeup.close();
    await wakeup.close();
    await database.close();
  });

  /** The median of ten times from commit to handler, in ms. */
  async function latency(log: PostgresEventLog, append: (tenant: string) => Promise<unknown>): Promise<number> {
    const tenant = unique('latency');
    const times: number[] = [];
    let committedAt = 0;
    const reader = log.live(() => void times.push(performance.now() - committedAt), {
      after: await log.head(),
      filter: { tenant },
    });
    for (let count = 1; count <= 10; count += 1) {
      // Off the beat of the polling, and long enough for its delay to grow.
      await sleep(137);
      await append(tenant);
      committedAt = performance.now();
      await until('the event is seen', () => times.length === count);
    }
    await reader.close();
    return times.sort((a, b) => a - b)[5] ?? Infinity;
  }

  it('reach readers of the same process and of another one long before they would poll', async function () {
    this.timeout(30_000);
    const another = await database.openAnother();
    expect(await latency(database.log as PostgresEventLog, (tenant) => database.append([eventOf(tenant)]))).to.be.below(
      60,
    );
    expect(await latency(another, (tenant) => database.append([eventOf(tenant)]))).to.be.below(60);
  });

  it('are not needed: without them a reader polls', async function () {
    this.timeout(30_000);
    const log = new PostgresEventLog({ pool: database.pool, onError });
    const polled = await latency(log, (tenant) => appendInPool(database.pool, [eventOf(tenant)]));
    await log.close();
    expect(polled).to.be.below(1_500);
  });

  it('send few notifications however many commits there are, and one after the last of them', async () => {
    const listener = new pg.Client(database.applicationUrl);
    await listener.connect();
    const receivedAt: number[] = [];
    listener.on('notification', () => void receivedAt.push(performance.now()));
    await listener.query('LISTEN portolan_log');
    let calls = 0;
    const beganAt = performance.now();
    let lastAt = beganAt;
    while (lastAt - beganAt < 300) {
      lastAt = performance.now();
      wakeup.committed();
      calls += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('the last notification comes', () => (receivedAt.at(-1) ?? 0) > lastAt);
    await listener.end();
    expect(calls).to.be.greaterThan(2 * receivedAt.length);
    // One in 10 ms, give or take a timer that fires early.
    expect(receivedAt.length).to.be.within(5, ((receivedAt.at(-1) ?? 0) - beganAt) / 9 + 2);
  });

  it('come back after the connection was lost', async () => {
    const client = await database.pool.connect();
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE query LIKE 'SET synchronous_commit%' OR query LIKE 'NOTIFY%'`);
    client.release();
    await until('the loss is noticed', () => errors.length > 0);
    let woken = 0;
    const stopListening = wakeup.onCommitted(() => void (woken += 1));
    await until('others are heard again', async () => {
      await database.append([eventOf(unique('again'))]);
      return woken > 1;
    });
    stopListening();
  });

  it('close while there is no database to connect to', async () => {
    const lost: unknown[] = [];
    const connection = { host: '127.0.0.1', port: 1, user: 'nobody', connectionTimeoutMillis: 1_000 };
    const hopeless = new LogWakeup({ connection, onError: (error) => void lost.push(error) });
    await until('it has tried twice', () => lost.length >= 2);
    await hopeless.close();
  });
});
