import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import {
  isWellFormed,
  readSymbols,
  SYMBOLS,
  withCheckSymbol,
  writeSymbols,
} from '../../src/domain/gift-cards/code-alphabet.ts';
import { generateCode, parseCode } from '../../src/domain/gift-cards/code.ts';

const LENGTHS = Array.from({ length: 20 }, (_, i) => i + 12);

function randomBody(length = 16): Uint8Array {
  return withCheckSymbol(Uint8Array.from(randomBytes(length - 1), (byte) => byte % 32));
}

function swap(symbols: Uint8Array, i: number, j: number): Uint8Array {
  return symbols.map((symbol, at) => symbols[at === i ? j : at === j ? i : at] ?? symbol);
}

/** Every pair of positions i < j. */
function* pairs(length: number): Generator<[number, number]> {
  for (let i = 0; i < length; i++) for (let j = i + 1; j < length; j++) yield [i, j];
}

describe('Gift card codes: the alphabet', () => {
  it('is base 32 by Crockford', () => {
    expect(SYMBOLS).to.equal('0123456789ABCDEFGHJKMNPQRSTVWXYZ');
    expect(new Set(SYMBOLS).size).to.equal(32);
  });

  it('writes and reads every value', () => {
    const all = Uint8Array.from({ length: 32 }, (_, value) => value);
    expect(writeSymbols(all)).to.equal(SYMBOLS);
    expect(readSymbols(SYMBOLS)).to.deep.equal(all);
    expect(readSymbols(SYMBOLS.toLowerCase())).to.deep.equal(all);
  });

  it('reads look-alikes and refuses U and whatever is no symbol', () => {
    expect(readSymbols('iIlLoO')).to.deep.equal(Uint8Array.of(1, 1, 1, 1, 0, 0));
    for (const text of ['U', 'u', '-', ' ', '\0', 'É', '0U']) expect(readSymbols(text), text).to.equal(undefined);
  });
});

describe('Gift card codes: the check symbol', () => {
  it('fits by construction in bodies of every length', () => {
    for (const length of LENGTHS) {
      for (let i = 0; i < 100; i++) expect(isWellFormed(randomBody(length))).to.equal(true);
    }
  });

  it('is one of 32, so that exactly one of 32 last symbols fits', () => {
    const body = randomBody();
    const fitting = Array.from(SYMBOLS, (_, value) => body.with(15, value)).filter(isWellFormed);
    expect(fitting).to.deep.equal([body]);
  });

  it('stays what it is: a change of the scheme would kill every code that is out', () => {
    const bytes = Uint8Array.from({ length: 15 }, (_, i) => i + 1);
    expect(generateCode(() => bytes).reveal()).to.equal('GIFT-1234-5678-9ABC-DEFP');
    expect(generateCode(() => new Uint8Array(15).fill(255)).reveal()).to.equal('GIFT-ZZZZ-ZZZZ-ZZZZ-ZZZN');
    expect(generateCode(() => new Uint8Array(15)).reveal()).to.equal('GIFT-0000-0000-0000-0000');
  });

  it('is a linear check: the sum of two well-formed bodies is well formed', () => {
    for (let i = 0; i < 1_000; i++) {
      const [a, b] = [randomBody(31), randomBody(31)];
      expect(isWellFormed(a.map((symbol, at) => symbol ^ (b[at] ?? 0)))).to.equal(true);
    }
  });

  // The check being linear, an error is caught in every body if and only if it is caught in the body of zeros.

  it('catches every single substitution in every body of up to 31 symbols', () => {
    const zeros = new Uint8Array(31);
    for (let at = 0; at < 31; at++) {
      for (let error = 1; error < 32; error++) expect(isWellFormed(zeros.with(at, error))).to.equal(false);
    }
  });

  it('catches every swap of two different symbols in every body of up to 31 symbols', () => {
    const zeros = new Uint8Array(31);
    for (const [i, j] of pairs(31)) {
      for (let difference = 1; difference < 32; difference++) {
        expect(isWellFormed(zeros.with(i, difference).with(j, difference))).to.equal(false);
      }
    }
  });

  it('rejects all substitutions and swaps in the text of sample codes', () => {
    for (let sample = 0; sample < 20; sample++) {
      const code = generateCode(randomBytes);
      const { body } = code;
      const symbols = readSymbols(body) ?? new Uint8Array();
      for (let at = 0; at < 16; at++) {
        const others = [...SYMBOLS].filter((symbol) => symbol !== body[at]);
        expect(others).to.have.lengthOf(31);
        for (const symbol of others) {
          expect(parseCode(`GIFT-${body.slice(0, at)}${symbol}${body.slice(at + 1)}`)).to.equal(undefined);
        }
      }
      for (const [i, j] of pairs(16)) {
        const swapped = writeSymbols(swap(symbols, i, j));
        expect(parseCode(`GIFT-${swapped}`)?.body).to.equal(swapped === body ? body : undefined);
      }
    }
  });

  it('rejects a million random substitutions and swaps', () => {
    const draws = randomBytes(4_000_000);
    let body = randomBody();
    let passed = 0;
    for (let trial = 0; trial < 1_000_000; trial++) {
      if (trial % 100 === 0) body = randomBody();
      const [a = 0, b = 0, c = 0, kind = 0] = draws.subarray(trial * 4, trial * 4 + 4);
      const [i, j] = [a % 16, (a + 1 + (b % 15)) % 16];
      const [x = 0, y = 0] = [body[i], body[j]];
      const differ = x !== y;
      if (kind % 2 === 0 || !differ) body[i] = (x + 1 + (c % 31)) % 32;
      else [body[i], body[j]] = [y, x];
      if (isWellFormed(body)) passed++;
      [body[i], body[j]] = [x, y];
    }
    expect(passed).to.equal(0);
    expect(isWellFormed(body)).to.equal(true);
  });

  it('refuses arrays that are no bodies: too short, too long, values above 31', () => {
    for (const length of [0, 1, 4, 11, 32, 64])
      expect(isWellFormed(new Uint8Array(length)), `${length}`).to.equal(false);
    expect(isWellFormed(new Uint8Array(16))).to.equal(true);
    // In the sum 32 becomes 64, and the 64 that follows cancels it.
    expect(isWellFormed(new Uint8Array(16).with(14, 32).with(15, 64))).to.equal(false);
  });
});
