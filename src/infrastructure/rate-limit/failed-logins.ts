import type { Principal } from '../../application/shared/call.ts';
import { Unauthenticated } from '../../application/shared/errors.ts';
import { addressKey } from './caller-key.ts';
import { rateLimited, windowLimit } from './rate-limits.ts';
import type { SlidingWindows } from './sliding-windows.ts';

export interface FailedLoginOptions {
  readonly counters: SlidingWindows;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Refused credentials from one address in a minute; 60 if left out. */
  readonly max?: number;
}

type Login = (authorization: string, facts: { readonly address: string | undefined }) => Principal | Promise<Principal>;

/**
 * Refuses whoever tries credentials: after so many bad ones in a minute further bad ones from the address are answered
 * with `RateLimited`. Good credentials always hold: many callers may share the address of a proxy, and none of them may
 * lock the others out. A check costs a hash and a look-up, or the verification of one signature.
 */
export function limitFailedLogins(
  authenticate: (authorization: string) => Principal | Promise<Principal>,
  { counters, now, max = 60 }: FailedLoginOptions,
): Login {
  const limit = windowLimit({ max });
  return (authorization, { address }) => {
    const refused = (error: unknown): never => {
      if (!(error instanceof Unauthenticated)) throw error;
      const wait = counters.take(`login ${addressKey(address)}`, limit, now());
      throw wait > 0 ? rateLimited(wait, limit) : error;
    };
    try {
      const principal = authenticate(authorization);
      return principal instanceof Promise ? principal.catch(refused) : principal;
    } catch (error) {
      return refused(error);
    }
  };
}
