import { randomUUID } from 'node:crypto';
import { foreignPayload, matches, requireLimit } from '../../application/shared/event-log-rules.ts';
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
import { MemoryEventConsumer, type MemoryConsumerState } from './memory-event-consumer.ts';

export interface MemoryEventLogOptions {
  /** Told when a handler throws. */
  readonly onError?: (error: unknown) => void;
  /** Wait after a failed try of an exclusive consumer: doubles from the first to the longest. */
  readonly retryMs?: readonly [firstMs: number, longestMs: number];
}

/** The event log of one process, gone when that ends. Its consumers' effects share no transaction. */
export class MemoryEventLog implements EventLog, Running {
  readonly #epoch = randomUUID();
  readonly #onError: (error: unknown) => void;
  readonly #retryMs: readonly [firstMs: number, longestMs: number];
  readonly #events: LoggedEvent[] = [];
  readonly #ingested = new Set<string>();
  readonly #versions = new Map<string, number>();
  readonly #consumers = new Map<string, MemoryConsumerState>();
  readonly #readers = new Set<Running>();
  readonly #listeners = new Set<() => void>();

  constructor({ onError = () => undefined, retryMs = [100, 30_000] }: MemoryEventLogOptions = {}) {
    this.#onError = onError;
    this.#retryMs = retryMs;
  }

  /** Appends events, all at once, and returns the position of the last; the head where there are none. */
  readonly append = (events: readonly Omit<LoggedEvent, 'position'>[]): bigint => {
    for (const event of events) {
      // Copied, so that nobody changes it afterwards, and as JSON, so that it comes back as from a database.
      const payload = JSON.parse(JSON.stringify(event.payload)) as LoggedEvent['payload'];
      this.#events.push({ ...event, payload, position: BigInt(this.#events.length + 1) });
    }
    for (const listener of this.#listeners) listener();
    return BigInt(this.#events.length);
  };

  async epoch(): Promise<string> {
    return this.#epoch;
  }

  async read(after: bigint, limit: number, filter: EventFilter = {}): Promise<EventPage> {
    requireLimit(limit);
    return this.#page(after, limit, filter);
  }

  async readStream(
    tenant: string,
    stream: string,
    fromVersion: number,
    limit: number,
  ): Promise<readonly LoggedEvent[]> {
    requireLimit(limit);
    return this.#events
      .filter((event) => event.tenant === tenant && event.stream === stream && event.streamVersion >= fromVersion)
      .slice(0, limit);
  }

  async head(): Promise<bigint> {
    return BigInt(this.#events.length);
  }

  async reached(position: bigint, _signal?: AbortSignal): Promise<void> {
    if (position > BigInt(this.#events.length)) {
      throw new PositionUnavailable('The log has never come as far as this position.');
    }
  }

  async ingest(events: readonly ForeignEvent[], by: Parameters<EventLog['ingest']>[1]): ReturnType<EventLog['ingest']> {
    const { tenant, actor, correlationId, traceParent = null } = by;
    const accepted = events.map(({ source, id }) => {
      const key = JSON.stringify([tenant, source, id]);
      return !this.#ingested.has(key) && this.#ingested.add(key) !== undefined;
    });
    const origin = { tenant, actor, correlationId, causationId: null, traceParent, occurredAt: new Date() };
    const rows = events
      .filter((_, index) => accepted[index])
      .map((event) => ({
        ...origin,
        ...{ type: event.type, stream: `source:${event.source}`, schemaVersion: 1, eventId: randomUUID() },
        ...{ streamVersion: this.#nextVersion(tenant, event.source), payload: foreignPayload(event) },
      }));
    return { accepted, position: rows.length === 0 ? undefined : this.append(rows) };
  }

  live(
    handler: (events: readonly LoggedEvent[]) => void,
    options: { readonly after?: bigint; readonly filter?: EventFilter } = {},
  ): Running {
    let position = options.after ?? BigInt(this.#events.length);
    const hand = (): void => {
      const page = this.#page(position, Infinity, options.filter ?? {});
      position = page.position;
      try {
        if (page.events.length > 0) handler(page.events);
      } catch (error) {
        this.#onError(error);
      }
    };
    // Never from within `append`: its caller's change is not complete yet.
    const later = (): void => queueMicrotask(() => this.#listeners.has(later) && hand());
    const stop = this.#onChange(later);
    later();
    return { close: async () => stop() };
  }

  exclusive(consumer: ExclusiveConsumer): Running {
    let state = this.#consumers.get(consumer.name);
    if (state === undefined) {
      const position = consumer.startAt === 'head' ? BigInt(this.#events.length) : 0n;
      state = { position, dead: new Map(), turn: Promise.resolve() };
      this.#consumers.set(consumer.name, state);
    }
    const host = {
      page: (after: bigint, limit: number) => this.#page(after, limit, consumer.filter),
      onChange: (listener: () => void) => this.#onChange(listener),
      onError: this.#onError,
      retryMs: this.#retryMs,
    };
    const reader = new MemoryEventConsumer(host, consumer, state);
    this.#readers.add(reader);
    return reader;
  }

  async deadEvents(tenant: string, limit: number, consumer?: string): Promise<readonly DeadEvent[]> {
    requireLimit(limit);
    return [...this.#consumers]
      .filter(([name]) => consumer === undefined || name === consumer)
      .flatMap(([, { dead }]) => [...dead.values()])
      .filter((dead) => dead.tenant === tenant)
      .map(({ letter }) => letter)
      .sort((a, b) => a.diedAt.getTime() - b.diedAt.getTime())
      .slice(0, limit);
  }

  async redrive(tenant: string, consumer: string, eventId: string): Promise<boolean> {
    const dead = this.#consumers.get(consumer)?.dead;
    const known = dead?.get(eventId);
    if (dead === undefined || known?.tenant !== tenant) return false;
    dead.set(eventId, { tenant, letter: { ...known.letter, redriving: true } });
    for (const listener of this.#listeners) listener();
    return true;
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await Promise.all([...this.#readers].map((reader) => reader.close()));
  }

  #page(after: bigint, limit: number, filter: EventFilter): EventPage {
    const events: LoggedEvent[] = [];
    for (let index = Number(after); index < this.#events.length; index += 1) {
      const event = this.#events[index];
      if (event === undefined || !matches(event, filter)) continue;
      events.push(event);
      if (events.length === limit) return { events, position: event.position };
    }
    const head = BigInt(this.#events.length);
    return { events, position: after > head ? after : head };
  }

  #onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #nextVersion(tenant: string, source: string): number {
    const key = JSON.stringify([tenant, source]);
    const version = (this.#versions.get(key) ?? 0) + 1;
    this.#versions.set(key, version);
    return version;
  }
}
