import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import pg from 'pg';
import { backup } from '../../src/infrastructure/postgres/backup.ts';
import { BackupError, connected, tablesInOrder } from '../../src/infrastructure/postgres/backup-format.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { restore } from '../../src/infrastructure/postgres/restore.ts';
import { query } from '../support/embedded-process.ts';
import { temporaryFolder, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ServerProcess } from '../support/server-process.ts';

/** Everything that a text format could trip over, and what other readers take for the end of a line. */
const AWKWARD = [
  '\\.',
  '\\N',
  'a\nb',
  'a\r\nb',
  'a\tb',
  'a\\b\\nc',
  'a\u2028b\u2029c\u0085d',
  '"ß😀\'',
  'a\u0001\u001fb',
];

const ADMIN_TOKEN = randomBytes(24).toString('base64url');
const PEPPERS = `backup:${randomBytes(32).toString('base64')}`;
const usd = (amount: string) => ({ amount, currency: 'USD' });

describe('backup and restore', function () {
  this.timeout(90_000);
  let folder: string;
  let file: string;
  let source: TestDatabase;
  let server: ServerProcess;
  let remembered: Remembered;
  const opened: { close(): Promise<void> }[] = [];

  /** What a client knows from before the backup. */
  interface Remembered {
    readonly code: string;
    readonly token: string;
    readonly position: string;
    readonly payment: { readonly body: object; readonly key: string; readonly data: object };
  }

  const serve = async ({ ownerUrl, applicationUrl }: TestDatabase): Promise<ServerProcess> => {
    const urls = { DATABASE_URL: applicationUrl, DATABASE_OWNER_URL: ownerUrl };
    const started = new ServerProcess({ ...urls, PEPPERS, RATE_LIMIT_PER_MINUTE: '0' }, ADMIN_TOKEN);
    opened.push({ close: async () => void (await started.end('SIGKILL')) });
    return started.ready();
  };

  /** A new database, as the migrations leave it. */
  async function emptyDatabase(): Promise<TestDatabase> {
    const database = await testDatabase();
    opened.push(database);
    await migrate(database.ownerUrl);
    return database;
  }

  async function refusal(work: Promise<unknown>, what = 'it'): Promise<string> {
    const error = await work.then(
      () => expect.fail(`${what} was not refused`),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(BackupError);
    expect((error as Error).message).not.to.include('\n');
    return (error as Error).message;
  }

  /** Uses every part of the service, with texts that are hard to write down. */
  async function fill(): Promise<Remembered> {
    for (const text of AWKWARD) {
      const card = { amount: usd('20.00'), purchaserId: text, message: text, recipientEmail: 'somebody@example.org' };
      const { code } = await server.call<{ code: string }>('gift-cards/create', card);
      await server.call('gift-cards/redeem', { code, orderId: text, amount: usd('1.00') });
      await server.call('gift-cards/hold', { code, orderId: `${text}2`, amount: usd('2.00') });
    }
    await newBatch(server);
    const { token } = await server.call<{ token: string }>('api-tokens/create', {
      name: AWKWARD.join(),
      permissions: ['gift-cards:check-balance'],
    });
    const { code } = await server.call<{ code: string }>('gift-cards/create', {
      amount: usd('50.00'),
      purchaserId: 'user',
    });
    const [body, key] = [{ code, orderId: 'order-1', amount: usd('0.50') }, 'remembered'];
    const response = await server.post('gift-cards/redeem', body, key);
    const { data, meta } = (await response.json()) as { data: object; meta: { position: string } };
    return { code, token, position: meta.position, payment: { body, key, data } };
  }

  /** A batch that is made by a job. */
  async function newBatch(by: ServerProcess): Promise<void> {
    const bulk = { count: 1_200, amount: usd('1.00') };
    const { batchId } = await by.call<{ batchId: string }>('gift-cards/bulk-create', bulk);
    while ((await by.call<{ status: string }>('gift-cards/get-batch', { batchId })).status !== 'ready') await delay(20);
  }

  /** All rows of each table, but for what a restore changes. */
  async function contents(url: string): Promise<{ [table: string]: unknown }> {
    const tables = await connected(url, tablesInOrder);
    const entries: [string, unknown][] = [];
    for (const { table } of tables.filter((each) => each.table !== 'portolan.log_epoch')) {
      const columns = table === 'portolan.consumers' ? 'name, position, attempts' : '*';
      const rows = `SELECT row::text AS text FROM (SELECT ${columns} FROM ${table}) AS row`;
      const [found] = await query(
        url,
        `SELECT count(*), md5(string_agg(text, '|' ORDER BY text)) FROM (${rows}) AS texts`,
      );
      entries.push([table, found]);
    }
    return Object.fromEntries(entries);
  }

  before(async () => {
    folder = await temporaryFolder();
    file = join(folder, 'backup');
    source = await testDatabase();
    opened.push(source);
    await migrate(source.ownerUrl);
    server = await serve(source);
    remembered = await fill();
  });

  after(async () => {
    for (const each of opened.reverse()) await each.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('includes every table that is there, but those that a crash may empty', async () => {
    const rows = await query(
      source.ownerUrl,
      `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema)'`,
    );
    const all = rows.map(({ name }) => String(name)).filter((name) => name !== 'portolan.migrations');
    const included = (await connected(source.ownerUrl, tablesInOrder)).map(({ table }) => table);
    expect(all.filter((name) => !included.includes(name))).to.deep.equal(['access.rate_counts']);
  });

  it('takes what there is at one instant, under load, and gives it back', async () => {
    let busy = true;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        const card = { amount: usd('500.00'), purchaserId: 'load' };
        const { code } = await server.call<{ code: string }>('gift-cards/create', card);
        while (busy)
          await server.call('gift-cards/redeem', { code, orderId: crypto.randomUUID(), amount: usd('0.01') });
      }),
    );
    await delay(300);
    const { rows } = await backup(source.ownerUrl, file);
    busy = false;
    await load;
    const target = await emptyDatabase();
    expect((await restore(target.ownerUrl, file)).rows).to.equal(rows);
    const restored = await serve(target);
    expect(await restored.call('gift-cards/reconcile', {})).to.include({ consistent: true });
    expect(await restored.call('events/verify', {})).to.include({ intact: true });
    await restored.end('SIGTERM');
  });

  it('have succeeded where only the statistics could not be gathered afterwards, which is told', async () => {
    await backup(source.ownerUrl, file);
    const target = await emptyDatabase();
    // An index whose function fails in ANALYZE alone.
    await query(
      target.ownerUrl,
      `CREATE FUNCTION public.touchy(value text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
       BEGIN
         IF current_query() LIKE 'ANALYZE%' THEN RAISE EXCEPTION 'touched'; END IF;
         RETURN value;
       END $$`,
    );
    await query(target.ownerUrl, 'CREATE INDEX ON gift_cards.cards (public.touchy(currency))');
    const { rows, analyzeFault } = await restore(target.ownerUrl, file);
    expect(rows).to.be.above(0);
    expect(analyzeFault).to.equal('touched');
  });

  describe('of a database at rest', () => {
    let target: TestDatabase;
    let restored: ServerProcess;

    before(async () => {
      await server.end('SIGTERM');
      await backup(source.ownerUrl, file);
      target = await emptyDatabase();
      await restore(target.ownerUrl, file);
    });

    it('leave every row as it was', async () => {
      expect(await contents(target.ownerUrl)).to.deep.equal(await contents(source.ownerUrl));
      const rows = await query(target.ownerUrl, 'SELECT order_id FROM gift_cards.redemptions');
      expect(rows.map((row) => row['order_id'])).to.include.members(AWKWARD);
    });

    it('write a file that its owner alone can read, in place of an older one', async () => {
      expect((await stat(file)).mode & 0o777).to.equal(0o600);
      expect(await readdir(folder)).to.deep.equal(['backup']);
    });

    it('leave codes, tokens and answers as they were', async () => {
      restored = await serve(target);
      const { code, token, payment } = remembered;
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ code });
      const balance = await fetch(`${restored.url}/v1/gift-cards/check-balance`, { method: 'POST', headers, body });
      expect(await balance.json()).to.have.nested.property('data.currentBalance.amount', '49.50');
      expect(await restored.call('gift-cards/redeem', payment.body, payment.key)).to.deep.equal(payment.data);
    });

    it('make positions from before worthless', async () => {
      const url = `${restored.url}/v1/gift-cards/list-cards?after=${remembered.position}`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
      expect(response.status).to.equal(503);
      expect(await response.json()).to.have.nested.property('error.code', 'request.position_unavailable');
    });

    it('let numbers go on where they were', async () => {
      const before = await query(target.ownerUrl, 'SELECT max(position) AS last FROM portolan.events');
      await restored.call('gift-cards/create', { amount: usd('1.00'), purchaserId: 'after' });
      const after = await query(target.ownerUrl, 'SELECT max(position) AS last FROM portolan.events');
      expect(Number(after[0]?.['last'])).to.be.above(Number(before[0]?.['last']));
      // A job has a number as well.
      await newBatch(restored);
      expect(await restored.call('gift-cards/reconcile', {})).to.include({ consistent: true });
    });

    it('leave the seals of the log good, old ones and new ones', async () => {
      const { intact, events } = await restored.call<{ intact: boolean; events: number }>('events/verify', {});
      expect(intact).to.equal(true);
      expect(events).to.be.above(AWKWARD.length * 3);
    });

    it('refuse a database that a server uses', async () => {
      expect(await refusal(restore(target.ownerUrl, file))).to.match(/^Others are using this database \(.*portolan/);
    });

    it('refuse a database that is not empty', async () => {
      await restored.end('SIGTERM');
      const before = await contents(target.ownerUrl);
      expect(await refusal(restore(target.ownerUrl, file))).to.include('not empty');
      expect(await contents(target.ownerUrl)).to.deep.equal(before);
    });
  });

  it('take a new epoch and free the leases of consumers', async () => {
    const target = await emptyDatabase();
    const epochs = async (): Promise<unknown> => query(target.ownerUrl, 'SELECT epoch FROM portolan.log_epoch');
    const before = await epochs();
    await restore(target.ownerUrl, file);
    expect(await epochs()).not.to.deep.equal(before);
    expect(await epochs()).not.to.deep.equal(await query(source.ownerUrl, 'SELECT epoch FROM portolan.log_epoch'));
    const leased = `SELECT name FROM portolan.consumers WHERE lease_until > '-infinity'`;
    expect(await query(target.ownerUrl, leased)).to.deep.equal([]);
    expect(await query(target.ownerUrl, 'SELECT name FROM portolan.consumers')).not.to.deep.equal([]);
  });

  it('refuse another version of the schema', async () => {
    const target = await emptyDatabase();
    await query(target.ownerUrl, `INSERT INTO portolan.migrations (name, sha256) VALUES ('9999_later.sql', '')`);
    expect(await refusal(restore(target.ownerUrl, file))).to.include('another version');
  });

  it('refuse a database that is not one of the service', async () => {
    const other = await testDatabase();
    opened.push(other);
    expect(await refusal(backup(other.ownerUrl, join(folder, 'other')))).to.equal(
      'This is not a database of the service.',
    );
  });

  it('leave nothing of a file that is cut off, changed, or none at all', async () => {
    const target = await emptyDatabase();
    const before = await contents(target.ownerUrl);
    const whole = await readFile(file);
    const text = gunzipSync(whole).toString();
    const altered = (pattern: RegExp, by: string): Buffer => {
      expect(text).to.match(pattern);
      return gzipSync(text.replace(pattern, by));
    };
    const changed = (at: number): Buffer => {
      const copy = Buffer.from(whole);
      copy[at] = (copy[at] ?? 0) ^ 0x10;
      return copy;
    };
    const files: { [what: string]: Buffer | string } = {
      'cut off in the middle': whole.subarray(0, whole.length / 2),
      'cut off before its end': whole.subarray(0, whole.length - 1),
      'cut off before its checksum': whole.subarray(0, whole.length - 8),
      'changed in its checksum': changed(whole.length - 6),
      'changed near its beginning': changed(200),
      'changed in the middle': changed(Math.floor(whole.length / 2)),
      'without its last line': gzipSync(text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)),
      'without a table': altered(/^\{"table":"gift_cards\.holds"[^\n]*\n(?:[^\n]*\n)*?\\\.\n/m, ''),
      'without a row': altered(/^(\{"table":"gift_cards\.holds"[^\n]*\n)[^\n]*\n/m, '$1'),
      'with a table twice': altered(/^(\{"table":"access\.api_tokens"[^\n]*\n(?:[^\n]*\n)*?\\\.\n)/m, '$1$1'),
      'with a row that does not fit': altered(/^(\{"table":"gift_cards\.holds"[^\n]*\n)/m, '$1x\n'),
      'with more behind it': gzipSync(`${text}more\n`),
      'something else compressed': gzipSync('Dear diary\n'),
      'not compressed': text,
      empty: '',
    };
    for (const [what, content] of Object.entries(files)) {
      const path = join(folder, 'damaged');
      await writeFile(path, content);
      const line = await refusal(restore(target.ownerUrl, path), what);
      expect(line, what).to.match(/backup/);
      expect(await contents(target.ownerUrl), what).to.deep.equal(before);
    }
    await rm(join(folder, 'damaged'));
    expect(await refusal(restore(target.ownerUrl, join(folder, 'missing')))).to.include('ENOENT');
    await restore(target.ownerUrl, file);
  });

  it('never show a file under its name that is not whole', async () => {
    const place = await temporaryFolder();
    const blocker = new pg.Client({ connectionString: source.ownerUrl });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE portolan.seals IN ACCESS EXCLUSIVE MODE');
    const refused = refusal(backup(source.ownerUrl, join(place, 'backup')));
    const waiting = `SELECT pid FROM pg_stat_activity WHERE application_name = 'portolan backup' AND wait_event_type = 'Lock'
      AND datname = current_database()`;
    let found = await query(source.ownerUrl, waiting);
    for (; found.length === 0; found = await query(source.ownerUrl, waiting)) await delay(5);
    expect(await readdir(place))
      .to.have.lengthOf(1)
      .and.to.have.nested.property('[0]')
      .that.matches(/\.part$/);
    await blocker.query('SELECT pg_terminate_backend($1)', [found[0]?.['pid']]);
    expect(await refused).to.match(/^The backup could not be written: /);
    expect(await readdir(place)).to.deep.equal([]);
    await blocker.end();
    await rm(place, { recursive: true });
  });

  it('keep a server waiting that starts meanwhile', async () => {
    const target = await emptyDatabase();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const whole = await readFile(file);
    const restoring = restore(target.ownerUrl, pipe);
    const input = createWriteStream(pipe);
    input.write(whole.subarray(0, whole.length / 2));
    const locked = `SELECT FROM pg_locks WHERE relation = 'portolan.migrations'::regclass AND mode = 'AccessExclusiveLock'
      AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    while ((await query(target.ownerUrl, locked)).length === 0) await delay(5);
    const events = 'SELECT count(*)::integer FROM portolan.events';
    const starting = migrate(target.ownerUrl).then(() => query(target.ownerUrl, events));
    const waits = `SELECT FROM pg_locks WHERE relation = 'portolan.migrations'::regclass AND NOT granted`;
    while ((await query(target.ownerUrl, waits)).length === 0) await delay(5);
    input.end(whole.subarray(whole.length / 2));
    await once(input, 'finish');
    expect((await starting)[0]?.['count']).to.be.above(0);
    await restoring;
    await rm(pipe);
  });
});
