import type { RateCounters, WindowHits } from '../../application/access/rate-counters.ts';
import { RecentMap } from '../../application/shared/recent-map.ts';

/** How many hits fit into how long. */
export interface WindowLimit {
  readonly max: number;
  readonly windowMs: number;
}

interface Counter {
  readonly key: string;
  readonly windowMs: number;
  /** Number of the current window, counted from the epoch. */
  window: number;
  current: number;
  previous: number;
  /** Hits that the other instances haven't been told yet, of either window. */
  unsent: number;
  unsentPrevious: number;
  /** Whether the next merge includes this counter. */
  touched: boolean;
  /** Whether the window before the first one has been asked for. */
  complete: boolean;
}

/** Counters kept when nothing else is said: about 20 MB. */
export const DEFAULT_CAPACITY = 100_000;

/**
 * Counts hits per key in a sliding window, approximated by two fixed ones: the hits of the last window count by the
 * share of it that the sliding window still covers. Synchronous and of bounded size: beyond the capacity the keys
 * longest unused are forgotten. All times are milliseconds since the epoch.
 */
export class SlidingWindows {
  readonly #counters: RecentMap<string, Counter>;
  readonly #capacity: number;
  readonly #shared: RateCounters | undefined;
  #touched: Counter[] = [];

  /** `shared`: where `merge` exchanges counts with other instances; without it this instance is alone. */
  constructor({ shared, capacity = DEFAULT_CAPACITY }: { shared?: RateCounters | undefined; capacity?: number } = {}) {
    this.#shared = shared;
    this.#capacity = capacity;
    this.#counters = new RecentMap(capacity);
  }

  /** Counts a hit if there is room for it. Returns 0, or the milliseconds until there will be room. */
  take(key: string, limit: WindowLimit, now: number): number {
    const counter = this.#at(key, limit, now);
    const wait = waitOf(counter, limit, now);
    if (wait === 0) add(counter, 1);
    return wait;
  }

  /** Takes back a hit that was counted just now. */
  giveBack(key: string, limit: WindowLimit, now: number): void {
    const counter = this.#at(key, limit, now);
    if (counter.current > 0) add(counter, -1);
  }

  /** Counts a hit whether there is room or not. */
  hit(key: string, limit: WindowLimit, now: number): void {
    add(this.#at(key, limit, now), 1);
  }

  /** 0 where a hit would fit, else the milliseconds until one will. */
  wait(key: string, limit: WindowLimit, now: number): number {
    return waitOf(this.#at(key, limit, now), limit, now);
  }

  /** How many hits fit now. */
  remaining(key: string, limit: WindowLimit, now: number): number {
    return Math.max(0, Math.floor(limit.max - weighted(this.#at(key, limit, now), now) / limit.windowMs));
  }

  /**
   * Tells the other instances what was counted here and learns their counts of the keys in use. To be called every
   * second. Between two merges each instance goes by what it knows, so that together they may admit as much more as
   * arrives in that time. Rejects as the port does; the counts of this instance stay in force here.
   */
  async merge(): Promise<void> {
    const shared = this.#shared;
    const counters = this.#touched;
    this.#touched = [];
    if (shared === undefined || counters.length === 0) return;
    const sent = counters.flatMap(unsentOf);
    const totals = await shared.exchange(sent.map(({ hits }) => hits));
    sent.forEach(({ counter, hits, before }, index) => learn(counter, hits, before, totals[index] ?? 0));
  }

  #at(key: string, { windowMs }: WindowLimit, now: number): Counter {
    const window = Math.floor(now / windowMs);
    let counter = this.#counters.get(key);
    if (counter === undefined || counter.windowMs !== windowMs) {
      counter = newCounter(key, windowMs, window);
      this.#counters.set(key, counter);
    } else if (window > counter.window) {
      roll(counter, window);
    }
    if (!counter.touched && this.#shared !== undefined && this.#touched.length < this.#capacity) {
      counter.touched = true;
      this.#touched.push(counter);
    }
    return counter;
  }
}

const newCounter = (key: string, windowMs: number, window: number): Counter => ({
  key,
  windowMs,
  window,
  current: 0,
  previous: 0,
  unsent: 0,
  unsentPrevious: 0,
  touched: false,
  complete: false,
});

function add(counter: Counter, hits: number): void {
  counter.current += hits;
  counter.unsent += hits;
}

function roll(counter: Counter, window: number): void {
  const adjacent = window === counter.window + 1;
  counter.previous = adjacent ? counter.current : 0;
  counter.unsentPrevious = adjacent ? counter.unsent : 0;
  counter.current = 0;
  counter.unsent = 0;
  counter.window = window;
}

/** A clock that was set back leaves the window where it is. */
const elapsedOf = (counter: Counter, now: number): number => Math.max(0, now - counter.window * counter.windowMs);

/** Hits times the length of the window: a whole number, so that waits are exact to the millisecond. */
function weighted(counter: Counter, now: number): number {
  const { current, previous, windowMs } = counter;
  return current * windowMs + previous * Math.max(0, windowMs - elapsedOf(counter, now));
}

function waitOf(counter: Counter, { max, windowMs }: WindowLimit, now: number): number {
  if (max < 1) return windowMs;
  if (weighted(counter, now) <= (max - 1) * windowMs) return 0;
  const { current, previous } = counter;
  const room = max - 1 - current;
  // There is room once so much of the last window is covered no more; if this window alone is full, in the next one.
  const untilRoom =
    room >= 0
      ? windowMs - Math.floor((room * windowMs) / previous)
      : 2 * windowMs - Math.floor(((max - 1) * windowMs) / current);
  return Math.max(1, Math.ceil(untilRoom - elapsedOf(counter, now)));
}

interface Sent {
  readonly counter: Counter;
  readonly hits: WindowHits;
  /** What was counted for the window when it was sent. */
  readonly before: number;
}

/** What to exchange about a counter; the window before its first one may be known to others. */
function unsentOf(counter: Counter): readonly Sent[] {
  const { key, windowMs, window, current, previous, unsent, unsentPrevious, complete } = counter;
  const sent: Sent[] = [{ counter, hits: { key, windowMs, window, hits: unsent }, before: current }];
  if (!complete || unsentPrevious !== 0) {
    sent.push({ counter, hits: { key, windowMs, window: window - 1, hits: unsentPrevious }, before: previous });
  }
  counter.unsent = 0;
  counter.unsentPrevious = 0;
  counter.touched = false;
  counter.complete = true;
  return sent;
}

/** A total below what is known here comes from a store that has lost its counts. */
function learn(counter: Counter, { window }: WindowHits, before: number, total: number): void {
  if (counter.window === window) {
    counter.current = Math.max(counter.current, total + counter.current - before);
  } else if (counter.window === window + 1) {
    counter.previous = Math.max(counter.previous, total + counter.previous - before);
  }
}
