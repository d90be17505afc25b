import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type pg from 'pg';
import { explainOutage } from '../../src/infrastructure/postgres/batch-failure.ts';
import { PostgresEventLog } from '../../src/infrastructure/postgres/event-log.ts';
import { createPool } from '../../src/infrastructure/postgres/pools.ts';
import { ChaosProxy, type CutAt } from '../support/chaos-proxy.ts';
import { logDatabase, type LogDatabase } from '../support/event-log-site.ts';

describe('Events of other systems, when the connection to the database breaks', () => {
  const by = { tenant: 'shop', actor: 'shop', correlationId: 'c1' };
  const source = 'https://shop.example.com/orders';
  let database: LogDatabase;
  let proxy: ChaosProxy;
  let pool: pg.Pool;
  let log: PostgresEventLog;

  before(async () => {
    database = await logDatabase();
    proxy = await ChaosProxy.start(database.applicationUrl);
    const onError = (): void => undefined;
    pool = createPool({ connectionString: proxy.url, max: 2, onError });
    log = new PostgresEventLog({ pool, onError });
  });
  after(async () => {
    await log?.close();
    await pool?.end();
    await proxy?.close().catch(() => undefined);
    await database?.close();
  });

  const ingest = (id: string) => log.ingest([{ id, source, type: 'order.cancelled', data: { orderId: id } }], by);
  const refusalOf = async (id: string): Promise<unknown> => {
    const error: unknown = await ingest(id).then(
      () => expect.fail('The events were taken in.'),
      (reason: unknown) => reason,
    );
    // As the pipeline does it for whoever calls the operation.
    return explainOutage(error);
  };

  for (const [cut, isNewAgain] of [
    ['before the commit', [true]],
    ['during the commit', [true, false]],
    ['after the commit', [false]],
  ] satisfies [CutAt, boolean[]][]) {
    it(`${cut}, can be sent again, as the answer says, and are stored once`, async () => {
      const id = randomUUID();
      proxy.cutCommits(cut);
      expect(await refusalOf(id)).to.include({ code: 'request.unavailable' });
      expect(isNewAgain).to.include((await ingest(id)).accepted[0]);
      const stored = `SELECT FROM portolan.events WHERE payload ->> 'id' = $1`;
      expect((await database.pool.query(stored, [id])).rowCount).to.equal(1);
    });
  }

  it('because nobody listens, are refused as what can be sent again', async () => {
    await proxy.close();
    expect(await refusalOf(randomUUID())).to.include({ code: 'request.unavailable' });
  });
});

describe('Events of one source, from many callers at once', () => {
  const by = { tenant: 'shop', actor: 'shop', correlationId: 'c1' };
  const source = 'https://shop.example.com/orders';
  let database: LogDatabase;
  let pool: pg.Pool;
  let log: PostgresEventLog;

  beforeEach(async () => {
    database = await logDatabase();
    const onError = (): void => undefined;
    pool = createPool({ connectionString: database.applicationUrl, max: 4, onError });
    log = new PostgresEventLog({ pool, onError });
  });
  afterEach(async () => {
    await log?.close();
    await pool?.end();
    await database?.close();
  });

  const ingest = (id: string) => log.ingest([{ id, source, type: 'order.cancelled', data: { orderId: id } }], by);

  /** What becomes of events that come while somebody else holds the row of their source. */
  async function whileHeld<Result>(begin: () => readonly Promise<Result>[], meanwhile?: () => Promise<void>) {
    await ingest('first');
    const holder = await database.pool.connect();
    try {
      await holder.query('BEGIN; SELECT FROM portolan.sources FOR UPDATE');
      const settled = Promise.allSettled(begin());
      await delay(200);
      await meanwhile?.();
      await holder.query('COMMIT');
      return await settled;
    } finally {
      holder.release(true);
    }
  }

  it('leave connections to others while they wait for each other, and are then stored together', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `event-${index}`);
    const settled = await whileHeld(
      () => ids.map(ingest),
      async () => {
        expect((await pool.query('SELECT 1 AS one')).rows).to.deep.equal([{ one: 1 }]);
      },
    );
    const answers = settled.map((each) =>
      each.status === 'fulfilled' ? each.value : expect.fail(String(each.reason)),
    );
    expect(answers.flatMap(({ accepted }) => accepted)).to.deep.equal(Array(50).fill(true));
    const { rows } = await pool.query('SELECT version FROM portolan.sources');
    expect(rows).to.deep.equal([{ version: '51' }]);
    // Each is told the position of its own event, and what waited together was stored together.
    const stored = await database.pool.query<{ id: string; position: string; transaction: string }>(
      `SELECT payload ->> 'id' AS id, position, xmin AS transaction FROM portolan.events
        WHERE stream_version > 1 ORDER BY position`,
    );
    expect(stored.rows.map(({ id }) => id)).to.deep.equal(ids);
    expect(stored.rows.map(({ position }) => BigInt(position))).to.deep.equal(answers.map(({ position }) => position));
    expect(new Set(stored.rows.map(({ transaction }) => transaction)).size).to.be.at.most(2);
  });

  it('fail only themselves', async () => {
    const settled = await whileHeld(() => ['a', 'b', 'no text of PostgreSQL\0', 'c', 'b'].map(ingest));
    expect(settled.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(settled[4]).to.deep.include({ value: { accepted: [false], position: undefined } });
    const { rows } = await database.pool.query<{ id: string }>(
      `SELECT payload ->> 'id' AS id FROM portolan.events ORDER BY stream_version`,
    );
    expect(rows.map(({ id }) => id)).to.deep.equal(['first', 'a', 'b', 'c']);
  });
});
