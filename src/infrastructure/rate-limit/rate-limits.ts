import type { Call } from '../../application/shared/call.ts';
import type { RateLimit } from '../../application/shared/contract.ts';
import { RateLimited } from '../../application/shared/errors.ts';
import type { CompiledOperation } from '../../application/shared/pipeline.ts';
import { callerKey } from './caller-key.ts';
import type { SlidingWindows, WindowLimit } from './sliding-windows.ts';

export interface RateLimitOptions {
  readonly counters: SlidingWindows;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly defaults: {
    /** For one operation by one caller, where the contract says nothing; no limit if left out. */
    readonly operation?: RateLimit;
    /** For all operations of one caller together; no limit if left out. */
    readonly caller?: RateLimit;
  };
}

/** How a caller stands: the tighter of its two limits, for `RateLimit-*` headers. */
export interface RateLimitState {
  readonly limit: number;
  readonly remaining: number;
  readonly windowSeconds: number;
}

export interface RateLimits {
  /** The pipeline's hook: counts the call or throws `RateLimited`. Refused calls aren't counted. */
  limit(operation: CompiledOperation, call: Call): void;
  /** Counts nothing; undefined where there is no limit. */
  peek(operation: CompiledOperation, call: Call): RateLimitState | undefined;
}

/**
 * Limits how often a caller may call each operation, and all of them. The program's own calls (kind `system`) have no
 * limit: no credential makes a caller one.
 */
export function createRateLimits({ counters, now, defaults }: RateLimitOptions): RateLimits {
  const all = limitFrom(defaults.caller);
  const limits = new WeakMap<CompiledOperation, WindowLimit>();
  const other = limitFrom(defaults.operation);
  const limitOf = (operation: CompiledOperation): WindowLimit | undefined => {
    const { rateLimit } = operation.definition;
    if (rateLimit === undefined) return other;
    const known = limits.get(operation);
    if (known !== undefined) return known;
    const limit = windowLimit(rateLimit);
    limits.set(operation, limit);
    return limit;
  };
  return {
    limit(operation, call) {
      if (call.principal.kind === 'system') return;
      const [caller, at, one] = [callerKey(call), now(), limitOf(operation)];
      if (all !== undefined) {
        const wait = counters.take(caller, all, at);
        if (wait > 0) throw rateLimited(wait, all);
      }
      if (one === undefined) return;
      const wait = counters.take(`${operation.word} ${caller}`, one, at);
      if (wait === 0) return;
      if (all !== undefined) counters.giveBack(caller, all, at);
      throw rateLimited(wait, one);
    },
    peek(operation, call) {
      if (call.principal.kind === 'system') return undefined;
      const [caller, at, one] = [callerKey(call), now(), limitOf(operation)];
      const ofAll = all && stateOf(all, counters.remaining(caller, all, at));
      const ofOne = one && stateOf(one, counters.remaining(`${operation.word} ${caller}`, one, at));
      if (ofAll === undefined || ofOne === undefined) return ofAll ?? ofOne;
      return ofAll.remaining < ofOne.remaining ? ofAll : ofOne;
    },
  };
}

const stateOf = ({ max, windowMs }: WindowLimit, remaining: number) => ({
  limit: max,
  remaining,
  windowSeconds: windowMs / 1000,
});

const limitFrom = (limit: RateLimit | undefined): WindowLimit | undefined => limit && windowLimit(limit);

/** Throws `RangeError` unless both are whole numbers, `max` not negative and the window at least a second. */
export function windowLimit({ max, windowSeconds = 60 }: RateLimit): WindowLimit {
  if (!Number.isSafeInteger(max) || max < 0 || !Number.isSafeInteger(windowSeconds) || windowSeconds < 1) {
    throw new RangeError('A rate limit must be a whole number of calls in a whole number of seconds.');
  }
  return { max, windowMs: windowSeconds * 1000 };
}

/** The refusal of a call that may be repeated after `waitMs`. */
export function rateLimited(waitMs: number, limit: WindowLimit): RateLimited {
  return new RateLimited('Too many calls.', { retryAfterSeconds: Math.ceil(waitMs / 1000), ...stateOf(limit, 0) });
}
