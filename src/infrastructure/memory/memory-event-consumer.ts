import { errorCodeOf, isDead } from '../../application/shared/event-log-rules.ts';
import type {
  DeadEvent,
  EventPage,
  ExclusiveConsumer,
  LoggedEvent,
  Running,
} from '../../application/shared/event-log.ts';
import { backoffMs, pause } from '../system/pause.ts';

const PAGE = 100;

/** What a log remembers of a consumer, whoever acts as it. */
export interface MemoryConsumerState {
  position: bigint;
  readonly dead: Map<string, { readonly tenant: string; readonly letter: DeadEvent }>;
  /** Resolves when the last one who asked for the part has stopped acting. */
  turn: Promise<void>;
}

/** What a consumer needs of its log and of its owner. */
export interface MemoryConsumerHost {
  readonly page: (after: bigint, limit: number) => EventPage;
  /** Calls a listener when there may be something to do, until the returned function is called. */
  readonly onChange: (listener: () => void) => () => void;
  /** Told of each failed try. */
  readonly onError: (error: unknown) => void;
  readonly retryMs: readonly [firstMs: number, longestMs: number];
}

/** Acts on events under one name; of several with the same name, one after the other. */
export class MemoryEventConsumer implements Running {
  readonly #host: MemoryConsumerHost;
  readonly #consumer: ExclusiveConsumer;
  readonly #state: MemoryConsumerState;
  readonly #closing = new AbortController();
  readonly #run: Promise<void>;
  #acting = false;
  #rouse: () => void = () => undefined;

  constructor(host: MemoryConsumerHost, consumer: ExclusiveConsumer, state: MemoryConsumerState) {
    this.#host = host;
    this.#consumer = consumer;
    this.#state = state;
    this.#run = state.turn.then(() => this.#act());
    state.turn = this.#run;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#rouse();
    if (this.#acting) await this.#run;
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #act(): Promise<void> {
    this.#acting = true;
    const stopListening = this.#host.onChange(() => this.#rouse());
    while (!this.#closed) {
      const { promise: change, resolve } = Promise.withResolvers<void>();
      this.#rouse = resolve;
      await this.#redriveDead();
      const before = this.#state.position;
      const page = this.#host.page(before, PAGE);
      for (const event of page.events) if (!this.#closed) await this.#handleUntilDone(event);
      if (this.#closed) break;
      this.#state.position = page.position;
      if (page.position === before) await change;
    }
    stopListening();
  }

  /** Tries until the event is handled or dead; leaves it for the next one who acts when it is closed before that. */
  async #handleUntilDone(event: LoggedEvent): Promise<void> {
    for (let attempts = 1; ; attempts += 1) {
      const error = await this.#try(event);
      if (error === undefined) break;
      if (isDead(this.#consumer, attempts, error)) {
        this.#bury(event, error, attempts);
        break;
      }
      await pause(backoffMs(attempts, ...this.#host.retryMs), this.#closing.signal);
      if (this.#closed) return;
    }
    this.#state.position = event.position;
  }

  async #redriveDead(): Promise<void> {
    for (const { letter } of this.#state.dead.values()) {
      if (!letter.redriving) continue;
      const [event] = this.#host.page(letter.position - 1n, 1).events;
      const error = event && (await this.#try(event));
      if (event === undefined || error === undefined) this.#state.dead.delete(letter.eventId);
      else this.#bury(event, error, letter.attempts + 1);
    }
  }

  /** The handler's error, as one that is never undefined. */
  async #try(event: LoggedEvent): Promise<unknown> {
    try {
      await this.#consumer.handle(event, { unit: undefined, signal: this.#closing.signal });
      return undefined;
    } catch (error) {
      this.#host.onError(error);
      return error ?? new Error('The handler rejected with nothing.');
    }
  }

  #bury({ tenant, eventId, position }: LoggedEvent, error: unknown, attempts: number): void {
    const { name: consumer } = this.#consumer;
    const letter = { consumer, eventId, position, errorCode: errorCodeOf(error), attempts };
    this.#state.dead.set(eventId, { tenant, letter: { ...letter, diedAt: new Date(), redriving: false } });
  }
}
