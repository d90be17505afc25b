import type { ClientBase, Notification, Pool } from 'pg';
import { randomUUID } from 'node:crypto';
import type { JobNews } from './job-store.ts';
import { Loop } from './loop.ts';
import { checkOut } from '../postgres/pools.ts';
import { named } from '../postgres/statement.ts';

const channel = 'portolan_jobs';
/** At least this long between two notifications of one process: each is a commit that locks out other notifying ones. */
const pauseMs = 2;
const reconnectMs = 500;
/** Not flushed to disk: news of a server that crashes are of no use. */
const notifySql = `
  SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, message)
  FROM unnest($2::text[]) AS message`;
const notifyWithinSql = 'SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message';

/**
 * Tells other processes about jobs through LISTEN and NOTIFY. A message is `<sender> queued <type>` or
 * `<sender> cancelling <id>`; one that is lost costs a poll interval.
 */
export class PostgresJobSignals implements JobNews {
  readonly #pool: Pool;
  readonly #onFault: (error: unknown) => void;
  readonly #sender: string = randomUUID();
  readonly #outgoing = new Set<string>();
  readonly #listening: Loop;
  #listener: JobNews | undefined;
  #disconnect: (() => void) | undefined;
  #sending: Promise<void> | undefined;

  constructor(pool: Pool, onFault: (error: unknown) => void) {
    this.#pool = pool;
    this.#onFault = onFault;
    this.#listening = new Loop(() => this.#keepListening(), onFault, reconnectMs);
  }

  queued(types: Iterable<string>): void {
    for (const type of types) this.#send(`queued ${type}`);
  }

  cancelling(id: string): void {
    this.#send(`cancelling ${id}`);
  }

  /** Keeps one connection of the pool until it is closed. */
  listen(listener: JobNews): void {
    this.#listener = listener;
    this.#listening.soon(0);
  }

  async close(): Promise<void> {
    await this.#listening.stop();
    this.#disconnect?.();
    await this.#sending;
  }

  #send(news: string): void {
    this.#outgoing.add(`${this.#sender} ${news}`);
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    // Whatever is told in the same breath goes along.
    await Promise.resolve();
    while (this.#outgoing.size > 0) {
      const messages = [...this.#outgoing];
      this.#outgoing.clear();
      await this.#pool.query({ ...named(notifySql), values: [channel, messages] }).catch(this.#onFault);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    this.#sending = undefined;
  }

  /** Connects unless it is connected, and looks again after a while. */
  async #keepListening(): Promise<number> {
    if (this.#disconnect !== undefined) return reconnectMs;
    const client = await checkOut(this.#pool);
    const disconnect = () => {
      if (this.#disconnect !== disconnect) return;
      this.#disconnect = undefined;
      client.release(true);
    };
    this.#disconnect = disconnect;
    client.on('notification', (notification) => this.#hear(notification));
    client.on('error', (error) => {
      this.#onFault(error);
      disconnect();
    });
    try {
      await client.query(`LISTEN ${channel}`);
    } catch (error) {
      disconnect();
      throw error;
    }
    return reconnectMs;
  }

  #hear({ payload = '' }: Notification): void {
    const [sender, kind, subject] = payload.split(' ', 3);
    if (sender === this.#sender || subject === undefined) return;
    if (kind === 'queued') this.#listener?.queued([subject]);
    if (kind === 'cancelling') this.#listener?.cancelling(subject);
  }
}

/** Tells all processes as soon as the transaction on this connection has been committed. */
export async function notifyWithin(client: ClientBase, types: readonly string[]): Promise<void> {
  await client.query(notifyWithinSql, [channel, types.map((type) => `- queued ${type}`)]);
}
