import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import {
  BACKUP_SCHEMAS,
  backupError,
  BackupError,
  columnList,
  connected,
  END_OF_ROWS,
  tablesInOrder,
  type BackupSummary,
  type Footer,
  type Header,
  type Table,
} from './backup-format.ts';
import { appliedMigrations } from './migrate.ts';

/**
 * Writes all tables of the service, as they are at one instant, to a compressed file. Writers aren't held up. The file
 * appears under its name when it is complete and on the disk, in place of an older one; only its owner may read it. It
 * holds sealed secrets and personal data: keep it as the database. The peppers are not in it.
 *
 * @throws BackupError when the database is not one of the service, or the file cannot be written
 */
export async function backup(ownerUrl: string, file: string): Promise<BackupSummary> {
  return connected(ownerUrl, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const header = await headerOf(client);
    const tables = await tablesInOrder(client);
    // A name of its own: one that a killed backup left behind must not be in the way of the next.
    const draft = `${file}.${randomBytes(4).toString('hex')}.part`;
    const output = createWriteStream(draft, { mode: 0o600, flags: 'wx', flush: true });
    const progress = { rows: 0 };
    try {
      await pipeline(sections(client, header, tables, progress), createGzip(), output);
      await rename(draft, file);
    } catch (error) {
      await rm(draft, { force: true });
      throw backupError('The backup could not be written', error);
    }
    return { file, tables: tables.length, rows: progress.rows };
  });
}

async function headerOf(client: pg.Client): Promise<Header> {
  const { rows } = await client.query<{ found: unknown; now: Date }>(
    `SELECT to_regclass('portolan.migrations') AS found, now() AS now`,
  );
  const [row] = rows;
  if (row === undefined || row.found === null) throw new BackupError('This is not a database of the service.');
  const migrations = [...(await appliedMigrations(client))];
  return { format: 'portolan-backup-1', createdAt: row.now.toISOString(), migrations };
}

/** The whole text of the file, read from the database as fast as it is taken. */
async function* sections(
  client: pg.Client,
  header: Header,
  tables: readonly Table[],
  progress: { rows: number },
): AsyncGenerator<string | Buffer> {
  yield `${JSON.stringify(header)}\n`;
  for (const table of tables) {
    yield `${JSON.stringify(table)}\n`;
    const copy = client.query(copyTo(`COPY (SELECT ${columnList(table)} FROM ${table.table}) TO STDOUT`));
    yield* copy;
    progress.rows += copy.rowCount ?? 0;
    yield `${END_OF_ROWS}\n`;
  }
  // Sequences know no snapshot: read last, none is behind the rows.
  const footer: Footer = { rows: progress.rows, sequences: await lastValues(client) };
  yield `${JSON.stringify(footer)}\n`;
}

async function lastValues(client: pg.Client): Promise<{ [sequence: string]: string }> {
  const { rows } = await client.query<{ sequence: string; last_value: string }>(
    `SELECT format('%I.%I', schemaname, sequencename) AS sequence, last_value FROM pg_sequences
     WHERE schemaname = ANY ($1) AND last_value IS NOT NULL`,
    [BACKUP_SCHEMAS],
  );
  return Object.fromEntries(rows.map(({ sequence, last_value }) => [sequence, last_value]));
}
