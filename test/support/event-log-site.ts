import type { ClientBase } from 'pg';
import type pg from 'pg';
import type { EventLogSite, EventToAppend } from '../../src/contracts/event-log/event-log-site.ts';
import { MemoryEventLog } from '../../src/infrastructure/memory/memory-event-log.ts';
import { appendEvents } from '../../src/infrastructure/postgres/append-events.ts';
import { PostgresEventLog } from '../../src/infrastructure/postgres/event-log.ts';
import type { ConsumerSettings } from '../../src/infrastructure/postgres/consumer-settings.ts';
import { inTransaction } from '../../src/infrastructure/postgres/log-transaction.ts';
import { LogWakeup } from '../../src/infrastructure/postgres/log-wakeup.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { createPool } from '../../src/infrastructure/postgres/pools.ts';
import { testDatabase } from './postgres.ts';

const LIMITS = { statementMs: 20_000, idleMs: 20_000 };

/** Appends events within the client's transaction and returns the position of the last. */
export async function appendAll(client: ClientBase, events: readonly EventToAppend[]): Promise<bigint> {
  const { rows } = await client.query<{ position: string }>(appendEvents(events));
  return BigInt(rows.at(-1)?.position ?? 0);
}

/** Appends events in a transaction of their own. */
export function appendInPool(pool: pg.Pool, events: readonly EventToAppend[]): Promise<bigint> {
  return inTransaction(pool, LIMITS, (client) => appendAll(client, events));
}

/** A migrated database of its own, with a log, and the means to open more of them as other processes would. */
export interface LogDatabase extends EventLogSite {
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  readonly pool: pg.Pool;
  /** Trouble that the logs have reported. */
  readonly errors: unknown[];
  openAnother(settings?: Partial<ConsumerSettings>): Promise<PostgresEventLog>;
}

/** Opens a log on a new database; its consumers are quick to retry. */
export async function logDatabase({ fsync = false }: { fsync?: boolean } = {}): Promise<LogDatabase> {
  const database = await testDatabase({ fsync });
  await migrate(database.ownerUrl);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const pool = createPool({ connectionString: database.applicationUrl, max: 20, onError });
  const opened: { close(): Promise<void> }[] = [];
  const committed: LogWakeup[] = [];
  const openAnother = async (settings: Partial<ConsumerSettings> = {}): Promise<PostgresEventLog> => {
    const wakeup = new LogWakeup({ connection: { connectionString: database.applicationUrl }, onError });
    const log = new PostgresEventLog({ pool, wakeup, onError, consumers: { retryMs: [5, 50], ...settings } });
    opened.push(log, wakeup);
    committed.push(wakeup);
    return log;
  };
  const log = await openAnother();
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    for (const each of opened) await each.close();
    await pool.end();
    await database.close();
  };
  return {
    ...{ log, pool, errors, openAnother, ownerUrl: database.ownerUrl, applicationUrl: database.applicationUrl },
    async append(events) {
      const position = await appendInPool(pool, events);
      committed[0]?.committed();
      return position;
    },
    async appendAndRollBack(events) {
      const failure = new Error('Rolled back on purpose');
      const work = async (client: ClientBase): Promise<never> => {
        await appendAll(client, events);
        throw failure;
      };
      await inTransaction(pool, LIMITS, work).catch((error: unknown) => {
        if (error !== failure) throw error;
      });
    },
    async appendWithin(unit, events) {
      await appendAll(unit as ClientBase, events);
    },
    close: () => (closed ??= close()),
  };
}

/** A log in memory. */
export function memoryLog(): EventLogSite {
  const log = new MemoryEventLog({ retryMs: [5, 50] });
  return {
    log,
    append: async (events) => log.append(events.map((event) => ({ ...event, occurredAt: new Date() }))),
    openAnother: async () => log,
    close: () => log.close(),
  };
}
