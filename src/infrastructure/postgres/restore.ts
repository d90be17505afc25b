import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  backupError,
  BackupError,
  columnList,
  connected,
  END_OF_ROWS,
  headerSchema,
  sectionSchema,
  tablesInOrder,
  type BackupSummary,
  type Footer,
  type Table,
} from './backup-format.ts';
import { LineReader } from './line-reader.ts';
import { beginEpoch } from './log-epoch.ts';
import { appliedMigrations } from './migrate.ts';
import { sqlState } from './statement.ts';

/** What was filled in. */
export interface RestoreResult extends BackupSummary {
  /**
   * Why the statistics that queries are planned by could not be gathered, or null. All is restored nevertheless;
   * PostgreSQL gathers them by itself within minutes, or `ANALYZE` does at once.
   */
  readonly analyzeFault: string | null;
}

/** How long connections that are just being closed are waited for. */
const QUIET_WITHIN_MS = 2_000;
const POLL_MS = 50;

/**
 * Fills an empty database of the same version from a backup, in one transaction: all of it or nothing. The log gets a
 * new epoch, so that positions from before mean nothing, and nobody holds a consumer's lease. Refused while anybody else
 * is connected to the database; who comes later waits until it is filled.
 *
 * @throws BackupError when it is refused, or the file is damaged or no backup
 */
export async function restore(ownerUrl: string, file: string): Promise<RestoreResult> {
  return connected(ownerUrl, async (client) => {
    const { summary, tables } = await restored(client, file);
    return { ...summary, analyzeFault: await analyzeFault(client, tables) };
  });
}

async function restored(client: pg.Client, file: string) {
  const lines = new LineReader(unpacked(file));
  try {
    await requireSameVersion(client, await firstLine(lines));
    await requireQuiet(client);
    await client.query('BEGIN');
    const tables = await tablesInOrder(client);
    await lock(client, tables);
    await empty(client, tables);
    const summary = await fill(client, lines, file, tables);
    await beginEpoch(client);
    await client.query('COMMIT');
    return { summary, tables };
  } catch (error) {
    throw backupError('The backup could not be restored', error);
  }
}

/** Plans made on the statistics of empty tables would be wrong ones. Resolves to why there are no others, if so. */
async function analyzeFault(client: pg.Client, tables: readonly Table[]): Promise<string | null> {
  try {
    await client.query(`ANALYZE ${tables.map(({ table }) => table).join(', ')}`);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The file's text; reading it fails with whatever is wrong with the file. */
function unpacked(file: string): AsyncIterable<Uint8Array> {
  const gunzip = createGunzip();
  pipeline(createReadStream(file), gunzip).catch((error: unknown) => {
    gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return gunzip;
}

async function firstLine(lines: LineReader): Promise<string | undefined> {
  try {
    return await lines.next();
  } catch (error) {
    // The file is there and can be read, but isn't compressed as a backup is.
    if (error instanceof Error && 'syscall' in error) throw error;
    throw new BackupError('The file is not a backup of this service.', { cause: error });
  }
}

async function requireSameVersion(client: pg.Client, line: string | undefined): Promise<void> {
  const header = headerSchema.safeParse(parse(line));
  if (!header.success) throw new BackupError('The file is not a backup of this service.');
  const present = await appliedMigrations(client);
  if (present.join() !== header.data.migrations.join()) {
    throw new BackupError('The backup was made by another version of the schema; restore it with that version.');
  }
}

/** Somebody who works on what the log was before would go on with positions that mean something else by then. */
async function requireQuiet(client: pg.Client): Promise<void> {
  const deadline = Date.now() + QUIET_WITHIN_MS;
  for (;;) {
    const { rows } = await client.query<{ name: string }>(
      `SELECT DISTINCT coalesce(nullif(application_name, ''), 'unnamed') AS name FROM pg_stat_activity
       WHERE datname = current_database() AND usesysid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY 1`,
    );
    if (rows.length === 0) return;
    if (Date.now() > deadline) {
      const names = rows.map(({ name }) => name).join(', ');
      throw new BackupError(`Others are using this database (${names}); stop the servers first.`);
    }
    await delay(POLL_MS);
  }
}

/** With the migrator's table locked as well, a server that starts now waits. */
async function lock(client: pg.Client, tables: readonly Table[]): Promise<void> {
  const names = ['portolan.migrations', ...tables.map(({ table }) => table)];
  try {
    await client.query(`LOCK TABLE ${names.join(', ')} IN ACCESS EXCLUSIVE MODE NOWAIT`);
  } catch (error) {
    if (sqlState(error) !== '55P03') throw error;
    throw new BackupError('Others are using this database; stop the servers first.', { cause: error });
  }
}

/** Removes what the migrations and a start put there. Where there is one event, there is something to lose. */
async function empty(client: pg.Client, tables: readonly Table[]): Promise<void> {
  const { rows } = await client.query<{ used: boolean }>('SELECT EXISTS (SELECT FROM portolan.events) AS used');
  if (rows[0]?.used !== false) throw new BackupError('The database is not empty; restore into a new one.');
  for (const { table } of tables.toReversed()) await client.query(`DELETE FROM ${table}`);
}

async function fill(
  client: pg.Client,
  lines: LineReader,
  file: string,
  tables: readonly Table[],
): Promise<BackupSummary> {
  const missing = new Set(tables.map(({ table }) => table));
  let rows = 0;
  for (;;) {
    const section = sectionSchema.safeParse(parse(await lines.next()));
    if (!section.success) throw new BackupError('The backup is damaged.');
    if (!('table' in section.data)) {
      if (missing.size > 0 || section.data.rows !== rows) throw new BackupError('The backup is incomplete.');
      // Only at its end it is known whether the file is as it was written.
      if ((await lines.next()) !== undefined) throw new BackupError('The backup is damaged.');
      await setSequences(client, section.data);
      return { file, tables: tables.length, rows };
    }
    const table = section.data;
    if (!missing.delete(table.table)) throw new BackupError('The backup has a table that this version does not have.');
    const copy = client.query(copyFrom(`COPY ${table.table} (${columnList(table)}) FROM STDIN`));
    await pipeline(Readable.from(lines.until(END_OF_ROWS)), copy);
    rows += copy.rowCount ?? 0;
  }
}

async function setSequences(client: pg.Client, { sequences }: Footer): Promise<void> {
  for (const [sequence, lastValue] of Object.entries(sequences)) {
    await client.query('SELECT setval($1::regclass, $2)', [sequence, lastValue]);
  }
}

function parse(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
