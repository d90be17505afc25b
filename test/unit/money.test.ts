import { expect } from 'chai';
import fc from 'fast-check';
import * as dineroCurrencies from 'dinero.js/bigint/currencies';
import {
  CurrencyMismatch,
  currencyExponent,
  InvalidAmount,
  isSupportedCurrency,
  MAX_MINOR,
  Money,
  UnsupportedCurrency,
} from '../../src/domain/shared/money.ts';

const ALL_CURRENCIES = Object.keys(dineroCurrencies);
const usd = (amount: string) => Money.parse(amount, 'USD');

const anyCurrency = fc.constantFrom(...ALL_CURRENCIES);
const anyMinor = fc.bigInt({ min: 0n, max: MAX_MINOR });
const anyMoney = fc.tuple(anyMinor, anyCurrency).map(([minor, currency]) => Money.ofMinor(minor, currency));
/** Small enough that three of them can be added. */
const addableMinor = fc.bigInt({ min: 0n, max: MAX_MINOR / 3n });

describe('Money: reading amounts', () => {
  for (const [text, currency, minor] of [
    ['25.00', 'USD', 2500n],
    ['25', 'USD', 2500n],
    ['25.5', 'USD', 2550n],
    ['0', 'USD', 0n],
    ['0.00', 'USD', 0n],
    ['0.05', 'USD', 5n],
    ['2500', 'JPY', 2500n],
    ['1.234', 'KWD', 1234n],
    ['1.2', 'KWD', 1200n],
    ['1.2345', 'CLF', 12345n],
  ] as const) {
    it(`reads ${text} ${currency} as ${minor} minor units`, () => {
      const money = Money.parse(text, currency);
      expect(money.minor).to.equal(minor);
      expect(money.currency).to.equal(currency);
    });
  }

  for (const text of ['1e3', '1E3', '1e-2', '0x10', '0b1', '1n', '1_000', '1,000.00', '1,5']) {
    it(`refuses ${text}, which is not plain decimal text`, () => {
      expect(() => usd(text)).to.throw(InvalidAmount);
    });
  }

  it('refuses signs', () => {
    for (const text of ['+1', '-1', '-0', '-0.01', '- 1', '−1']) expect(() => usd(text), text).to.throw(InvalidAmount);
  });

  it('refuses blanks, line ends and NUL anywhere', () => {
    for (const blank of [' ', '\t', '\n', '\r\n', '\u00a0', '\0']) {
      for (const text of [`${blank}1.00`, `1.00${blank}`, `1${blank}0`, blank]) {
        expect(() => usd(text), JSON.stringify(text)).to.throw(InvalidAmount);
      }
    }
  });

  it('refuses a point without a digit on either side, and two points', () => {
    for (const text of ['1.', '.5', '.', '1..0', '1.0.0']) expect(() => usd(text), text).to.throw(InvalidAmount);
  });

  it('refuses leading zeros', () => {
    for (const text of ['01', '00', '007.00']) expect(() => usd(text), text).to.throw(InvalidAmount);
  });

  it('refuses text without a number, and digits of other scripts', () => {
    for (const text of ['', 'NaN', 'Infinity', 'null', 'USD', '١٢', '１２']) {
      expect(() => usd(text), text).to.throw(InvalidAmount);
    }
  });

  it('refuses more decimals than the currency has, even zeros', () => {
    for (const [text, currency] of [
      ['1.000', 'USD'],
      ['1.005', 'USD'],
      ['1.0', 'JPY'],
      ['1.2345', 'KWD'],
    ] as const) {
      expect(() => Money.parse(text, currency), text).to.throw(InvalidAmount);
    }
  });

  it('names the currency and its decimals when it refuses a text', () => {
    expect(() => Money.parse('1.5', 'JPY'))
      .to.throw(InvalidAmount)
      .with.deep.property('details', { currency: 'JPY', decimals: 0 });
  });

  it('refuses whatever is not a string, numbers above all', () => {
    for (const value of [25, 25.5, NaN, 25n, null, undefined, true, ['25'], { amount: '25' }]) {
      expect(() => Money.parse(value as never, 'USD'), String(value)).to.throw(InvalidAmount);
    }
  });

  it('reads the largest amount that a bigint column holds and refuses the next', () => {
    expect(usd('92233720368547758.07').minor).to.equal(MAX_MINOR);
    expect(Money.parse('9223372036854775807', 'JPY').minor).to.equal(MAX_MINOR);
    expect(() => usd('92233720368547758.08')).to.throw(InvalidAmount);
    expect(() => Money.parse('9223372036854775808', 'JPY')).to.throw(InvalidAmount);
  });

  it('refuses text of any length beyond the largest amount', () => {
    for (const digits of [20, 1_000, 1_000_000]) {
      expect(() => usd('9'.repeat(digits))).to.throw(InvalidAmount);
      expect(() => usd(`0.${'0'.repeat(digits)}`)).to.throw(InvalidAmount);
    }
  });

  it('reads a text exactly as it stands or refuses it', () => {
    const nearlyAmounts = fc.stringMatching(/^[-+ ]?[0-9]{0,22}[.,]?[0-9]{0,4}[eE ]?[0-9]?$/);
    fc.assert(
      fc.property(fc.oneof(nearlyAmounts, fc.string()), (text) => {
        let money: Money;
        try {
          money = usd(text);
        } catch (error) {
          expect(error).to.be.instanceOf(InvalidAmount);
          return;
        }
        const [whole = '', decimals = ''] = text.split('.');
        expect(money.toDecimal()).to.equal(`${whole}.${decimals.padEnd(2, '0')}`);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('Money: minor units', () => {
  it('takes zero and the largest amount', () => {
    expect(Money.ofMinor(0n, 'USD').minor).to.equal(0n);
    expect(Money.ofMinor(MAX_MINOR, 'USD').minor).to.equal(MAX_MINOR);
  });

  it('refuses negative amounts and those beyond the largest', () => {
    expect(() => Money.ofMinor(-1n, 'USD')).to.throw(InvalidAmount);
    expect(() => Money.ofMinor(MAX_MINOR + 1n, 'USD')).to.throw(InvalidAmount);
  });

  it('refuses numbers and strings', () => {
    expect(() => Money.ofMinor(2500 as never, 'USD')).to.throw(InvalidAmount);
    expect(() => Money.ofMinor('2500' as never, 'USD')).to.throw(InvalidAmount);
  });
});

describe('Money: currencies', () => {
  const exceptions: Record<string, readonly string[]> = {
    0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' '),
    3: 'BHD IQD JOD KWD LYD OMR TND'.split(' '),
    4: 'CLF UYW'.split(' '),
  };

  for (const [exponent, codes] of Object.entries(exceptions)) {
    it(`gives ${codes.join(', ')} ${exponent} decimals, as ISO 4217 does`, () => {
      expect(codes.map(currencyExponent)).to.deep.equal(codes.map(() => Number(exponent)));
    });
  }

  it('gives every other currency two decimals', () => {
    const others = ALL_CURRENCIES.filter((code) => !Object.values(exceptions).flat().includes(code));
    expect(others).to.have.length.greaterThan(100);
    expect(others.filter((code) => currencyExponent(code) !== 2)).to.deep.equal([]);
  });

  it('counts the ariary and the ouguiya in hundredths, though their coins are fifths', () => {
    for (const code of ['MGA', 'MRU']) {
      expect(Money.parse('1.05', code).minor).to.equal(105n);
      expect(Money.ofMinor(105n, code).toDecimal()).to.equal('1.05');
    }
  });

  it('knows a currency by its code in capitals alone', () => {
    expect(isSupportedCurrency('USD')).to.equal(true);
    for (const code of ['usd', ' USD', 'USDX', '', 'XXX', 'default', '__proto__', 'constructor']) {
      expect(isSupportedCurrency(code), code).to.equal(false);
      expect(() => Money.parse('1', code), code).to.throw(UnsupportedCurrency);
      expect(() => Money.ofMinor(1n, code), code).to.throw(UnsupportedCurrency);
      expect(() => currencyExponent(code), code).to.throw(UnsupportedCurrency);
    }
  });

  it('refuses a currency that is not a string', () => {
    for (const value of [undefined, null, 840, ['USD']]) {
      expect(() => Money.parse('1', value as never)).to.throw(UnsupportedCurrency);
    }
  });
});

describe('Money: arithmetic', () => {
  it('adds a tenth and two tenths to exactly three tenths', () => {
    expect(usd('0.1').plus(usd('0.2')).toDecimal()).to.equal('0.30');
  });

  it('adds a cent a thousand times to exactly ten', () => {
    let sum = usd('0');
    for (let i = 0; i < 1_000; i++) sum = sum.plus(usd('0.01'));
    expect(sum).to.deep.equal(usd('10.00'));
  });

  it('stays exact beyond the integers that a number can hold', () => {
    expect(usd('90071992547409.93').plus(usd('0.02')).toDecimal()).to.equal('90071992547409.95');
    expect(usd('92233720368547758.07').minus(usd('0.01')).toDecimal()).to.equal('92233720368547758.06');
  });

  it('subtracts down to zero and refuses to go below', () => {
    expect(usd('5').minus(usd('5')).isZero).to.equal(true);
    expect(() => usd('5').minus(usd('5.01'))).to.throw(InvalidAmount);
  });

  it('refuses a sum beyond the largest amount', () => {
    expect(() => Money.ofMinor(MAX_MINOR, 'USD').plus(usd('0.01'))).to.throw(InvalidAmount);
  });

  it('leaves its operands as they were', () => {
    const [a, b] = [usd('3'), usd('2')];
    a.plus(b);
    a.minus(b);
    expect([a.minor, b.minor]).to.deep.equal([300n, 200n]);
  });

  it('orders amounts and picks the lesser', () => {
    expect(usd('1').compare(usd('2'))).to.equal(-1);
    expect(usd('2').compare(usd('2.00'))).to.equal(0);
    expect(usd('10').compare(usd('9'))).to.equal(1);
    expect(usd('1').min(usd('2')).toDecimal()).to.equal('1.00');
    expect(usd('10').min(usd('9')).toDecimal()).to.equal('9.00');
  });

  it('tells zero from what is more', () => {
    expect([usd('0').isZero, usd('0').isPositive]).to.deep.equal([true, false]);
    expect([usd('0.01').isZero, usd('0.01').isPositive]).to.deep.equal([false, true]);
  });

  it('never mixes two currencies', () => {
    const [dollars, yen] = [usd('1'), Money.parse('100', 'JPY')];
    for (const operation of ['plus', 'minus', 'compare', 'min'] as const) {
      expect(() => dollars[operation](yen), operation)
        .to.throw(CurrencyMismatch)
        .with.deep.property('details', { expected: 'USD', actual: 'JPY' });
    }
  });

  it('is associative and commutative', () => {
    fc.assert(
      fc.property(addableMinor, addableMinor, addableMinor, anyCurrency, (x, y, z, currency) => {
        const [a, b, c] = [Money.ofMinor(x, currency), Money.ofMinor(y, currency), Money.ofMinor(z, currency)];
        expect(a.plus(b).plus(c)).to.deep.equal(a.plus(b.plus(c)));
        expect(a.plus(b)).to.deep.equal(b.plus(a));
        expect(a.plus(b).minor).to.equal(x + y);
      }),
    );
  });

  it('takes away what it has added', () => {
    fc.assert(
      fc.property(addableMinor, addableMinor, anyCurrency, (x, y, currency) => {
        const [a, b] = [Money.ofMinor(x, currency), Money.ofMinor(y, currency)];
        expect(a.plus(b).minus(b)).to.deep.equal(a);
      }),
    );
  });

  it('orders amounts as it orders their differences', () => {
    fc.assert(
      fc.property(anyMinor, anyMinor, anyCurrency, (x, y, currency) => {
        const [a, b] = [Money.ofMinor(x, currency), Money.ofMinor(y, currency)];
        const lesser = a.min(b);
        const greater = lesser === a ? b : a;
        expect(greater.minus(lesser).isZero).to.equal(a.compare(b) === 0);
        expect(a.compare(b) + b.compare(a)).to.equal(0);
      }),
    );
  });
});

describe('Money: writing amounts', () => {
  it('writes all decimals of the currency', () => {
    expect(Money.ofMinor(5n, 'USD').toDecimal()).to.equal('0.05');
    expect(Money.ofMinor(2500n, 'USD').toDecimal()).to.equal('25.00');
    expect(Money.ofMinor(0n, 'KWD').toDecimal()).to.equal('0.000');
    expect(Money.ofMinor(2500n, 'JPY').toDecimal()).to.equal('2500');
  });

  it('reads back in every currency what it has written', () => {
    for (const currency of ALL_CURRENCIES) {
      for (const minor of [0n, 1n, 9n, 10n, 99n, 100n, 12345n, 2n ** 53n + 1n, MAX_MINOR]) {
        const money = Money.ofMinor(minor, currency);
        expect(Money.parse(money.toDecimal(), currency)).to.deep.equal(money);
      }
    }
    fc.assert(
      fc.property(anyMoney, (money) => {
        expect(Money.parse(money.toDecimal(), money.currency)).to.deep.equal(money);
      }),
      { numRuns: 1_000 },
    );
  });

  it('becomes decimal text and currency in JSON, and text for people', () => {
    expect(JSON.stringify({ price: usd('25') })).to.equal('{"price":{"amount":"25.00","currency":"USD"}}');
    expect(`${usd('25')}`).to.equal('25.00 USD');
  });
});

describe('Money: an immutable value', () => {
  it('cannot be changed', () => {
    const money = usd('25');
    expect(() => Object.assign(money, { minor: 1n })).to.throw(TypeError);
    expect(() => Object.assign(money, { currency: 'EUR' })).to.throw(TypeError);
    expect(money.toDecimal()).to.equal('25.00');
  });

  it('equals another of the same amount and currency, and no other', () => {
    expect(usd('25')).to.deep.equal(usd('25.00'));
    expect(usd('25')).not.to.deep.equal(usd('25.01'));
    expect(usd('25')).not.to.deep.equal(Money.parse('25', 'EUR'));
  });

  it('refuses operators, which would work on its text', () => {
    expect(() => usd('10') < usd('9')).to.throw(TypeError);
    expect(() => Number(usd('10'))).to.throw(TypeError);
  });

  it('refuses with errors of stable codes and kinds', () => {
    expect([InvalidAmount.code, InvalidAmount.kind]).to.deep.equal(['money.invalid_amount', 'invalid']);
    expect([UnsupportedCurrency.code, UnsupportedCurrency.kind]).to.deep.equal([
      'money.unsupported_currency',
      'invalid',
    ]);
    expect([CurrencyMismatch.code, CurrencyMismatch.kind]).to.deep.equal(['money.currency_mismatch', 'rule_violated']);
  });
});
