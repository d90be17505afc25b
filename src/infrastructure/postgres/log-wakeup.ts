import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import type { Client, ClientConfig } from 'pg';
import type { Running } from '../../application/shared/event-log.ts';
import { backoffMs, pause } from '../system/pause.ts';
import { CONNECT_MS } from './pools.ts';

const CHANNEL = 'portolan_log';

/** NOTIFY takes a lock that is one for the whole server: this process sends one at most every so often. */
const NOTIFY_INTERVAL_MS = 10;

const RECONNECT_FIRST_MS = 100;
const RECONNECT_LONGEST_MS = 5_000;

export interface LogWakeupOptions {
  /** How to connect for LISTEN and NOTIFY; without it only readers of this process are woken. */
  readonly connection?: ClientConfig | undefined;
  /** Told when the connection is lost; it is made again. */
  readonly onError: (error: unknown) => void;
}

/**
 * Tells readers that there are new events: those of this process at once, those of other processes through a
 * connection of its own. Only a hint: readers look from time to time as well, and lose nothing without it.
 */
export class LogWakeup implements Running {
  readonly #options: LogWakeupOptions;
  /** Tells this process's notifications from those of others. */
  readonly #sender = randomUUID();
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #run: Promise<void>;
  #client: Client | undefined;
  #due = false;
  #notifying = false;

  constructor(options: LogWakeupOptions) {
    this.#options = options;
    this.#run = options.connection === undefined ? Promise.resolve() : this.#stayConnected(options.connection);
  }

  /** To be called by an appender after its commit. */
  committed(): void {
    this.#tell();
    this.#due = true;
    if (!this.#notifying) void this.#notify();
  }

  /** Calls a listener whenever there may be new events, until the returned function is called. */
  onCommitted(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#run;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The first commit is announced at once, and however many follow in the interval together after it. */
  async #notify(): Promise<void> {
    this.#notifying = true;
    while (this.#due && !this.#closing.signal.aborted) {
      this.#due = false;
      // A lost connection shows up elsewhere, and until there is a new one readers poll.
      await this.#client?.query(`NOTIFY ${CHANNEL}, '${this.#sender}'`).catch(() => undefined);
      await pause(NOTIFY_INTERVAL_MS, this.#closing.signal);
    }
    this.#notifying = false;
  }

  async #stayConnected(connection: ClientConfig): Promise<void> {
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      const client = new pg.Client({
        ...connection,
        connectionTimeoutMillis: CONNECT_MS,
        keepAlive: true,
        application_name: 'portolan log',
      });
      const lost = new AbortController();
      client.on('error', (error) => this.#options.onError(error));
      client.on('end', () => lost.abort());
      client.on('notification', ({ payload }) => {
        if (payload !== this.#sender) this.#tell();
      });
      try {
        await client.connect();
        // A notification is worth no wait for the disk.
        await client.query(`SET synchronous_commit = off; LISTEN ${CHANNEL}`);
        failures = 0;
        this.#client = client;
        this.#tell();
        await aborted(AbortSignal.any([this.#closing.signal, lost.signal]));
      } catch (error) {
        this.#options.onError(error);
      }
      this.#client = undefined;
      await client.end().catch((error: unknown) => this.#options.onError(error));
      failures += 1;
      await pause(backoffMs(failures, RECONNECT_FIRST_MS, RECONNECT_LONGEST_MS), this.#closing.signal);
    }
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
