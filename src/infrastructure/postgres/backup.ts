import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { LineReader } from './line-reader.ts';
import { appliedMigrations } from './migrate.ts';

/** A backup can't be made or restored; the message says in one line why. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

const FORMAT = 'portolan-backup-1';

/** The first line of a backup. */
interface Header {
  readonly format: string;
  readonly createdAt: string;
  readonly migrations: readonly string[];
}

/** Introduces a table; its rows follow in COPY's text format up to a line with `\.`. */
interface TableHeader {
  readonly table: string;
  readonly columns: readonly string[];
}

export interface BackupSummary {
  readonly file: string;
  readonly tables: number;
  readonly rows: number;
}

/**
 * Writes all tables of the service, as they are at one instant, to a compressed file. Writers aren't held up. The file
 * appears under its name when it is complete. It holds sealed secrets and personal data: keep it as the database.
 */
export async function backup(ownerUrl: string, file: string): Promise<BackupSummary> {
  return connected(ownerUrl, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const tables = await tablesInOrder(client);
    const header: Header = {
      format: FORMAT,
      createdAt: new Date().toISOString(),
      migrations: await appliedMigrations(client),
    };
    let rows = 0;
    const text = new PassThrough();
    const written = pipeline(text, createGzip(), createWriteStream(`${file}.part`, { mode: 0o600, flags: 'wx' }));
    const produced = (async () => {
      text.write(`${JSON.stringify(header)}\n`);
      for (const table of tables) {
        text.write(`${JSON.stringify(table)}\n`);
        const copy = client.query(copyTo(`COPY (SELECT ${columnList(table)} FROM ${table.table}) TO STDOUT`));
        await pipeline(copy, text, { end: false });
        rows += copy.rowCount ?? 0;
        text.write('\\.\n');
      }
      text.end();
    })();
    try {
      await Promise.all([written, produced]);
      await rename(`${file}.part`, file);
    } catch (error) {
      text.destroy();
      await rm(`${file}.part`, { force: true });
      throw new BackupError(`The backup could not be written: ${messageOf(error)}`, { cause: error });
    }
    await client.query('COMMIT');
    return { file, tables: tables.length, rows };
  });
}

/**
 * Fills an empty database of the same version from a backup, in one transaction: all of it or nothing. The log gets a
 * new epoch, so that positions from before mean nothing. Refused while servers use the database.
 */
export async function restore(ownerUrl: string, file: string): Promise<BackupSummary> {
  return connected(ownerUrl, async (client) => {
    await client.query('BEGIN');
    await requireQuiet(client);
    const tables = await tablesInOrder(client);
    await empty(client, tables);
    const lines = new LineReader(createReadStream(file).pipe(createGunzip()));
    try {
      await requireSameVersion(client, await lines.next());
      const summary = await fill(client, lines, file, new Set(tables.map(({ table }) => table)));
      await client.query(`SELECT setval('portolan.event_position',
        greatest(1, (SELECT coalesce(max(position), 0) FROM portolan.events)))`);
      await client.query('UPDATE portolan.log_epoch SET epoch = gen_random_uuid()');
      await client.query('COMMIT');
      return summary;
    } catch (error) {
      lines.close();
      if (error instanceof BackupError) throw error;
      throw new BackupError(`The backup could not be restored: ${messageOf(error)}`, { cause: error });
    }
  });
}

async function fill(
  client: pg.Client,
  lines: LineReader,
  file: string,
  known: ReadonlySet<string>,
): Promise<BackupSummary> {
  let [tables, rows] = [0, 0];
  for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
    const header = JSON.parse(line) as TableHeader;
    if (!known.has(header.table)) throw new BackupError('The backup names a table that this version does not have.');
    const copy = client.query(copyFrom(`COPY ${header.table} (${columnList(header)}) FROM STDIN`));
    await pipeline(Readable.from(lines.until('\\.')), copy);
    rows += copy.rowCount ?? 0;
    tables += 1;
  }
  if (tables < known.size) throw new BackupError('The backup is incomplete: tables are missing.');
  return { file, tables, rows };
}

const columnList = ({ columns }: TableHeader): string => columns.map((name) => pg.escapeIdentifier(name)).join(', ');

/** All tables of the service's schemas, those that are referred to before those that refer to them. */
async function tablesInOrder(client: pg.Client): Promise<readonly TableHeader[]> {
  const { rows } = await client.query<TableHeader & { readonly needs: readonly string[] }>(
    `SELECT t.oid::regclass::text AS table,
       (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns,
       ARRAY(SELECT confrelid::regclass::text FROM pg_constraint
        WHERE conrelid = t.oid AND contype = 'f' AND confrelid <> t.oid) AS needs
     FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE n.nspname IN ('portolan', 'gift_cards', 'jobs', 'access') AND t.relkind IN ('r', 'p')
       AND NOT t.relispartition AND t.relpersistence = 'p' AND t.relname <> 'migrations'
     ORDER BY 1`,
  );
  const ordered: TableHeader[] = [];
  const done = new Set<string>();
  const visit = (entry: (typeof rows)[number]): void => {
    if (done.has(entry.table)) return;
    done.add(entry.table);
    for (const need of entry.needs) {
      const target = rows.find(({ table }) => table === need);
      if (target !== undefined) visit(target);
    }
    ordered.push({ table: entry.table, columns: entry.columns });
  };
  rows.forEach(visit);
  return ordered;
}

/** Removes what the migrations put there; an append-only table refuses as soon as it holds a row. */
async function empty(client: pg.Client, tables: readonly TableHeader[]): Promise<void> {
  try {
    for (const { table } of tables.toReversed()) await client.query(`DELETE FROM ${table}`);
  } catch (error) {
    throw new BackupError('The database is not empty; restore into a new one.', { cause: error });
  }
}

async function requireQuiet(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ others: number }>(
    `SELECT count(*)::integer AS others FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'portolan' AND pid <> pg_backend_pid()`,
  );
  if ((rows[0]?.others ?? 0) > 0) throw new BackupError('Servers are using this database; stop them first.');
}

async function requireSameVersion(client: pg.Client, line: string | undefined): Promise<void> {
  const header = line?.startsWith('{') === true ? (JSON.parse(line) as Header) : undefined;
  if (header?.format !== FORMAT) throw new BackupError('The file is not a backup of this service.');
  const present = await appliedMigrations(client);
  if (present.join() !== header.migrations.join()) {
    throw new BackupError('The backup was made by another version of the schema; restore it with that version.');
  }
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' });
  // The statement under way reports a lost connection as well.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
