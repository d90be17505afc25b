import type { DomainErrorClass, ErrorDetails } from '../shared/domain-error.ts';
import { CurrencyMismatch, type Money } from '../shared/money.ts';
import { availableMinor, decimal, hasExpired, type GiftCardSnapshot } from './card-state.ts';
import * as errors from './errors.ts';
import type { Hold, Redemption } from './records.ts';

/** The look-up key of the stand-in for a card that isn't there. */
export const NO_CODE = '';

/** One reason to refuse, and whether it holds. */
type Reason = readonly [holds: boolean, type: DomainErrorClass, message: string, details?: ErrorDetails];

/** Throws the first reason that holds. All are worked out before: the time of a refusal must not tell its reason. */
function refuse(reasons: readonly Reason[]): void {
  const reason = reasons.find(([holds]) => holds);
  if (reason === undefined) return;
  const [, type, message, details = {}] = reason;
  throw new type(message, details);
}

/** Throws `InvalidCode` for the stand-in. */
export function requireCode(state: GiftCardSnapshot): void {
  refuse([noCode(state)]);
}

/**
 * Throws `VoidedCard`, `FrozenCard` or `ExpiredCard` unless the card can take part in payments now; `InvalidCode` for
 * the stand-in.
 */
export function requireUsable(state: GiftCardSnapshot, now: Date): void {
  refuse(notUsable(state, now));
}

/** Throws `CurrencyMismatch` unless the amount is in the card's currency. */
export function requireCurrency(state: GiftCardSnapshot, amount: Money): void {
  refuse([otherCurrency(state, amount)]);
}

/**
 * Throws `RedemptionConflict` where there is an earlier payment, what `requireUsable` and `requireCurrency` throw,
 * `AlreadyRedeemed` (nothing left) or `InsufficientBalance` unless the card can make this payment now.
 */
export function requireFunds(
  state: GiftCardSnapshot,
  { amount, earlier }: { readonly amount: Money; readonly earlier?: Redemption | Hold | undefined },
  now: Date,
): void {
  const available = availableMinor(state, now);
  const details = { available: decimal(state, available), currency: state.currency };
  refuse([
    [earlier !== undefined, errors.RedemptionConflict, 'The card has paid or holds money for this order and purpose.'],
    ...notUsable(state, now),
    otherCurrency(state, amount),
    [available === 0n, errors.AlreadyRedeemed, 'The card has nothing left.'],
    [amount.minor > available, errors.InsufficientBalance, 'The card has less than that.', details],
  ]);
}

const noCode = ({ codeIndex }: GiftCardSnapshot): Reason => [
  codeIndex === NO_CODE,
  errors.InvalidCode,
  'No card has this code.',
];

const notUsable = (state: GiftCardSnapshot, now: Date): readonly Reason[] => [
  noCode(state),
  [state.voidedAt !== null, errors.VoidedCard, 'The card is voided.'],
  [state.frozenAt !== null, errors.FrozenCard, 'The card is frozen.'],
  [hasExpired(state, now), errors.ExpiredCard, 'The card has expired.'],
];

function otherCurrency({ currency }: GiftCardSnapshot, amount: Money): Reason {
  const details = { expected: currency, actual: amount.currency };
  return [amount.currency !== currency, CurrencyMismatch, `The card is in ${currency}.`, details];
}
