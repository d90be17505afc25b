import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import pg from 'pg';
import type { ClientBase, ClientConfig } from 'pg';
import { ensurePartitions } from './event-partitions.ts';
import { CONNECT_MS } from './pools.ts';
import { sqlState } from './statement.ts';

/** The role that the migrations grant rights to; a role that logs in may be a member of it, or be it. */
const APPLICATION_ROLE = 'portolan_app';

/** Key of the advisory lock that one migrator holds at a time: the letters `migrate`. */
const MIGRATION_LOCK = 0x6d696772617465n;

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** The database cannot be brought to this version; the message says in one line why and, where known, what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** What became of a database. */
export interface Migrated {
  /** The names of the files applied, in order. */
  readonly applied: readonly string[];
  /** False where the role may not create partitions of the log: they are made when its owner migrates the next time. */
  readonly partitioned: boolean;
}

/** One numbered file. */
interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/**
 * Brings a database up to date, as its owner: applies the migrations that it lacks, in order, each in a transaction of
 * its own, then creates the log's next partitions. Several processes may call it at once: one works, the others wait
 * up to a minute. As any other role that may read the migrations it only makes sure that none is missing.
 *
 * @throws MigrationError when an applied file has changed or is unknown here, when a new one is numbered below an
 * applied one, when a statement fails, when the role may not apply what is missing, or when the application's role is
 * missing and cannot be created
 */
export async function migrate(
  owner: string | ClientConfig,
  directory: string = fileURLToPath(new URL('../../../migrations', import.meta.url)),
): Promise<Migrated> {
  const migrations = await readMigrations(directory);
  const connection = typeof owner === 'string' ? { connectionString: owner } : owner;
  const client = new pg.Client({ connectionTimeoutMillis: CONNECT_MS, ...connection });
  // Without a listener a lost connection would end the process; the statement under way reports it as well.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await lock(client);
    await ensureApplicationRole(client);
    const isOwner = await mayCreate(client);
    if (isOwner) await prepare(client);
    const missing = await compare(client, migrations);
    if (!isOwner) return leaveToOwner(missing);
    for (const migration of missing) await apply(client, migration);
    await ensurePartitions(client);
    return { applied: missing.map(({ name }) => name), partitioned: true };
  } finally {
    await client.end();
  }
}

/** Reads the migrations of a folder in order of their numbers. Line ends are made the same on every platform. */
async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  names.forEach((name, index) => {
    const number = FILE_NAME.exec(name)?.[1];
    if (number === undefined) throw new MigrationError(`The migration ${name} is not named like 0001_some_words.sql.`);
    if (names[index - 1]?.startsWith(number)) throw new MigrationError(`Two migrations have the number ${number}.`);
  });
  return Promise.all(
    names.map(async (name) => {
      const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function lock(client: ClientBase): Promise<void> {
  try {
    await client.query(`SET lock_timeout = '60s'; SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
  } catch (error) {
    if (sqlState(error) !== '55P03') throw error;
    throw new MigrationError('Another process has been migrating this database for a minute.', { cause: error });
  }
}

/** Whether this role may create tables of the log, or the schema for them. */
async function mayCreate(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    `SELECT coalesce(has_schema_privilege(to_regnamespace('portolan')::oid, 'CREATE'),
                     has_database_privilege(current_database(), 'CREATE')) AS may`,
  );
  return rows[0]?.may === true;
}

/** A server may run without the owner's address as long as nothing is to be done for it but partitions ahead of time. */
function leaveToOwner(missing: readonly Migration[]): Migrated {
  if (missing.length === 0) return { applied: [], partitioned: false };
  const names = missing.map(({ name }) => name).join(', ');
  const advice = "run `portolan migrate` with the owner's address in DATABASE_OWNER_URL";
  throw new MigrationError(`The database lacks ${names}, and this role may not migrate it: ${advice}.`);
}

async function isPrepared(client: ClientBase): Promise<boolean> {
  const found = await client.query(`SELECT to_regclass('portolan.migrations') AS found`);
  return found.rows[0]?.found !== null;
}

async function prepare(client: ClientBase): Promise<void> {
  if (await isPrepared(client)) return;
  await client.query(`
    BEGIN;
    CREATE SCHEMA IF NOT EXISTS portolan;
    CREATE TABLE portolan.migrations (
      name       text        PRIMARY KEY,
      sha256     text        NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    GRANT SELECT ON portolan.migrations TO ${APPLICATION_ROLE};
    COMMIT`);
}

async function ensureApplicationRole(client: ClientBase): Promise<void> {
  const found = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [APPLICATION_ROLE]);
  if (found.rowCount !== 0) return;
  try {
    await client.query(`CREATE ROLE ${APPLICATION_ROLE} NOLOGIN`);
  } catch (error) {
    const state = sqlState(error);
    // Roles belong to the server, not to the database: a migrator of another database may have been faster.
    if (state === '42710' || state === '23505') return;
    if (state !== '42501') throw error;
    const advice = `have an administrator run CREATE ROLE ${APPLICATION_ROLE} NOLOGIN`;
    throw new MigrationError(`There is no role ${APPLICATION_ROLE}, and this role may not create it: ${advice}.`);
  }
}

/** The names of the migrations that a database has, in order. */
export async function appliedMigrations(client: ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT name FROM portolan.migrations ORDER BY name COLLATE "C"',
  );
  return rows.map(({ name }) => name);
}

/** The migrations that the database lacks; they have to come after all those that it has. */
async function compare(client: ClientBase, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  if (!(await isPrepared(client))) return migrations;
  const { rows } = await client.query<{ name: string; sha256: string }>(
    'SELECT name, sha256 FROM portolan.migrations ORDER BY name COLLATE "C"',
  );
  rows.forEach((applied, index) => {
    const known = migrations.find(({ name }) => name === applied.name);
    if (known === undefined) {
      throw new MigrationError(`The database has the migration ${applied.name}, which this version does not know.`);
    }
    if (known.sha256 !== applied.sha256) {
      throw new MigrationError(`The migration ${applied.name} has changed since the database applied it.`);
    }
    if (migrations[index] !== known) {
      throw new MigrationError(
        `The migration ${migrations[index]?.name} comes before ${applied.name}, already applied.`,
      );
    }
  });
  return migrations.slice(rows.length);
}

async function apply(client: ClientBase, { name, sql, sha256 }: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(sql);
    await client.query('INSERT INTO portolan.migrations (name, sha256) VALUES ($1, $2)', [name, sha256]);
    await client.query('COMMIT');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError(`The migration ${name} failed and was rolled back: ${reason}`, { cause: error });
  }
}
