/**
 * A process that runs one exclusive consumer. Arguments: the application's database URL, the consumer's name, the
 * tenant, milliseconds that an event takes, milliseconds that a handler may take. Each event leaves an effect, and
 * notes of its beginning and its end that no roll-back removes.
 */
import type { ClientBase } from 'pg';
import { PostgresEventLog } from '../../src/infrastructure/postgres/event-log.ts';
import { createPool } from '../../src/infrastructure/postgres/pools.ts';
import { setTimeout as sleep } from 'node:timers/promises';

const [connectionString = '', name = '', tenant = '', eventMs = '0', handlerMs = '30000'] = process.argv.slice(2);
const onError = (error: unknown): void => console.error(process.pid, error instanceof Error ? error.message : error);
const pool = createPool({ connectionString, max: 8, onError });
const log = new PostgresEventLog({ pool, onError, consumers: { handlerMs: Number(handlerMs), retryMs: [5, 50] } });
const note = (eventId: string, what: string) =>
  pool.query('INSERT INTO public.notes (process, event_id, what) VALUES ($1, $2, $3)', [process.pid, eventId, what]);

log.exclusive({
  name,
  filter: { tenant },
  async handle({ eventId }, { unit }) {
    await note(eventId, 'begins');
    await (unit as ClientBase).query('INSERT INTO public.effects (process, event_id) VALUES ($1, $2)', [
      process.pid,
      eventId,
    ]);
    await sleep(Number(eventMs));
    await note(eventId, 'ends');
  },
});
console.log('running');
