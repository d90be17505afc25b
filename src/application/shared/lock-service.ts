/** What became of an attempt to do something alone. */
export type LockOutcome<T> = { readonly acquired: true; readonly result: T } | { readonly acquired: false };

/**
 * Mutual exclusion between processes for cron-like work, where doing it twice is waste. No rule of the business may
 * rest on it: a holder that is cut off from the lock's keeper may still be at work when the next one begins.
 */
export interface LockService {
  /**
   * Runs `work` while holding the lock of this name; resolves at once with `acquired: false` when somebody else holds
   * it. The lock ends with the work, however that ends, and with the process. `signal` aborts when the lock is lost.
   */
  tryWithLock<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<LockOutcome<T>>;
}
