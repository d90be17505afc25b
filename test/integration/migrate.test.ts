import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import pg from 'pg';
import { ensurePartitions } from '../../src/infrastructure/postgres/event-partitions.ts';
import { migrate, MigrationError } from '../../src/infrastructure/postgres/migrate.ts';
import { schemaDump } from '../../src/infrastructure/postgres/schema-dump.ts';
import { testDatabase } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';

const migrations = fileURLToPath(new URL('../../migrations/', import.meta.url));

describe('Migrating a database', () => {
  let database: TestDatabase;
  let owner: pg.Client;
  let folder: string;

  beforeEach(async () => {
    database = await testDatabase({ fsync: false });
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
    folder = await mkdtemp(join(tmpdir(), 'portolan-migrations-'));
    await copyFile(join(migrations, '0001_log.sql'), join(folder, '0001_log.sql'));
  });

  afterEach(async () => {
    await owner.end();
    await database.close();
    await rm(folder, { recursive: true });
  });

  const write = (name: string, sql: string): Promise<void> => writeFile(join(folder, name), sql);
  const run = async (): Promise<readonly string[]> => (await migrate(database.ownerUrl, folder)).applied;
  const refusal = async (url = database.ownerUrl): Promise<Error> => {
    const error: unknown = await migrate(url, folder).catch((reason: unknown) => reason);
    if (!(error instanceof MigrationError)) throw new Error(`No refusal but ${String(error)}`);
    return error;
  };

  it('applies what is missing, in order of number, once', async () => {
    await write('0010_second.sql', 'ALTER TABLE public.thing ADD COLUMN b int');
    await write('0002_first.sql', 'CREATE TABLE public.thing (a int)');
    expect(await run()).to.deep.equal(['0001_log.sql', '0002_first.sql', '0010_second.sql']);
    expect(await run()).to.deep.equal([]);
    await write('0011_third.sql', 'ALTER TABLE public.thing ADD COLUMN c int');
    expect(await run()).to.deep.equal(['0011_third.sql']);
    await owner.query('SELECT a, b, c FROM public.thing');
  });

  it('lets one of several that are started together do the work', async () => {
    await write('0002_slow.sql', 'CREATE TABLE public.thing (a int); SELECT pg_sleep(0.2)');
    const applied = await Promise.all([run(), run(), run(), run()]);
    expect(applied.flat().sort()).to.deep.equal(['0001_log.sql', '0002_slow.sql']);
  });

  it('rolls a failing file back as a whole, keeps those before it and names the reason', async () => {
    await write('0002_good.sql', 'CREATE TABLE public.good (a int)');
    await write('0003_bad.sql', 'CREATE TABLE public.bad (a int); SELECT 1 / 0');
    expect((await refusal()).message).to.equal(
      'The migration 0003_bad.sql failed and was rolled back: division by zero',
    );
    await owner.query('SELECT a FROM public.good');
    const { rows } = await owner.query(`SELECT to_regclass('public.bad') AS bad`);
    expect(rows).to.deep.equal([{ bad: null }]);
    await write('0003_bad.sql', 'CREATE TABLE public.bad (a int)');
    expect(await run()).to.deep.equal(['0003_bad.sql']);
  });

  it('refuses an applied file that has changed, however little, but for line ends', async () => {
    await write('0002_thing.sql', 'CREATE TABLE public.thing (a int);\nSELECT 1;\n');
    await run();
    await write('0002_thing.sql', 'CREATE TABLE public.thing (a int);\r\nSELECT 1;\r\n');
    expect(await run()).to.deep.equal([]);
    await write('0002_thing.sql', 'CREATE TABLE public.thing (a int);\nSELECT 1; \n');
    expect((await refusal()).message).to.equal(
      'The migration 0002_thing.sql has changed since the database applied it.',
    );
  });

  it('refuses a database that is newer than it', async () => {
    await write('0002_newer.sql', 'SELECT 1');
    await run();
    await rm(join(folder, '0002_newer.sql'));
    expect((await refusal()).message).to.equal(
      'The database has the migration 0002_newer.sql, which this version does not know.',
    );
  });

  it('refuses a file that comes before one that is applied already', async () => {
    await write('0003_later.sql', 'SELECT 1');
    await run();
    await write('0002_earlier.sql', 'SELECT 1');
    expect((await refusal()).message).to.equal(
      'The migration 0002_earlier.sql comes before 0003_later.sql, already applied.',
    );
  });

  it('refuses two files with one number, and a name without a number', async () => {
    await write('0001_other.sql', 'SELECT 1');
    expect((await refusal()).message).to.equal('Two migrations have the number 0001.');
    await rm(join(folder, '0001_other.sql'));
    await write('later.sql', 'SELECT 1');
    expect((await refusal()).message).to.equal('The migration later.sql is not named like 0001_some_words.sql.');
  });

  it('says what to do where the database may not be migrated by this role', async () => {
    const advice = "run `portolan migrate` with the owner's address in DATABASE_OWNER_URL";
    const line = (names: string): string => `The database lacks ${names}, and this role may not migrate it: ${advice}.`;
    await write('0002_first.sql', 'SELECT 1');
    expect((await refusal(database.applicationUrl)).message).to.equal(line('0001_log.sql, 0002_first.sql'));
    await run();
    await write('0003_second.sql', 'SELECT 1');
    expect((await refusal(database.applicationUrl)).message).to.equal(line('0003_second.sql'));
  });

  it('leaves partitions to the owner where this role may make none and nothing else is to be done', async () => {
    expect(await migrate(database.ownerUrl, folder)).to.deep.equal({ applied: ['0001_log.sql'], partitioned: true });
    expect(await migrate(database.applicationUrl, folder)).to.deep.equal({ applied: [], partitioned: false });
    expect(await migrate(database.ownerUrl, folder)).to.deep.equal({ applied: [], partitioned: true });
  });

  describe('makes a log that', () => {
    let application: pg.Client;

    beforeEach(async () => {
      await run();
      application = new pg.Client(database.applicationUrl);
      await application.connect();
      await application.query(
        `INSERT INTO portolan.events (tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
         VALUES ('t', 's', 1, gen_random_uuid(), 'e', 'a', 'c', '{}')`,
      );
      await application.query(`INSERT INTO portolan.seals VALUES ('t', 1, 1, 1, 1, '', '', '')`);
    });

    afterEach(() => application.end());

    const tables = ['portolan.events', 'portolan.events_from_0', 'portolan.events_default', 'portolan.seals'];
    const changes = (table: string): string[] => [
      `UPDATE ${table} SET tenant = 'x'`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table}`,
    ];
    const codeOf = async (client: pg.Client, sql: string): Promise<unknown> =>
      client.query(sql).then(
        ({ rowCount }) => rowCount,
        (error: Error & { code?: string }) => [error.code, error.message.split(' ').slice(0, 2).join(' ')],
      );

    it('neither its owner nor the application can change or empty', async () => {
      for (const sql of tables.flatMap(changes)) {
        expect(await codeOf(application, sql), sql).to.deep.equal(['42501', 'permission denied']);
        const refused = /TRUNCATE|events_from_0|events |seals/.test(sql);
        const found = await codeOf(owner, sql);
        // The default partition is empty: there is nothing to refuse.
        if (refused) expect(found, sql).to.satisfy((code: unknown) => Array.isArray(code) && code[0] === '42501');
        else expect(found, sql).to.be.oneOf([0, found]);
      }
      const { rows } = await owner.query('SELECT count(*)::int AS events FROM portolan.events');
      expect(rows).to.deep.equal([{ events: 1 }]);
    });

    it('has partitions ahead of its head, more of them as it grows, and loses nothing that came too far', async () => {
      const names = async (): Promise<string[]> =>
        (
          await owner.query<{ name: string }>(`SELECT inhrelid::regclass::text AS name FROM pg_inherits
                                                WHERE inhparent = 'portolan.events'::regclass ORDER BY 1`)
        ).rows.map(({ name }) => name.replace('portolan.', ''));
      const first = [
        'events_default',
        'events_from_0',
        'events_from_10000000',
        'events_from_20000000',
        'events_from_30000000',
      ];
      expect(await names()).to.deep.equal(first);
      expect(await ensurePartitions(owner)).to.deep.equal(['events_from_40000000']);
      expect(await ensurePartitions(owner)).to.deep.equal([]);
      const append = (position: bigint): Promise<unknown> =>
        owner.query(
          `INSERT INTO portolan.events (position, tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
           VALUES ($1, 't', 's', 2, gen_random_uuid(), 'e', 'a', 'c', '{}')`,
          [position],
        );
      await append(55_000_000n);
      await owner.query(`SELECT setval('portolan.event_position', 55000000)`);
      expect(await ensurePartitions(owner)).to.deep.equal([
        ...['events_from_60000000', 'events_from_70000000', 'events_from_80000000', 'events_from_90000000'],
      ]);
      await append(60_000_000n);
      const { rows } = await owner.query(
        'SELECT tableoid::regclass::text AS part FROM portolan.events ORDER BY position',
      );
      expect(rows.map(({ part }) => part)).to.deep.equal([
        ...['portolan.events_from_0', 'portolan.events_default', 'portolan.events_from_60000000'],
      ]);
      expect(await codeOf(owner, 'TRUNCATE portolan.events_from_60000000')).to.deep.include('42501');
    });
  });
});

describe('The schema of the database', () => {
  let database: TestDatabase;
  let owner: pg.Client;

  before(async () => {
    database = await testDatabase({ fsync: false });
    await migrate(database.ownerUrl);
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
  });

  after(async () => {
    await owner.end();
    await database.close();
  });

  it('is what migrations/schema.txt says; `node scripts/dump-schema.ts` writes it anew', async () => {
    const committed = await readFile(join(migrations, 'schema.txt'), 'utf8');
    expect((await schemaDump(owner)).split('\n')).to.deep.equal(committed.replaceAll('\r\n', '\n').split('\n'));
  });

  const drifts = [
    'ALTER TABLE portolan.sources ADD COLUMN extra int',
    'ALTER TABLE portolan.sources ALTER COLUMN version DROP DEFAULT',
    'ALTER TABLE portolan.sources ALTER COLUMN version DROP NOT NULL',
    'ALTER TABLE portolan.sources ADD CHECK (version >= 0)',
    'CREATE INDEX ON portolan.sources (version)',
    'DROP TRIGGER append_only ON portolan.events',
    'GRANT DELETE ON portolan.events TO portolan_app',
    'GRANT UPDATE (payload) ON portolan.events TO portolan_app',
    'ALTER SEQUENCE portolan.event_position CACHE 10',
    `CREATE OR REPLACE FUNCTION portolan.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    'REVOKE EXECUTE ON FUNCTION portolan.ensure FROM PUBLIC',
    'CREATE VIEW portolan.extra_view AS SELECT 1 AS one',
    `CREATE TYPE portolan.extra AS ENUM ('a')`,
    'CREATE SCHEMA extra',
  ];

  for (const drift of drifts) {
    it(`would be found to differ after ${drift}`, async () => {
      const before = await schemaDump(owner);
      await owner.query('CREATE TABLE IF NOT EXISTS public.left_out (a int)');
      expect(await schemaDump(owner)).to.equal(before);
      await owner.query(drift);
      expect(await schemaDump(owner)).not.to.equal(before);
    });
  }
});
