import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { after, afterEach, before, describe, it } from 'mocha';
import pg from 'pg';
import type { EventLog, LoggedEvent } from '../../src/application/shared/event-log.ts';
import { eventOf, idsOf, unique, until } from '../../src/contracts/event-log/event-log-site.ts';
import type { EventToAppend } from '../../src/contracts/event-log/event-log-site.ts';
import { LOG_APPEND_LOCK, TAKE_APPEND_LOCK } from '../../src/infrastructure/postgres/append-events.ts';
import { appendAll, logDatabase } from '../support/event-log-site.ts';
import type { LogDatabase } from '../support/event-log-site.ts';

const RUN_MS = 5_000;
const WRITERS = 12;
const STREAMS = 8;

/** One statement that draws a position, sleeps, and draws the next. */
const SLOW_INSERT = `
  INSERT INTO portolan.events (tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
  SELECT $1, $2, $3 + number, gen_random_uuid(), 'slow', 'writer', '', jsonb_build_object('slept', pg_sleep(0.02) IS NULL)
    FROM generate_series(0, 2) AS number`;

/** Reads as the log must not be read: whatever has come to stand behind the last position seen. */
async function readNaively(pool: pg.Pool, tenant: string, done: () => boolean): Promise<string[]> {
  const seen: string[] = [];
  for (let position = '0'; ;) {
    const last = done();
    const { rows } = await pool.query<{ position: string; event_id: string }>(
      'SELECT position, event_id FROM portolan.events WHERE position > $1 AND tenant = $2 ORDER BY position LIMIT 100',
      [position, tenant],
    );
    seen.push(...rows.map(({ event_id: id }) => id));
    position = rows.at(-1)?.position ?? position;
    if (last && rows.length === 0) return seen;
    await sleep(2);
  }
}

async function readProperly(log: EventLog, tenant: string, done: () => boolean): Promise<LoggedEvent[]> {
  const seen: LoggedEvent[] = [];
  for (let position = 0n; ;) {
    const last = done();
    const page = await log.read(position, 100, { tenant });
    seen.push(...page.events);
    if (last && page.position === position) return seen;
    position = page.position;
    if (page.events.length === 0) await sleep(2);
  }
}

describe('Reading the log while it is written', () => {
  let database: LogDatabase;
  let pool: pg.Pool;
  let owner: pg.Client;

  before(async () => {
    database = await logDatabase();
    pool = new pg.Pool({ connectionString: database.applicationUrl, max: WRITERS + 8 });
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
    await owner.query(`
      CREATE TABLE public.roots (stream text PRIMARY KEY, version bigint NOT NULL DEFAULT 0);
      INSERT INTO public.roots (stream) SELECT 'stream:' || n FROM generate_series(0, ${STREAMS - 1}) n;
      CREATE TABLE public.unrelated (n int);
      GRANT SELECT, UPDATE ON public.roots TO portolan_app;
      GRANT INSERT ON public.unrelated TO portolan_app`);
  });

  after(async () => {
    await owner.end();
    await pool.end();
    await database.close();
  });

  /** One transaction of a random kind on a random stream; the row of the stream is locked first. */
  async function write(client: pg.PoolClient, tenant: string, turn: number): Promise<void> {
    const stream = `stream:${Math.floor(Math.random() * STREAMS)}`;
    await client.query('BEGIN');
    const lock = 'SELECT version FROM public.roots WHERE stream = $1 FOR UPDATE';
    let version = Number((await client.query<{ version: string }>(lock, [stream])).rows[0]?.version);
    const next = (): EventToAppend => eventOf(tenant, { stream, streamVersion: (version += 1) });
    const kind = turn % 6;
    if (kind === 0) {
      await client.query(`SELECT ${TAKE_APPEND_LOCK}`);
      await client.query(SLOW_INSERT, [tenant, stream, version + 1]);
      version += 3;
    } else {
      await appendAll(client, [next(), next()]);
    }
    if (kind === 1) await sleep(Math.random() * 60);
    if (kind === 2) {
      // As within a caller's own transaction, of which a part is taken back.
      await client.query('SAVEPOINT part');
      const before = version;
      await appendAll(client, [next()]);
      await client.query('ROLLBACK TO SAVEPOINT part');
      version = before;
      await sleep(Math.random() * 20);
      await appendAll(client, [next()]);
    }
    await client.query('UPDATE public.roots SET version = $2 WHERE stream = $1', [stream, version]);
    await client.query(kind === 3 ? 'ROLLBACK' : 'COMMIT');
  }

  it('loses, repeats and inverts nothing with twelve writers, slow statements, roll-backs and idle transactions', async function () {
    this.timeout(60_000);
    const tenant = unique('writers');
    const idle = await pool.connect();
    await idle.query('BEGIN; INSERT INTO public.unrelated VALUES (1)');
    let writing = true;
    const done = (): boolean => !writing;
    const another = await database.openAnother();
    const live: LoggedEvent[] = [];
    const liveReader = another.live((events) => void live.push(...events), { after: 0n, filter: { tenant } });
    const proper = [readProperly(database.log, tenant, done), readProperly(another, tenant, done)];
    const naive = readNaively(pool, tenant, done);
    const unrelated = (async () => {
      while (writing) await pool.query('INSERT INTO public.unrelated SELECT n FROM generate_series(1, 1000) n');
    })();
    const end = Date.now() + RUN_MS;
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, writer) => {
        const client = await pool.connect();
        for (let turn = writer; Date.now() < end; turn += 1) await write(client, tenant, turn);
        client.release();
      }),
    );
    writing = false;
    const readers = await Promise.all(proper);
    const seenNaively = await naive;
    await unrelated;
    const { rows } = await pool.query<{ event_id: string }>(
      'SELECT event_id FROM portolan.events WHERE tenant = $1 ORDER BY position',
      [tenant],
    );
    const stored = rows.map(({ event_id: id }) => id);
    await until('the live reader has seen the last event', () => live.at(-1)?.eventId === stored.at(-1));
    await liveReader.close();
    // Only now does the idle transaction end: it has held up nobody.
    await idle.query('ROLLBACK');
    idle.release();

    expect(stored.length).to.be.greaterThan(500);
    for (const seen of [...readers, live]) {
      expect(idsOf(seen)).to.deep.equal(stored);
      const versions = new Map<string, number>();
      for (const { stream, streamVersion } of seen) {
        expect(streamVersion, stream).to.equal((versions.get(stream) ?? 0) + 1);
        versions.set(stream, streamVersion);
      }
    }
    // The control: with this load a reader that only looks behind its last position does lose events.
    const naively = new Set(seenNaively);
    const lost = stored.filter((id) => !naively.has(id));
    expect(lost.length).to.be.greaterThan(0);
  });

  const open = new Set<pg.PoolClient>();

  afterEach(() => {
    for (const client of open) client.release(true);
    open.clear();
  });

  /** A transaction of its own that runs until it is ended, or its test is over. */
  async function transaction(
    ...statements: string[]
  ): Promise<{ client: pg.PoolClient; end(how: 'COMMIT' | 'ROLLBACK'): Promise<void> }> {
    const client = await pool.connect();
    open.add(client);
    for (const statement of ['BEGIN', ...statements]) await client.query(statement);
    return {
      client,
      async end(how) {
        await client.query(how);
        open.delete(client);
        client.release();
      },
    };
  }

  /** The position of a new event that readers have reached: there is no gap behind it that is still to be judged. */
  async function settled(): Promise<bigint> {
    const position = await database.append([eventOf(unique('settled'))]);
    await database.log.reached(position, AbortSignal.timeout(5_000));
    return position;
  }

  it('passes a gap once those have ended who held the lock when it was found, not those who came later', async () => {
    const tenant = unique('gap');
    const { log } = database;
    const start = await settled();
    const holder = await transaction(`SELECT ${TAKE_APPEND_LOCK}`);
    await database.appendAndRollBack?.([eventOf(tenant)]);
    const event = eventOf(tenant);
    const position = await database.append([event]);
    expect(await log.head(), 'the gap may still be filled').to.equal(start);
    const later = await transaction(`SELECT ${TAKE_APPEND_LOCK}`);
    await sleep(100);
    expect((await log.read(start, 10)).events).to.deep.equal([]);
    await holder.end('COMMIT');
    await log.reached(position, AbortSignal.timeout(5_000));
    expect(idsOf((await log.read(start, 10)).events)).to.deep.equal([event.eventId]);
    await later.end('ROLLBACK');
  });

  it('waits for an appender in the middle and shows his events in their place', async () => {
    const tenant = unique('middle');
    const { log } = database;
    const start = await settled();
    const [first, second] = [eventOf(tenant), eventOf(tenant)];
    const slow = await transaction();
    await appendAll(slow.client, [first]);
    const position = await database.append([second]);
    expect((await log.read(start, 10)).events).to.deep.equal([]);
    await slow.end('COMMIT');
    await log.reached(position, AbortSignal.timeout(5_000));
    expect(idsOf((await log.read(start, 10)).events)).to.deep.equal([first.eventId, second.eventId]);
  });

  it('follows positions without a gap past a transaction that holds the lock and appends nothing', async () => {
    await settled();
    const holder = await transaction(`SELECT ${TAKE_APPEND_LOCK}`);
    const position = await database.append([eventOf(unique('follow'))]);
    await database.log.reached(position, AbortSignal.timeout(5_000));
    await holder.end('ROLLBACK');
  });

  it('says that a position was not reached when its time is up', async () => {
    const slow = await transaction();
    const tenant = unique('late');
    await appendAll(slow.client, [eventOf(tenant)]);
    const position = await database.append([eventOf(tenant)]);
    const refusal = await database.log.reached(position, AbortSignal.timeout(50)).catch((error: unknown) => error);
    expect(refusal).to.have.property('code', 'request.position_unavailable');
    await slow.end('COMMIT');
    await database.log.reached(position, AbortSignal.timeout(5_000));
  });

  it('takes the lock before the first position', async () => {
    const position = `SELECT last_value FROM portolan.event_position`;
    const drawn = async (): Promise<string> =>
      (await owner.query<{ last_value: string }>(position)).rows[0]!.last_value;
    await database.append([eventOf(unique('drawn'))]);
    const before = await drawn();
    const blocker = await transaction(`SELECT pg_advisory_xact_lock(${LOG_APPEND_LOCK})`);
    const appending = database.append([eventOf(unique('blocked'))]);
    await until('the appender waits', async () => {
      const waiting = await pool.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
      return waiting.rowCount === 1;
    });
    expect(await drawn()).to.equal(before);
    await blocker.end('ROLLBACK');
    expect(await appending).to.equal(BigInt(before) + 1n);
  });

  it('reads a long log from the beginning, soon after it was opened', async function () {
    this.timeout(30_000);
    const tenant = unique('long');
    const count = 30_000;
    await pool.query(
      `INSERT INTO portolan.events (tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
       SELECT $1, 'long', n, gen_random_uuid(), 'bulk', 'writer', '', '{}' FROM generate_series(1, ${count}) n`,
      [tenant],
    );
    const log = await database.openAnother();
    const beganAt = performance.now();
    const head = await log.head();
    expect(performance.now() - beganAt, 'it does not read everything to know where it stands').to.be.lessThan(500);
    let position = 0n;
    let seen = 0;
    while (position < head) {
      const page = await log.read(position, 1_000, { tenant });
      for (const { streamVersion } of page.events) expect(streamVersion).to.equal((seen += 1));
      expect(page.position > position).to.equal(true);
      position = page.position;
    }
    expect(seen).to.equal(count);
    const rare = await database.append([eventOf(tenant, { type: 'rare', stream: `x:${randomUUID()}` })]);
    let found: readonly LoggedEvent[] = [];
    for (let at = 0n; found.length === 0;) {
      const page = await log.read(at, 1, { tenant, types: ['rare'] });
      expect(page.position > at, 'a filter that lets little pass still comes forward').to.equal(true);
      [found, at] = [page.events, page.position];
    }
    expect(found[0]?.position).to.equal(rare);
  });
});
