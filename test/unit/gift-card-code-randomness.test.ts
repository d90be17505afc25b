import { createCipheriv, createHmac } from 'node:crypto';
import { expect } from 'chai';
import { readSymbols } from '../../src/domain/gift-cards/code-alphabet.ts';
import { codesFromSeed, generateCode, UnsupportedCodeFormat } from '../../src/domain/gift-cards/code.ts';

/**
 * Pearson's statistic over n equally likely cells has n - 1 degrees of freedom. A fair source exceeds these limits with
 * a probability of one in a million; the sources below have fixed keys, so that each run sees the same numbers.
 */
const LIMIT_OF_32_CELLS = 83.65;
const LIMIT_OF_1024_CELLS = 1252.59;

function chiSquare(counts: Uint32Array): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** The key stream of AES-256 in counter mode under a fixed key. */
function fixedSource(key: number): (count: number) => Uint8Array {
  const cipher = createCipheriv('aes-256-ctr', new Uint8Array(32).fill(key), new Uint8Array(16));
  return (count) => cipher.update(new Uint8Array(count));
}

const hmacSha256 = (key: Uint8Array) => (data: Uint8Array) => createHmac('sha256', key).update(data).digest();

/** How far from uniform the worst position, and the worst pair of positions, of these bodies is. */
function worstStatistics(bodies: readonly Uint8Array[]): { position: number; pair: number } {
  const length = bodies[0]?.length ?? 0;
  let position = 0;
  let pair = 0;
  for (let i = 0; i < length; i++) {
    const counts = new Uint32Array(32);
    for (const body of bodies) counts[body[i] ?? 0]! += 1;
    position = Math.max(position, chiSquare(counts));
    for (let j = i + 1; j < length; j++) {
      const pairCounts = new Uint32Array(1024);
      for (const body of bodies) pairCounts[(body[i] ?? 0) * 32 + (body[j] ?? 0)]! += 1;
      pair = Math.max(pair, chiSquare(pairCounts));
    }
  }
  return { position, pair };
}

function bodiesFrom(source: (count: number) => Uint8Array, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => readSymbols(generateCode(source).body) ?? new Uint8Array());
}

describe('Gift card codes: randomness', () => {
  it('asks the source for one byte per symbol before the check symbol', () => {
    for (const length of [12, 16, 31]) {
      const asked: number[] = [];
      generateCode((count) => (asked.push(count), new Uint8Array(count)), { length });
      expect(asked).to.deep.equal([length - 1]);
    }
  });

  it('draws each symbol from five bits of a byte of its own: 75 bits in the default format', () => {
    const bytes = fixedSource(1)(15);
    const { body } = generateCode(() => bytes);
    for (let at = 0; at < 15; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = generateCode(() => bytes.with(at, (bytes[at] ?? 0) ^ (1 << bit))).body;
        const changed = [...body].flatMap((symbol, i) => (i < 15 && symbol !== flipped[i] ? [i] : []));
        expect(changed, `byte ${at}, bit ${bit}`).to.deep.equal(bit < 5 ? [at] : []);
      }
    }
  });

  it('is uniform in every position and every pair of positions over 200,000 codes', () => {
    const { position, pair } = worstStatistics(bodiesFrom(fixedSource(2), 200_000));
    expect(position).to.be.below(LIMIT_OF_32_CELLS);
    expect(pair).to.be.below(LIMIT_OF_1024_CELLS);
  });

  it('would show a source that favours a symbol, or uses a byte twice', () => {
    const fair = fixedSource(3);
    const favouring = (count: number) => fair(count).map((byte) => (byte === 255 ? 0 : byte));
    expect(worstStatistics(bodiesFrom(favouring, 50_000)).position).to.be.above(LIMIT_OF_32_CELLS);
    const repeating = (count: number) => fair(count).map((byte, i, bytes) => (i === 9 ? (bytes[2] ?? byte) : byte));
    const { position, pair } = worstStatistics(bodiesFrom(repeating, 50_000));
    expect(position).to.be.below(LIMIT_OF_32_CELLS);
    expect(pair).to.be.above(LIMIT_OF_1024_CELLS);
  });

  it('makes no code twice', () => {
    const source = fixedSource(4);
    const bodies = new Set(Array.from({ length: 100_000 }, () => generateCode(source).body));
    expect(bodies.size).to.equal(100_000);
  });
});

describe('Gift card codes: those of a batch', () => {
  const seed = new Uint8Array(32).fill(7);
  const format = { prefix: 'PROMO', length: 16 };

  it('are the same for the same seed and index', () => {
    for (const index of [0, 1, 999_999, Number.MAX_SAFE_INTEGER]) {
      const code = codesFromSeed(hmacSha256, seed, format)(index);
      expect(codesFromSeed(hmacSha256, seed.slice(), format)(index).reveal()).to.equal(code.reveal());
      expect(code.reveal()).to.match(/^PROMO(-.{4}){4}$/);
    }
  });

  it('stay what they are: a killed job continues after an upgrade', () => {
    const codes = [0, 1, 2 ** 32].map((index) => codesFromSeed(hmacSha256, seed, format)(index).reveal());
    expect(codes).to.deep.equal([
      'PROMO-FS7N-S4VC-414N-VZ9Z',
      'PROMO-9ZPR-T7JE-AQ88-0M76',
      'PROMO-25NA-3SV3-DG89-TH0Y',
    ]);
  });

  it('are other codes under another seed', () => {
    const other = seed.with(31, 8);
    const bodies = [seed, other].flatMap((key) =>
      [0, 1, 2].map(codesFromSeed(hmacSha256, key)).map(({ body }) => body),
    );
    expect(new Set(bodies).size).to.equal(6);
  });

  it('take one byte of one HMAC per symbol, at every length', () => {
    for (const length of [12, 16, 31]) {
      const calls: Uint8Array[] = [];
      const recording = (key: Uint8Array) => (data: Uint8Array) => (calls.push(key, data), hmacSha256(key)(data));
      const { body } = codesFromSeed(recording, seed, { length })(258);
      expect(calls).to.deep.equal([seed, Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2)]);
      const drawn = hmacSha256(seed)(Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2)).subarray(0, length - 1);
      expect([...(readSymbols(body.slice(0, -1)) ?? [])]).to.deep.equal([...drawn].map((byte) => byte % 32));
    }
  });

  it('are all different, and uniform in every position and pair, over 100,000 indexes', () => {
    const codeAt = codesFromSeed(hmacSha256, seed);
    const codes = Array.from({ length: 100_000 }, (_, index) => codeAt(index).body);
    expect(new Set(codes).size).to.equal(100_000);
    const { position, pair } = worstStatistics(codes.map((body) => readSymbols(body) ?? new Uint8Array()));
    expect(position).to.be.below(LIMIT_OF_32_CELLS);
    expect(pair).to.be.below(LIMIT_OF_1024_CELLS);
  });

  it('are refused for seeds other than 32 bytes, indexes below zero and HMACs cut short', () => {
    expect(() => codesFromSeed(hmacSha256, seed.subarray(1))).to.throw(RangeError);
    expect(() => codesFromSeed(hmacSha256, new Uint8Array())).to.throw(RangeError);
    for (const index of [-1, 0.5, NaN, 2 ** 53])
      expect(() => codesFromSeed(hmacSha256, seed)(index)).to.throw(RangeError);
    expect(() => codesFromSeed(() => () => new Uint8Array(14), seed)(0)).to.throw(RangeError);
    expect(() => codesFromSeed(hmacSha256, seed, { length: 32 })).to.throw(UnsupportedCodeFormat);
  });
});
