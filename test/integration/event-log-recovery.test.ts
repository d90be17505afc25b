import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import type { LoggedEvent } from '../../src/application/shared/event-log.ts';
import { eventOf, idsOf, streamOf, unique, until } from '../../src/contracts/event-log/event-log-site.ts';
import type { EventToAppend } from '../../src/contracts/event-log/event-log-site.ts';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import { consumerStates } from '../../src/infrastructure/postgres/consumer-store.ts';
import { PostgresEventLog } from '../../src/infrastructure/postgres/event-log.ts';
import { beginEpoch } from '../../src/infrastructure/postgres/log-epoch.ts';
import { LogWakeup } from '../../src/infrastructure/postgres/log-wakeup.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { createPool } from '../../src/infrastructure/postgres/pools.ts';
import { appendInPool } from '../support/event-log-site.ts';
import { temporaryFolder } from '../support/postgres.ts';

describe('The event log when its database goes away', () => {
  let folder: string;
  let server: EmbeddedPostgres;
  let pool: pg.Pool;
  let wakeup: LogWakeup;
  let log: PostgresEventLog;
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const live: LoggedEvent[] = [];
  const consumed: string[] = [];
  const tenant = unique('recovery');

  before(async () => {
    folder = await temporaryFolder();
    server = await startEmbeddedPostgres({ dataFolder: folder });
    await migrate(server.ownerUrl);
    const connectionString = server.applicationUrl;
    pool = createPool({ connectionString, max: 10, onError });
    wakeup = new LogWakeup({ connection: { connectionString }, onError });
    log = new PostgresEventLog({ pool, wakeup, onError, consumers: { retryMs: [5, 50] } });
    log.live((events) => void live.push(...events), { after: 0n, filter: { tenant } });
    const handle = async ({ eventId }: LoggedEvent): Promise<void> => void consumed.push(eventId);
    log.exclusive({ name: 'recovery', filter: { tenant }, handle });
  });

  after(async () => {
    await log.close();
    await wakeup.close();
    await pool.end();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Appends as soon as that works: connections that come out of the pool may have been cut. */
  async function append(events: readonly EventToAppend[]): Promise<void> {
    await until('the events are appended', () =>
      appendInPool(pool, events).then(
        () => true,
        () => false,
      ),
    );
    wakeup.committed();
  }

  async function allSee(expected: readonly EventToAppend[]): Promise<void> {
    await until('the live reader has seen all', () => live.length >= expected.length);
    await until('the consumer has handled all', () => consumed.length >= expected.length);
    await until('its checkpoint is stored', async () => {
      const [checkpoint] = await consumerStates(pool);
      return checkpoint !== undefined && checkpoint.position >= (live.at(-1)?.position ?? 0n);
    });
    expect(idsOf(live)).to.deep.equal(idsOf(expected));
    expect(new Set(consumed)).to.deep.equal(new Set(idsOf(expected)));
  }

  const given: EventToAppend[] = [];

  it('goes on when all its connections are cut', async function () {
    this.timeout(40_000);
    given.push(...streamOf(tenant, 10));
    await append(given);
    await allSee(given);
    for (let round = 0; round < 5; round += 1) {
      const client = new pg.Client(server.applicationUrl);
      await client.connect();
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                           WHERE usename = current_user AND pid <> pg_backend_pid()`);
      await client.end();
      const events = [eventOf(tenant)];
      await append(events);
      given.push(...events);
    }
    await allSee(given);
    expect(errors.length).to.be.greaterThan(0);
  });

  it('goes on when the database is stopped for a while and started again', async function () {
    this.timeout(60_000);
    const { applicationUrl } = server;
    await server.stop();
    const refused = await log.read(0n, 10, { tenant: 'other' }).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
    await sleep(1_500);
    server = await startEmbeddedPostgres({ dataFolder: folder });
    expect(server.applicationUrl).to.equal(applicationUrl);
    const events = streamOf(tenant, 5);
    await append(events);
    given.push(...events);
    await allSee(given);
    await log.reached(await log.head());
  });

  it('notices that the database was restored meanwhile, and goes on in the new epoch', async function () {
    this.timeout(60_000);
    const owner = new pg.Client(server.ownerUrl);
    await owner.connect();
    const epoch = await log.epoch();
    const begun = await beginEpoch(owner);
    await owner.end();
    await server.stop();
    server = await startEmbeddedPostgres({ dataFolder: folder });
    await until('it has noticed', async () => (await log.epoch().catch(() => epoch)) === begun);
    const events = [eventOf(tenant)];
    await append(events);
    given.push(...events);
    await allSee(given);
  });
});
