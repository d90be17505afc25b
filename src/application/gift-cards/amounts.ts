import { InvalidAmount, Money } from '../../domain/shared/money.ts';

/** An amount as it was given; without a currency it is in the card's. */
export interface GivenAmount {
  readonly amount: string;
  readonly currency?: string | undefined;
}

/** Tells the amount once the card's currency is known. */
export type AmountIn = (currencyOfCard: string) => Money;

/**
 * Reads an amount: at once where its currency is stated, else when the card is known. It has to be more than zero.
 * Throws `InvalidAmount` and `UnsupportedCurrency`.
 */
export function readAmount(given: GivenAmount): AmountIn {
  const { amount, currency } = given;
  if (currency === undefined) return (currencyOfCard) => positive(Money.parse(amount, currencyOfCard));
  const money = readNewAmount({ amount, currency });
  return () => money;
}

/** The same for an amount that may be left out. */
export function readOptionalAmount(given: GivenAmount | undefined): AmountIn | undefined {
  return given === undefined ? undefined : readAmount(given);
}

/** The amount of a new card, which states its currency. Throws what `readAmount` throws. */
export function readNewAmount({ amount, currency }: { readonly amount: string; readonly currency: string }): Money {
  return positive(Money.parse(amount, currency));
}

function positive(money: Money): Money {
  if (!money.isPositive) throw new InvalidAmount('The amount must be more than zero.', { currency: money.currency });
  return money;
}
