import type { Pool } from 'pg';
import { requireLimit } from '../../application/shared/event-log-rules.ts';
import { PositionUnavailable } from '../../application/shared/errors.ts';
import type {
  DeadEvent,
  EventFilter,
  EventLog,
  EventPage,
  ExclusiveConsumer,
  ForeignEvent,
  LoggedEvent,
  Running,
} from '../../application/shared/event-log.ts';
import { SharedRuns } from '../system/shared-runs.ts';
import { uuidv7 } from '../system/uuid.ts';
import { isOutage, isTimeout } from './batch-failure.ts';
import { listDeadEvents, requestRedrive } from './dead-events.ts';
import { CONSUMER_SETTINGS, type ConsumerSettings } from './consumer-settings.ts';
import { EventConsumer } from './event-consumer.ts';
import { ingestEvents, ingestKey, type Ingest } from './event-ingest.ts';
import { decodeEvent, readStreamCells } from './event-rows.ts';
import { LiveReader } from './live-reader.ts';
import { LogTail } from './log-tail.ts';
import type { LogWakeup } from './log-wakeup.ts';

/**
 * In how many transactions at a time a process takes events in. Those of one source wait for each other in any case:
 * what is under way for more of them would only take connections from queries.
 */
const INGESTS = 2;
/** So many events, of as many callers, share a transaction. */
const INGESTED_AT_ONCE = 500;

/** How long `reached` waits when its caller sets no end. */
const REACHED_MS = 30_000;

export interface PostgresEventLogOptions {
  /** Connections of the application's role, not in pipeline mode. Its owner closes it. */
  readonly pool: Pool;
  /** Tells of commits, and is told of this log's own; without it readers poll. Its owner closes it. */
  readonly wakeup?: LogWakeup | undefined;
  /** Told of handlers' failed tries and of trouble with the database: the log deals with both. */
  readonly onError: (error: unknown) => void;
  readonly consumers?: Partial<ConsumerSettings> | undefined;
}

/** The event log in PostgreSQL. Closing it ends its readers and leaves the pool open. */
export class PostgresEventLog implements EventLog, Running {
  readonly #pool: Pool;
  readonly #onError: (error: unknown) => void;
  readonly #committed: () => void;
  readonly #tail: LogTail;
  readonly #settings: ConsumerSettings;
  readonly #readers = new Set<Running>();
  readonly #ingests: SharedRuns<Ingest, Awaited<ReturnType<EventLog['ingest']>>>;
  readonly #unsubscribe: () => void;

  constructor({ pool, wakeup, onError, consumers }: PostgresEventLogOptions) {
    this.#pool = pool;
    this.#onError = onError;
    this.#tail = new LogTail(pool, onError);
    this.#ingests = new SharedRuns({
      places: INGESTS,
      maxWeight: INGESTED_AT_ONCE,
      weight: ({ events }) => events.length,
      run: (calls) => ingestEvents(pool, calls, uuidv7),
      isOnesOwn: (error) => !isOutage(error) && !isTimeout(error),
    });
    this.#settings = { ...CONSUMER_SETTINGS, ...consumers };
    this.#committed = wakeup === undefined ? () => this.#tail.wake() : () => wakeup.committed();
    this.#unsubscribe = wakeup?.onCommitted(() => this.#tail.wake()) ?? (() => undefined);
  }

  async epoch(): Promise<string> {
    if (this.#tail.epoch === undefined) await this.#tail.look();
    if (this.#tail.epoch === undefined) throw new Error('The log has no epoch.');
    return this.#tail.epoch;
  }

  async read(after: bigint, limit: number, filter: EventFilter = {}): Promise<EventPage> {
    requireLimit(limit);
    const page = await this.#tail.page(after, limit, filter);
    if (page.events.length === limit) return page;
    // What is known may be out of date: what was committed before this call has to be found.
    if (page.position >= this.#tail.position) await this.#tail.look();
    return page.position >= this.#tail.position ? page : this.#tail.page(after, limit, filter);
  }

  async readStream(
    tenant: string,
    stream: string,
    fromVersion: number,
    limit: number,
  ): Promise<readonly LoggedEvent[]> {
    requireLimit(limit);
    return (await readStreamCells(this.#pool, { tenant, stream, fromVersion, limit })).map(decodeEvent);
  }

  async head(): Promise<bigint> {
    await this.#tail.look();
    return this.#tail.position;
  }

  async reached(position: bigint, signal?: AbortSignal): Promise<void> {
    if (this.#tail.position >= position) return;
    await this.#tail.look();
    if (this.#tail.position >= position) return;
    if (position > (await this.#lastDrawn())) {
      throw new PositionUnavailable('The log has never come as far as this position.');
    }
    await this.#tail.above(position - 1n, REACHED_MS, signal);
    if (this.#tail.position < position) throw new PositionUnavailable('The position was not reached in time.');
  }

  async ingest(events: readonly ForeignEvent[], by: Parameters<EventLog['ingest']>[1]): ReturnType<EventLog['ingest']> {
    const call = { events, by };
    const result = await this.#ingests.join(ingestKey(call), call);
    if (result.position !== undefined) this.#committed();
    return result;
  }

  live(
    handler: (events: readonly LoggedEvent[]) => void,
    options: { readonly after?: bigint; readonly filter?: EventFilter } = {},
  ): Running {
    return this.#adopt(new LiveReader(this.#tail, handler, options, this.#onError));
  }

  exclusive(consumer: ExclusiveConsumer): Running {
    const host = {
      pool: this.#pool,
      tail: this.#tail,
      settings: this.#settings,
      onError: this.#onError,
      onCommitted: this.#committed,
    };
    return this.#adopt(new EventConsumer(host, consumer));
  }

  deadEvents(tenant: string, limit: number, consumer?: string): Promise<readonly DeadEvent[]> {
    requireLimit(limit);
    return listDeadEvents(this.#pool, tenant, limit, consumer);
  }

  redrive(tenant: string, consumer: string, eventId: string): Promise<boolean> {
    return requestRedrive(this.#pool, tenant, consumer, eventId);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await this.#tail.close();
    this.#unsubscribe();
  }

  #adopt(reader: Running): Running {
    this.#readers.add(reader);
    return {
      close: async () => {
        await reader.close();
        this.#readers.delete(reader);
      },
    };
  }

  async #lastDrawn(): Promise<bigint> {
    const { rows } = await this.#pool.query<{ last: string }>(
      `SELECT coalesce(pg_sequence_last_value('portolan.event_position'), 0) AS last`,
    );
    return BigInt(rows[0]?.last ?? 0);
  }
}
