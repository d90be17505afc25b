import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { after, afterEach, before, describe, it } from 'mocha';
import pg from 'pg';
import { idsOf, streamOf, unique, until } from '../../src/contracts/event-log/event-log-site.ts';
import { ConsumerStore, LeaseLost } from '../../src/infrastructure/postgres/consumer-store.ts';
import { inTransaction } from '../../src/infrastructure/postgres/log-transaction.ts';
import { logDatabase } from '../support/event-log-site.ts';
import type { LogDatabase } from '../support/event-log-site.ts';

const script = fileURLToPath(new URL('../support/event-consumer-child.ts', import.meta.url));

interface Note {
  readonly process: number;
  readonly event_id: string;
  readonly what: 'begins' | 'ends';
  readonly at: Date;
}

describe('Taking over an exclusive consumer', () => {
  let database: LogDatabase;
  let owner: pg.Client;
  const children = new Set<ChildProcess>();

  before(async () => {
    database = await logDatabase();
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
    await owner.query(`
      CREATE TABLE public.effects (process int, event_id uuid);
      CREATE TABLE public.notes (process int, event_id uuid, what text, at timestamptz DEFAULT clock_timestamp());
      GRANT INSERT, SELECT ON public.effects, public.notes TO portolan_app`);
  });

  afterEach(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
      child.kill('SIGCONT');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    children.clear();
  });

  after(async () => {
    await owner.end();
    await database.close();
  });

  async function start(name: string, tenant: string, eventMs: number, handlerMs = 30_000): Promise<ChildProcess> {
    const args = [script, database.applicationUrl, name, tenant, `${eventMs}`, `${handlerMs}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    children.add(child);
    await once(child.stdout!, 'data');
    return child;
  }

  const notes = async (): Promise<Note[]> =>
    (await owner.query<Note>('SELECT process, event_id, what, at FROM public.notes ORDER BY at')).rows;
  const effects = async (): Promise<string[]> =>
    (await owner.query<{ event_id: string }>('SELECT event_id FROM public.effects')).rows.map((row) => row.event_id);
  const clear = (): Promise<unknown> => owner.query('TRUNCATE public.notes, public.effects');

  it('happens within five seconds of a kill in the middle of an event, and no effect is lost or doubled', async function () {
    this.timeout(60_000);
    await clear();
    const [name, tenant] = [unique('c'), unique('kill')];
    const first = await start(name, tenant, 200);
    await database.append(streamOf(tenant, 3));
    await until('the first process works', async () => (await notes()).length > 0);
    const second = await start(name, tenant, 5);
    const given = streamOf(tenant, 40, { stream: 'thing:more' });
    await database.append(given);
    await until('the first has done some', async () => (await effects()).length > 0);
    const { rows } = await owner.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    const killedAt = rows[0]!.now.getTime();
    first.kill('SIGKILL');
    await until('the second one works', async () => (await notes()).some(({ process }) => process === second.pid));
    const takenAt = (await notes()).find(({ process }) => process === second.pid)!.at.getTime();
    expect(takenAt - killedAt).to.be.below(5_000);
    await until('all is done', async () => (await effects()).length >= 43);
    const done = await effects();
    expect(new Set(done).size).to.equal(43);
    expect(done.length).to.equal(43);
    expect(done).to.include.members(idsOf(given));
    const all = await notes();
    const lastOfFirst = Math.max(...all.filter(({ process }) => process === first.pid).map(({ at }) => at.getTime()));
    expect(lastOfFirst).to.be.at.most(takenAt);
  });

  it('happens while the holder stands still, whose late effects are then refused', async function () {
    this.timeout(60_000);
    await clear();
    const [name, tenant] = [unique('c'), unique('stop')];
    const given = streamOf(tenant, 30);
    const first = await start(name, tenant, 100, 400);
    await database.append(given);
    await until('the first process works', async () => (await notes()).length > 2);
    first.kill('SIGSTOP');
    const before = await effects();
    const second = await start(name, tenant, 20, 400);
    const deadline = Date.now() + 15_000;
    while (!(await notes()).some(({ process }) => process === second.pid)) {
      expect(Date.now(), 'the server ends the transaction of the process that stands still').to.be.below(deadline);
      await sleep(50);
    }
    first.kill('SIGCONT');
    await until('all is done', async () => (await effects()).length >= 30);
    await sleep(300);
    const done = await effects();
    expect(done.length).to.equal(30);
    expect(new Set(done)).to.deep.equal(new Set(idsOf(given)));
    expect(done).to.include.members(before);
    const all = await notes();
    const late = all.filter(({ process, what }, index) => {
      const taken = all.findIndex((note) => note.process === second.pid);
      return process === first.pid && what === 'begins' && index > taken;
    });
    expect(late, 'the first process began nothing after it was fenced').to.deep.equal([]);
  });

  it('makes everything worthless that is done under the old lease', async () => {
    const name = unique('c');
    const [one, two] = [
      new ConsumerStore(database.pool, name, 'one', 3_000),
      new ConsumerStore(database.pool, name, 'two', 3_000),
    ];
    const lease = await one.claim();
    if (lease === undefined) throw new Error('The lease was free.');
    expect(await two.claim(), 'somebody has it').to.equal(undefined);
    await one.renew(lease);
    await owner.query(`UPDATE portolan.consumers SET lease_until = clock_timestamp() WHERE name = $1`, [name]);
    const newer = await two.claim();
    if (newer === undefined) throw new Error('The lease has run out.');
    const limits = { statementMs: 1_000, idleMs: 1_000 };
    const attempts: (() => Promise<unknown>)[] = [
      () => one.renew(lease),
      () => one.countFailure(lease),
      () => inTransaction(database.pool, limits, (client) => one.lock(client, lease)),
    ];
    for (const attempt of attempts)
      expect(await attempt().catch((error: unknown) => error)).to.be.instanceOf(LeaseLost);
    await one.release(lease);
    expect(await one.claim(), 'an old lease gives nothing back').to.equal(undefined);
    await two.renew(newer);
  });

  it('waits for a transaction under way, however long ago its lease ran out', async () => {
    const name = unique('c');
    const [one, two] = [
      new ConsumerStore(database.pool, name, 'one', 10),
      new ConsumerStore(database.pool, name, 'two', 10),
    ];
    const lease = await one.claim();
    if (lease === undefined) throw new Error('The lease was free.');
    const limits = { statementMs: 5_000, idleMs: 5_000 };
    await inTransaction(database.pool, limits, async (client) => {
      await one.lock(client, lease);
      await sleep(50);
      expect(await two.claim()).to.equal(undefined);
      await one.checkpoint(client, 5n, []);
    });
    await sleep(30);
    expect(await two.claim()).to.include({ position: 5n });
  });
});
