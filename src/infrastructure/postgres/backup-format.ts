import pg from 'pg';
import { z } from 'zod';
import { CONNECT_MS } from './pools.ts';

/** A backup can't be made or restored; the message says in one line why. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** What was written, or filled in. */
export interface BackupSummary {
  readonly file: string;
  readonly tables: number;
  readonly rows: number;
}

/** Schemas of the service, each with all that belongs to it. */
export const BACKUP_SCHEMAS = ['portolan', 'jobs', 'gift_cards', 'access'] as const;

/** The line after a table's rows; COPY's text format writes no row like it. */
export const END_OF_ROWS = '\\.';

/** A file is a line with this; then for each table a line, its rows in COPY's text format and the end; then a last line. */
export const headerSchema = z.object({
  format: z.literal('portolan-backup-1'),
  createdAt: z.string(),
  migrations: z.array(z.string()),
});
export type Header = z.infer<typeof headerSchema>;

export const tableSchema = z.object({ table: z.string(), columns: z.array(z.string()) });
export type Table = z.infer<typeof tableSchema>;

/** `sequences` holds the last value of each sequence that was used, by its name. */
export const footerSchema = z.object({
  rows: z.int(),
  sequences: z.record(z.string(), z.string().regex(/^\d+$/)),
});
export type Footer = z.infer<typeof footerSchema>;

export const sectionSchema = z.union([tableSchema, footerSchema]);

export const columnList = ({ columns }: Table): string => columns.map((name) => pg.escapeIdentifier(name)).join(', ');

/**
 * All tables of the service, those that are referred to before those that refer to them. Left out are what the migrator
 * notes and tables that a crash may empty.
 */
export async function tablesInOrder(client: pg.Client): Promise<readonly Table[]> {
  const { rows } = await client.query<Table & { readonly needs: readonly string[] }>(
    `SELECT format('%I.%I', n.nspname, t.relname) AS table,
       (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns,
       ARRAY(SELECT format('%I.%I', fn.nspname, f.relname)
        FROM pg_constraint c JOIN pg_class f ON f.oid = c.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
        WHERE c.conrelid = t.oid AND c.contype = 'f' AND f.oid <> t.oid) AS needs
     FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE n.nspname = ANY ($1) AND t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relpersistence = 'p'
       AND (n.nspname, t.relname) <> ('portolan', 'migrations')
     ORDER BY 1`,
    [BACKUP_SCHEMAS],
  );
  const ordered: Table[] = [];
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

/** Works on a connection of its own, with the settings that make text the same wherever it is written and read. */
export async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'portolan backup',
    options:
      '-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c client_encoding=UTF8 -c extra_float_digits=1',
  });
  // The statement under way reports a lost connection as well.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The error itself where it is clear already, else one that says what failed. */
export function backupError(what: string, cause: unknown): BackupError {
  if (cause instanceof BackupError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new BackupError(`${what}: ${message}`, { cause });
}
