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
 * Slows whoever tries credentials: after so many refused ones an address has to wait, whatever it presents. Accepted
 * credentials aren't counted.
 */
export function limitFailedLogins(
  authenticate: (authorization: string) => Principal | Promise<Principal>,
  { counters, now, max = 60 }: FailedLoginOptions,
): Login {
  const limit = windowLimit({ max });
  return (authorization, { address }) => {
    const key = `login ${addressKey(address)}`;
    const wait = counters.wait(key, limit, now());
    if (wait > 0) throw rateLimited(wait, limit.max);
    const refused = (error: unknown): never => {
      if (error instanceof Unauthenticated) counters.hit(key, limit, now());
      throw error;
    };
    try {
      const principal = authenticate(authorization);
      return principal instanceof Promise ? principal.catch(refused) : principal;
    } catch (error) {
      return refused(error);
    }
  };
}
