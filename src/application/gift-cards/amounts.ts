import { InvalidAmount, Money } from '../../domain/shared/money.ts';
import { ofField } from '../shared/field-fault.ts';

/** An amount as it was given; without a currency it is in the card's. */
export interface GivenAmount {
  readonly amount: string;
  readonly currency?: string | undefined;
}

/** Tells the amount once the card's currency is known. */
export type AmountIn = (currencyOfCard: string) => Money;

/**
 * Reads an amount, which was given as `field`: at once where its currency is stated, else when the card is known. It has
 * to be more than zero. Throws `InvalidAmount`, which names the field, and `UnsupportedCurrency`.
 */
export function readAmount(given: GivenAmount, field = 'amount'): AmountIn {
  const { amount, currency } = given;
  if (currency === undefined) return (currencyOfCard) => readNewAmount({ amount, currency: currencyOfCard }, field);
  const money = readNewAmount({ amount, currency }, field);
  return () => money;
}

/** The same for an amount that may be left out. */
export function readOptionalAmount(given: GivenAmount | undefined, field = 'amount'): AmountIn | undefined {
  return given === undefined ? undefined : readAmount(given, field);
}

/** The amount of a new card, which states its currency. Throws what `readAmount` throws. */
export function readNewAmount(
  { amount, currency }: { readonly amount: string; readonly currency: string },
  field = 'amount',
): Money {
  return ofAmount(field, () => positive(Money.parse(amount, currency)));
}

/** Lets an `InvalidAmount` name the field; its currency isn't at fault, so it is the text in it, as for a schema. */
export const ofAmount = <Result>(field: string, run: () => Result): Result =>
  ofField(`${field}.amount`, [InvalidAmount], run);

function positive(money: Money): Money {
  if (!money.isPositive) throw new InvalidAmount('The amount must be more than zero.', { currency: money.currency });
  return money;
}
