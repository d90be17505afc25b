import type { Call } from './call.ts';

/** Who presents a code: a known principal, or an address. */
export type GuessCaller = Pick<Call, 'principal' | 'address'>;

/**
 * Slows down whoever tries codes: after so many refused attempts in a minute a client has to wait, and after so many
 * by all clients together everybody has to who isn't trusted. Trusted is a known principal with an attempt within the
 * last day that was not refused.
 */
export interface GuessGuard {
  /** To be called before a code is looked at. Throws `RateLimited`. */
  check(caller: GuessCaller): void;
  /** To be called after a refused attempt, whatever the reason. */
  refused(caller: GuessCaller): void;
  /** To be called after an attempt that succeeded. */
  accepted(caller: GuessCaller): void;
}
