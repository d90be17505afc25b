import { CurrencyMismatch, type Money } from '../shared/money.ts';
import { availableMinor, decimal, hasExpired, type GiftCardSnapshot } from './card-state.ts';
import * as errors from './errors.ts';

/** The look-up key of the stand-in for a card that isn't there. */
export const NO_CODE = '';

/** Throws `InvalidCode` for the stand-in. */
export function requireCode(codeIndex: string): void {
  if (codeIndex === NO_CODE) throw new errors.InvalidCode('No card has this code.');
}

/**
 * Throws `VoidedCard`, `FrozenCard` or `ExpiredCard` unless the card can take part in payments now; `InvalidCode` for
 * the stand-in.
 */
export function requireUsable(state: GiftCardSnapshot, now: Date): void {
  requireCode(state.codeIndex);
  if (state.voidedAt !== null) throw new errors.VoidedCard('The card is voided.');
  if (state.frozenAt !== null) throw new errors.FrozenCard('The card is frozen.');
  if (hasExpired(state, now)) throw new errors.ExpiredCard('The card has expired.');
}

/** Throws `CurrencyMismatch` unless the amount is in the card's currency. */
export function requireCurrency(state: GiftCardSnapshot, amount: Money): void {
  if (amount.currency === state.currency) return;
  const details = { expected: state.currency, actual: amount.currency };
  throw new CurrencyMismatch(`The card is in ${state.currency}.`, details);
}

/**
 * Throws what `requireUsable` and `requireCurrency` throw, `AlreadyRedeemed` (nothing left) or `InsufficientBalance`
 * unless the card can pay this amount now.
 */
export function requireFunds(state: GiftCardSnapshot, amount: Money, now: Date): void {
  const available = availableMinor(state, now);
  // Told in one case, worked out in all: the time of a refusal must not tell its reason.
  const details = { available: decimal(state, available), currency: state.currency };
  requireUsable(state, now);
  requireCurrency(state, amount);
  if (available === 0n) throw new errors.AlreadyRedeemed('The card has nothing left.');
  if (amount.minor > available) throw new errors.InsufficientBalance('The card has less than that.', details);
}
