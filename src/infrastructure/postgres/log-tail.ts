import type { Pool } from 'pg';
import type { EventFilter, EventPage } from '../../application/shared/event-log.ts';
import { backoffMs, pause } from '../system/pause.ts';
import { decodeEvent, readCells } from './event-rows.ts';
import { LogFrontier } from './log-frontier.ts';

/** Under load a look begins no sooner than this after the one before, so that many commits share one. */
const LOOK_INTERVAL_MS = 5;

/** A delay that doubles from the first to the longest, in milliseconds. */
type GrowingDelay = readonly [firstMs: number, longestMs: number];

/** Between looks at a log where nothing happens; wake-ups come before that. */
const IDLE: GrowingDelay = [250, 1_000];
/** Between looks at an appender whose events are awaited. */
const BLOCKED: GrowingDelay = [1, 50];
/** After a failed look. */
const FAILED: GrowingDelay = [50, 2_000];

interface Waiter {
  readonly above: bigint;
  readonly resolve: () => void;
}

/** Follows the log's frontier once for all readers of this process, as long as there are any. */
export class LogTail {
  readonly #pool: Pool;
  readonly #onError: (error: unknown) => void;
  readonly #frontier: LogFrontier;
  readonly #closing = new AbortController();
  readonly #onConnect = (): void => this.#frontier.forget();
  #waiters: Waiter[] = [];
  readonly #requests: PromiseWithResolvers<void>[] = [];
  #woken = false;
  #dormant = false;
  #rouse: () => void = () => undefined;
  #run: Promise<void> | undefined;

  /** @param onError is told of looks that failed; they are repeated */
  constructor(pool: Pool, onError: (error: unknown) => void) {
    this.#pool = pool;
    this.#onError = onError;
    this.#frontier = new LogFrontier(pool);
    pool.on('connect', this.#onConnect);
  }

  /** The position up to which the log is known to be settled; 0 before the first look. */
  get position(): bigint {
    return this.#frontier.position;
  }

  /** Where this process began to follow the log in its present epoch. */
  get origin(): bigint {
    return this.#frontier.origin;
  }

  /** The log's epoch as of the last connection; undefined before the first look. */
  get epoch(): string | undefined {
    return this.#frontier.epoch;
  }

  /** Says that there may be something new. */
  wake(): void {
    this.#woken = true;
    if (!this.#dormant) this.#rouse();
  }

  /** Resolves after a look at the log that began after this call; rejects when that fails or the tail is closed. */
  async look(): Promise<void> {
    if (this.#closing.signal.aborted) throw new Error('The event log is closed.');
    const request = Promise.withResolvers<void>();
    this.#requests.push(request);
    this.#run ??= this.#follow();
    this.#rouse();
    await request.promise;
  }

  /** Resolves once the frontier is above a position, the time is up, `signal` aborts, or the tail is closed. */
  async above(position: bigint, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.position > position || signal?.aborted || this.#closing.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = (): void => resolve();
    const waiter = { above: position, resolve };
    this.#waiters.push(waiter);
    signal?.addEventListener('abort', stop, { once: true });
    const timer = setTimeout(stop, Math.max(0, timeoutMs));
    this.#run ??= this.#follow();
    if (this.#dormant) this.#rouse();
    await promise;
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }

  /** Settled events above a position, from memory where they are recent, without looking for newer ones. */
  async page(after: bigint, limit: number, filter: EventFilter): Promise<EventPage> {
    const upTo = this.position;
    if (after >= upTo) return { events: [], position: after };
    const recent = this.#frontier.window.page(after, upTo, limit, filter);
    if (recent !== undefined) return recent;
    const { rows, position } = await readCells(this.#pool, { after, upTo, limit }, filter);
    return { events: rows.map(decodeEvent), position };
  }

  /** Ends all waiting. Can be called again. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#rouse();
    await this.#run;
    this.#pool.off('connect', this.#onConnect);
    for (const { resolve } of this.#waiters) resolve();
    for (const { reject } of this.#requests.splice(0)) reject(new Error('The event log is closed.'));
  }

  async #follow(): Promise<void> {
    let failures = 0;
    let looksInVain = 0;
    while (!this.#closing.signal.aborted) {
      const beganAt = performance.now();
      const before = this.position;
      const requests = this.#requests.splice(0);
      this.#woken = false;
      try {
        const delay = (await this.#advance()) === 'blocked' ? BLOCKED : IDLE;
        for (const { resolve } of requests) resolve();
        failures = 0;
        looksInVain = this.position === before ? looksInVain + 1 : 1;
        await this.#rest(backoffMs(looksInVain, ...delay), beganAt);
      } catch (error) {
        for (const { reject } of requests) reject(error);
        this.#onError(error);
        failures += 1;
        await pause(backoffMs(failures, ...FAILED), this.#closing.signal);
      }
    }
  }

  /** Goes as far as it can without waiting for anybody. */
  async #advance(): Promise<'reached' | 'blocked'> {
    for (;;) {
      const outcome = await this.#frontier.advance();
      for (const { above, resolve } of this.#waiters) if (above < this.position) resolve();
      if (outcome !== 'more') return outcome;
      if (this.#closing.signal.aborted) return 'blocked';
    }
  }

  /** Waits for the delay, a wake-up or a request; without anybody who waits for events, for a request only. */
  async #rest(delayMs: number, beganAt: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#rouse = resolve;
    this.#dormant = this.#waiters.length === 0;
    const timer = this.#dormant ? undefined : setTimeout(resolve, delayMs);
    const due = this.#requests.length > 0 || (this.#woken && !this.#dormant) || this.#closing.signal.aborted;
    if (!due) await promise;
    clearTimeout(timer);
    this.#dormant = false;
    const earlyMs = beganAt + LOOK_INTERVAL_MS - performance.now();
    if (this.#woken && earlyMs > 0 && this.#requests.length === 0) await pause(earlyMs, this.#closing.signal);
  }
}
