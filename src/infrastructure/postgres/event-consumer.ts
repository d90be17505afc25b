import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { errorCodeOf, isDead } from '../../application/shared/event-log-rules.ts';
import type { EventPage, ExclusiveConsumer, LoggedEvent, Running } from '../../application/shared/event-log.ts';
import { backoffMs, pause } from '../system/pause.ts';
import type { ConsumerSettings } from './consumer-settings.ts';
import { ConsumerStore, LeaseLost } from './consumer-store.ts';
import type { Lease } from './consumer-store.ts';
import { ConsumerTransaction, TryFailed } from './consumer-transaction.ts';
import type { LogTail } from './log-tail.ts';

/** After errors that are not the handler's. */
const RECOVERY_MS = [50, 2_000] as const;

/** What all consumers of a process share. */
export interface ConsumerHost {
  readonly pool: Pool;
  readonly tail: LogTail;
  readonly settings: ConsumerSettings;
  /** Told of every failed try and of trouble with the database; both are dealt with. */
  readonly onError: (error: unknown) => void;
  /** Called after each commit, because a handler may have appended events. */
  readonly onCommitted: () => void;
}

/** Acts on events under one name, on one instance of the cluster at a time. */
export class EventConsumer implements Running {
  readonly #host: ConsumerHost;
  readonly #consumer: ExclusiveConsumer;
  readonly #store: ConsumerStore;
  readonly #transaction: ConsumerTransaction;
  readonly #closing = new AbortController();
  readonly #cancelling = new AbortController();
  readonly #run: Promise<void>;
  #renewAt = 0;

  constructor(host: ConsumerHost, consumer: ExclusiveConsumer) {
    this.#host = host;
    this.#consumer = consumer;
    const { leaseMs } = host.settings;
    this.#store = new ConsumerStore(host.pool, consumer.name, randomUUID(), leaseMs);
    const signals = [this.#closing.signal, this.#cancelling.signal] as const;
    this.#transaction = new ConsumerTransaction(host.pool, this.#store, consumer.handle, host.settings, signals);
    this.#run = this.#runUntilClosed();
  }

  /** Lets the event at hand be finished, then gives the lease back. Can be called again. */
  async close(): Promise<void> {
    this.#closing.abort();
    const timer = setTimeout(() => this.#cancelling.abort(), this.#host.settings.graceMs);
    await this.#run;
    clearTimeout(timer);
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #runUntilClosed(): Promise<void> {
    let failures = 0;
    while (!this.#closed) {
      try {
        // After an outage the log may be another one, restored, that doesn't reach as far as what was known of the old.
        await this.#host.tail.look();
        const begin = this.#consumer.startAt === 'head' ? this.#host.tail.position : 0n;
        const lease = await this.#store.claim(begin);
        failures = 0;
        if (lease === undefined) await pause(this.#host.settings.claimMs, this.#closing.signal);
        else await this.#hold(lease);
      } catch (error) {
        // Whatever the doubt about what was stored: the next claim reads it.
        if (!(error instanceof LeaseLost)) this.#host.onError(error);
        failures += 1;
        await pause(backoffMs(failures, ...RECOVERY_MS), this.#closing.signal);
      }
    }
  }

  /** Handles events until it is closed or the lease is lost. */
  async #hold(lease: Lease): Promise<void> {
    this.#renewAt = 0;
    while (!this.#closed) {
      await this.#tend(lease);
      const page = await this.#host.tail.page(lease.position, this.#host.settings.batch, this.#consumer.filter);
      if (page.events.length > 0) await this.#handlePage(lease, page);
      else if (page.position > lease.position) lease.position = page.position;
      else await this.#host.tail.above(lease.position, this.#renewAt - performance.now(), this.#closing.signal);
    }
    await this.#store.release(lease);
  }

  /** When it is time, renews the lease and handles a dead event that somebody wants handled again. */
  async #tend(lease: Lease): Promise<void> {
    if (performance.now() < this.#renewAt) return;
    const eventId = await this.#store.renew(lease);
    this.#renewAt = performance.now() + this.#host.settings.leaseMs / 3;
    if (eventId === undefined) return;
    try {
      await this.#transaction.redrive(lease, eventId);
      this.#host.onCommitted();
      // The next of them right away, once a page was handled.
      this.#renewAt = 0;
    } catch (error) {
      if (!(error instanceof TryFailed)) throw error;
      if (error.isHeld) return this.#store.postpone(lease, eventId);
      this.#host.onError(error.cause);
      await this.#store.stayDead(lease, eventId, errorCodeOf(error.cause));
    }
  }

  /** Handles a page in one transaction; if an event fails, each in its own, the failed one until its fate is settled. */
  async #handlePage(lease: Lease, page: EventPage): Promise<void> {
    const failure = await this.#try(lease, page.events, page.position);
    if (failure === undefined) return;
    for (const event of page.events) {
      // Alone it may wait longer for a row.
      const isKnown = failure.event === event && !failure.isHeld;
      let failed = isKnown ? failure : await this.#try(lease, [event], event.position);
      for (let waits = 1; failed !== undefined && !this.#closed; waits += 1) {
        if (await (failed.isHeld ? this.#yields(lease, event, failed, waits) : this.#dies(lease, event, failed))) break;
        failed = await this.#try(lease, [event], event.position);
      }
      if (this.#closed) return;
    }
  }

  async #try(lease: Lease, events: readonly LoggedEvent[], end: bigint): Promise<TryFailed | undefined> {
    try {
      await this.#transaction.handle(lease, events, end);
      this.#host.onCommitted();
      return undefined;
    } catch (error) {
      if (error instanceof TryFailed) return error;
      throw error;
    }
  }

  /** Counts a failed try. Says whether it was the last one; otherwise waits until it is time for the next. */
  async #dies(lease: Lease, event: LoggedEvent, { cause }: TryFailed): Promise<boolean> {
    this.#host.onError(cause);
    const attempts = await this.#store.countFailure(lease);
    if (isDead(this.#consumer, attempts, cause)) {
      await this.#store.bury(lease, event, errorCodeOf(cause), attempts);
      return true;
    }
    await this.#rest(lease, backoffMs(attempts, ...this.#host.settings.retryMs));
    return false;
  }

  /** Says whether an event whose rows somebody holds was set aside; otherwise waits until it is time for another try. */
  async #yields(lease: Lease, event: LoggedEvent, { cause }: TryFailed, waits: number): Promise<boolean> {
    if (waits === 1) this.#host.onError(cause);
    if (this.#consumer.inAnyOrder === true) {
      await this.#store.setAside(lease, event);
      return true;
    }
    await this.#rest(lease, backoffMs(waits, ...this.#host.settings.retryMs));
    return false;
  }

  /** Keeps the lease and waits. */
  async #rest(lease: Lease, ms: number): Promise<void> {
    const until = performance.now() + ms;
    for (let restMs = ms; restMs > 0 && !this.#closed; restMs = until - performance.now()) {
      await this.#tend(lease);
      await pause(Math.min(restMs, this.#host.settings.leaseMs / 3), this.#closing.signal);
    }
  }
}
