import type { Pool, PoolClient } from 'pg';
import type { EventHandler, LoggedEvent } from '../../application/shared/event-log.ts';
import { isLockTimeout } from './batch-failure.ts';
import type { ConsumerSettings } from './consumer-settings.ts';
import type { ConsumerStore, Lease } from './consumer-store.ts';
import { decodeEvent, readCells } from './event-rows.ts';
import { inTransaction } from './log-transaction.ts';
import { isConnectionLost } from './statement.ts';

/** A try that failed by the handler's doing; `event` is the one whose handler rejected, where that is known. */
export class TryFailed extends Error {
  readonly event: LoggedEvent | undefined;

  constructor(event: LoggedEvent | undefined, cause: unknown) {
    super('An event could not be handled.', { cause });
    this.event = event;
  }

  /** Whether the handler only waited for somebody else's lock. */
  get isHeld(): boolean {
    return isLockTimeout(this.cause);
  }
}

/**
 * How long a handler waits for a row that somebody else holds, in milliseconds. Meanwhile its transaction holds the rows
 * of the events before it, and the readers of the log wait for what it has appended: hence hardly at all among others.
 */
const LOCK_MS = { amongOthers: 100, alone: 1_000 } as const;

/** The server ends a transaction that its handler seems to have forgotten this much later than we would. */
const SERVER_GRACE_MS = 5_000;

/** Runs a consumer's handler in transactions that its checkpoint shares. */
export class ConsumerTransaction {
  readonly #pool: Pool;
  readonly #store: ConsumerStore;
  readonly #handler: EventHandler;
  readonly #handlerMs: number;
  readonly #batchMs: number;
  readonly #closing: AbortSignal;
  readonly #cancelling: AbortSignal;

  /**
   * @param limits how long the handler may take for one event, and after how long no other shares its transaction
   * @param closing ends a batch after the event at hand
   * @param cancelling ends the event at hand
   */
  constructor(
    pool: Pool,
    store: ConsumerStore,
    handler: EventHandler,
    { handlerMs, batchMs }: Pick<ConsumerSettings, 'handlerMs' | 'batchMs'>,
    [closing, cancelling]: readonly [closing: AbortSignal, cancelling: AbortSignal],
  ) {
    this.#pool = pool;
    this.#store = store;
    this.#handler = handler;
    this.#handlerMs = handlerMs;
    this.#batchMs = batchMs;
    this.#closing = closing;
    this.#cancelling = cancelling;
  }

  /**
   * Handles events, fewer than all of them when they take long, and moves the lease's position: to `end` when all of
   * them are done. Rejects with `TryFailed` when the handler is to blame, with `LeaseLost`, or with what is wrong with
   * the database; then nothing is stored.
   */
  async handle(lease: Lease, events: readonly LoggedEvent[], end: bigint): Promise<void> {
    const ids = events.map(({ eventId }) => eventId);
    const lockMs = events.length > 1 ? LOCK_MS.amongOthers : LOCK_MS.alone;
    lease.position = await this.#run(lease, lockMs, async (client, call) => {
      const handled = await this.#store.consumed(client, ids);
      const enoughAt = performance.now() + this.#batchMs;
      let done = 0;
      for (const event of events) {
        if (this.#closing.aborted || (done > 0 && performance.now() > enoughAt)) break;
        if (!handled.has(event.eventId)) await call(event);
        done += 1;
      }
      // Stopped before the first: the failed tries that were counted for it stay.
      if (done === 0) return lease.position;
      const position = done === events.length ? end : (events[done - 1]?.position ?? lease.position);
      await this.#store.checkpoint(client, position, ids.slice(0, done));
      return position;
    });
  }

  /** Handles a dead event once more. Rejects as `handle` does. */
  async redrive(lease: Lease, eventId: string): Promise<void> {
    await this.#run(lease, LOCK_MS.alone, async (client, call) => {
      const position = await this.#store.positionOfDead(client, eventId);
      if (position === undefined) return;
      const { rows } = await readCells(client, { after: position - 1n, upTo: position, limit: 1 });
      if (rows[0] === undefined) throw new TryFailed(undefined, new Error('The event is no longer in the log.'));
      const handled = await this.#store.consumed(client, [eventId]);
      if (!handled.has(eventId)) await call(decodeEvent(rows[0]));
      await this.#store.revive(client, eventId);
    });
  }

  /** Locks the lease first; so no two transactions of one consumer overlap. */
  async #run<Result>(
    lease: Lease,
    lockMs: number,
    work: (client: PoolClient, call: (event: LoggedEvent) => Promise<void>) => Promise<Result>,
  ): Promise<Result> {
    const abort = new AbortController();
    const cancel = (): void => abort.abort(new Error('The consumer is stopping.'));
    this.#cancelling.addEventListener('abort', cancel);
    const limits = { statementMs: this.#handlerMs, idleMs: this.#handlerMs + SERVER_GRACE_MS, lockMs };
    let called = false;
    const locked = async (client: PoolClient): Promise<Result> => {
      await this.#store.lock(client, lease);
      return work(client, (event) => {
        called = true;
        return this.#call(event, client, abort);
      });
    };
    try {
      return await inTransaction(this.#pool, limits, locked, abort);
    } catch (error) {
      if (!called || error instanceof TryFailed || isConnectionLost(error)) throw error;
      // The checkpoint or the commit failed because of what the handler did, say in a transaction that it has spoilt.
      throw new TryFailed(undefined, error);
    } finally {
      this.#cancelling.removeEventListener('abort', cancel);
    }
  }

  /** Calls the handler, for a limited time; a handler that goes on after that finds its connection closed. */
  async #call(event: LoggedEvent, client: PoolClient, abort: AbortController): Promise<void> {
    const late = (): void => abort.abort(new Error(`The handler took longer than ${this.#handlerMs} ms.`));
    const timer = setTimeout(late, this.#handlerMs);
    const { signal } = abort;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop);
    try {
      await Promise.race([aborted, this.#handler(event, { unit: client, signal })]);
    } catch (error) {
      if (signal.aborted && isConnectionLost(signal.reason)) throw signal.reason;
      throw new TryFailed(event, error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }
}
