import { add, dinero, subtract } from 'dinero.js/bigint';
import type { Dinero, DineroCurrency } from 'dinero.js/bigint';
import * as dineroCurrencies from 'dinero.js/bigint/currencies';
import { DomainError } from './domain-error.ts';

/** The largest amount in minor units: what a PostgreSQL bigint column can hold. */
export const MAX_MINOR = 9_223_372_036_854_775_807n;

/** Not plain decimal text, more decimals than the currency has, or outside 0 to `MAX_MINOR` minor units. */
export class InvalidAmount extends DomainError {
  static readonly code = 'money.invalid_amount';
  static readonly kind = 'invalid';
}

/** Not one of the supported ISO 4217 codes, which are spelt in capitals. */
export class UnsupportedCurrency extends DomainError {
  static readonly code = 'money.unsupported_currency';
  static readonly kind = 'invalid';
}

/** Amounts in two currencies were to be added, subtracted or compared. */
export class CurrencyMismatch extends DomainError {
  static readonly code = 'money.currency_mismatch';
  static readonly kind = 'rule_violated';
}

interface Currency {
  readonly definition: DineroCurrency<bigint>;
  readonly exponent: number;
  /** Captures the whole part and the decimals: a JSON number without sign and exponent. */
  readonly amountPattern: RegExp;
}

/**
 * The currencies of dinero.js. It counts the ariary (MGA) and the ouguiya (MRU) in fifths, as their coins do;
 * ISO 4217 gives both two decimals, and so does everyone who exchanges amounts by it, hence they are redefined here.
 */
const CURRENCIES: ReadonlyMap<string, Currency> = new Map(
  Object.values(dineroCurrencies).map((listed) => {
    const definition = listed.base === 10n ? listed : { code: listed.code, base: 10n, exponent: 2n };
    const exponent = Number(definition.exponent);
    const decimals = exponent === 0 ? '' : `(?:\\.(\\d{1,${exponent}}))?`;
    return [definition.code, { definition, exponent, amountPattern: new RegExp(`^(0|[1-9]\\d{0,18})${decimals}$`) }];
  }),
);

function currencyOf(code: string): Currency {
  const currency = CURRENCIES.get(code);
  if (currency === undefined) {
    throw new UnsupportedCurrency('A currency must be a supported ISO 4217 code in capitals, such as USD');
  }
  return currency;
}

/** Whether amounts can be stated in this currency, named by its ISO 4217 code in capitals. */
export function isSupportedCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

/** How many decimals ISO 4217 gives the currency: JPY 0, USD 2, KWD 3. Throws `UnsupportedCurrency`. */
export function currencyExponent(code: string): number {
  return currencyOf(code).exponent;
}

/**
 * Decimal text of minor units with all decimals of the currency, `-25.00`: also of sums, which may be negative and
 * larger than one amount can be. Throws `UnsupportedCurrency`. Written out here because dinero.js takes ten times as
 * long for it, and every answer, event and receipt has some.
 */
export function decimalText(minor: bigint, currency: string): string {
  const { exponent } = currencyOf(currency);
  const sign = minor < 0n ? '-' : '';
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  if (exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/**
 * An amount of money, zero or more, in one currency: an immutable value. It is held in minor units as a bigint and
 * never passes through a number. Sums and differences come from dinero.js; comparisons compare the bigints.
 */
export class Money {
  /** Minor units (cents for USD, yen for JPY), 0 to `MAX_MINOR`. */
  readonly minor: bigint;
  /** The ISO 4217 code in capitals. */
  readonly currency: string;

  private constructor(minor: bigint, currency: string) {
    if (typeof minor !== 'bigint' || minor < 0n || minor > MAX_MINOR) {
      throw new InvalidAmount(`An amount must be 0 to ${MAX_MINOR} minor units`, { currency });
    }
    this.minor = minor;
    this.currency = currency;
    Object.freeze(this);
  }

  /**
   * Reads decimal text such as `25.00`, `25` or `0.5`: digits, with at most one point between them. There may be no
   * sign, exponent, blank or leading zero, nor more decimals than the currency has, not even zeros.
   * Throws `UnsupportedCurrency`, and `InvalidAmount` for everything else, numbers included.
   */
  static parse(amount: string, currency: string): Money {
    const { exponent, amountPattern } = currencyOf(currency);
    const match = typeof amount === 'string' ? amountPattern.exec(amount) : null;
    if (match === null) {
      const details = { currency, decimals: exponent };
      throw new InvalidAmount('An amount must be decimal text with no more decimals than its currency', details);
    }
    const [, whole = '', decimals = ''] = match;
    return new Money(BigInt(whole + decimals.padEnd(exponent, '0')), currency);
  }

  /** As many minor units of a currency. Throws `UnsupportedCurrency`, and `InvalidAmount` outside 0 to `MAX_MINOR`. */
  static ofMinor(minor: bigint, currency: string): Money {
    return new Money(minor, currencyOf(currency).definition.code);
  }

  /** The sum. Throws `CurrencyMismatch`, and `InvalidAmount` above `MAX_MINOR`. */
  plus(other: Money): Money {
    this.#requireSameCurrency(other);
    return new Money(add(this.#toDinero(), other.#toDinero()).toJSON().amount, this.currency);
  }

  /** The difference. Throws `CurrencyMismatch`, and `InvalidAmount` where `other` is the larger. */
  minus(other: Money): Money {
    this.#requireSameCurrency(other);
    return new Money(subtract(this.#toDinero(), other.#toDinero()).toJSON().amount, this.currency);
  }

  /** -1, 0 or 1 as this amount is less than, equal to or greater than the other. Throws `CurrencyMismatch`. */
  compare(other: Money): -1 | 0 | 1 {
    this.#requireSameCurrency(other);
    if (this.minor === other.minor) return 0;
    return this.minor < other.minor ? -1 : 1;
  }

  /** The lesser of the two. Throws `CurrencyMismatch`. */
  min(other: Money): Money {
    return this.compare(other) <= 0 ? this : other;
  }

  get isZero(): boolean {
    return this.minor === 0n;
  }

  get isPositive(): boolean {
    return this.minor > 0n;
  }

  /** Decimal text with all decimals of the currency, `25.00`: `parse` reads it back to the same amount. */
  toDecimal(): string {
    return decimalText(this.minor, this.currency);
  }

  /** The form that contracts carry. */
  toJSON(): { readonly amount: string; readonly currency: string } {
    return { amount: this.toDecimal(), currency: this.currency };
  }

  /** For people: `25.00 USD`. */
  toString(): string {
    return `${this.toDecimal()} ${this.currency}`;
  }

  /** Refuses `a < b` and `a + b`, which compile and would work on text. Throws `TypeError`. */
  valueOf(): never {
    throw new TypeError('Money has no primitive value: use compare, plus or minus');
  }

  #requireSameCurrency(other: Money): void {
    if (this.currency !== other.currency) {
      const details = { expected: this.currency, actual: other.currency };
      throw new CurrencyMismatch(
        `An amount in ${other.currency} was given where one in ${this.currency} is due`,
        details,
      );
    }
  }

  #toDinero(): Dinero<bigint> {
    return dinero({ amount: this.minor, currency: currencyOf(this.currency).definition });
  }
}
