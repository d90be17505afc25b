import type { RateLimit } from '../../application/shared/contract.ts';
import type { GuessGuard } from '../../application/shared/guess-guard.ts';
import { callerKey } from './caller-key.ts';
import { rateLimited, windowLimit } from './rate-limits.ts';
import type { SlidingWindows } from './sliding-windows.ts';

export interface GuessGuardOptions {
  readonly counters: SlidingWindows;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Refused attempts of one client; 10 a minute if left out. */
  readonly client?: RateLimit;
  /** Refused attempts of all clients together; 600 a minute if left out. */
  readonly total?: RateLimit;
}

const TOTAL = 'guesses';
/**
 * A success leaves no room where `max` is 1: that is how trust is read off a counter. It lasts to the end of the next
 * window, so that a day is what everybody has at least.
 */
const TRUST = { max: 1, windowMs: 24 * 3_600_000 };

/**
 * A guard on the same counters as the rate limits. What attempts are under way when a limit is reached still end;
 * how many those can be is for the rate limit of the operation, and between instances see `SlidingWindows.merge`.
 */
export function createGuessGuard({ counters, now, client, total }: GuessGuardOptions): GuessGuard {
  const ofClient = windowLimit(client ?? { max: 10 });
  const ofAll = windowLimit(total ?? { max: 600 });
  return {
    check(caller) {
      const [key, at] = [callerKey(caller), now()];
      const wait = counters.wait(`guess ${key}`, ofClient, at);
      if (wait > 0) throw rateLimited(wait, ofClient);
      const known = caller.principal.kind !== 'anonymous';
      // Asked for at every check, so that a new instance learns from the others whom to trust.
      if (known && counters.wait(`trust ${key}`, TRUST, at) > 0) return;
      const waitForAll = counters.wait(TOTAL, ofAll, at);
      if (waitForAll > 0) throw rateLimited(waitForAll, ofAll);
    },
    refused(caller) {
      const [key, at] = [callerKey(caller), now()];
      counters.hit(`guess ${key}`, ofClient, at);
      counters.hit(TOTAL, ofAll, at);
    },
    accepted(caller) {
      if (caller.principal.kind === 'anonymous') return;
      counters.hit(`trust ${callerKey(caller)}`, TRUST, now());
    },
  };
}
