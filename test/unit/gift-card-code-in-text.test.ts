import { expect } from 'chai';
import { createHmac } from 'node:crypto';
import { containsCode } from '../../src/domain/gift-cards/code-in-text.ts';
import { codesFromSeed, type GiftCardCode } from '../../src/domain/gift-cards/code.ts';

const LENGTHS = Array.from({ length: 20 }, (_, i) => i + 12);
const hmac = (key: Uint8Array) => (data: Uint8Array) => createHmac('sha256', key).update(data).digest();

/** Codes that look random and are always the same. */
const codesOf = (length: number, prefix = 'GIFT'): readonly GiftCardCode[] =>
  Array.from({ length: 200 }, (_, index) => index).map(codesFromSeed(hmac, new Uint8Array(32), { prefix, length }));

const missed = (texts: readonly string[]): readonly string[] => texts.filter((text) => !containsCode(text));
const found = (texts: readonly string[]): readonly string[] => texts.filter(containsCode);

describe('a code in a text', () => {
  const codes = codesOf(16).map((code) => code.reveal());

  it('is found as it is written, of every length and with any prefix', () => {
    for (const length of LENGTHS) {
      for (const prefix of ['GIFT', 'X', 'SUMMERSALE26']) {
        expect(missed(codesOf(length, prefix).map((code) => code.reveal()))).to.deep.equal([]);
      }
    }
  });

  it('is found among other words and signs', () => {
    const around = [
      ...['Lost GIFT, she says', '(GIFT)', 'code=GIFT.', '"GIFT"', 'GIFT – stolen', 'lost\nGIFT\nagain', 'GIFT-stolen'],
      ...['very-much-like-GIFT', 'Ä GIFT Ö', 'number 1234 GIFT 5678', '💳GIFT💳'],
    ];
    for (const words of around) expect(missed(codes.map((code) => words.replace('GIFT', code)))).to.deep.equal([]);
  });

  it('is found in lower case, without its prefix, and with the dashes of a word processor', () => {
    for (const text of [
      (code: string) => code.toLowerCase(),
      (code: string) => code.slice(5),
      (code: string) => code.replaceAll('-', '\u2011'),
      (code: string) => code.replaceAll('-', '\u2013'),
    ]) {
      expect(missed(codes.map((code) => `lost: ${text(code)}, she says`))).to.deep.equal([]);
    }
  });

  it('is found with blanks for hyphens, and in one word, but for the few without a letter next to a digit', () => {
    for (const joint of [' ', '\u00a0', '\n', '']) {
      const texts = codes.map((code) => `lost ${code.replaceAll('-', joint)} today`);
      expect(missed(texts)).to.have.lengthOf.at.most(3);
      expect(missed(texts.map((text) => text.toLowerCase()))).to.have.lengthOf.at.most(3);
    }
  });

  it('is mostly not found where its check symbol does not fit', () => {
    // A part of it, or the prefix with it, may be a code of another length.
    const wrong = codes.map((code) => code.slice(0, -1) + (code.endsWith('0') ? '1' : '0'));
    expect(found(wrong).length / wrong.length).to.be.below(0.25);
  });

  it('is not found in numbers, identifiers and hashes, whatever they are', () => {
    const numbers = codes.map((_, n) => hmac(new Uint8Array(1))(Buffer.from(String(n))));
    const digits = numbers.map((bytes) => bytes.readBigUInt64BE().toString().padStart(20, '0'));
    expect(found(digits)).to.deep.equal([]);
    expect(found(digits.map((text) => `ORD-2026-${text.match(/.{4}/g)?.join('-')}`))).to.deep.equal([]);
    expect(found(digits.map((text) => `card ${text.match(/.{4}/g)?.join(' ')} declined`))).to.deep.equal([]);
    const hashes = numbers.map((bytes) => bytes.toString('hex'));
    expect(found(hashes)).to.deep.equal([]);
    const uuids = hashes.map((text) => text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, '$1-$2-$3-$4-$5'));
    expect(found(uuids)).to.deep.equal([]);
    expect(found(uuids.map((uuid) => `hold ${uuid.toUpperCase()} of order 2026-01-31T12:00:00.000Z`))).to.deep.equal(
      [],
    );
  });

  it('is not found in words, with or without years between them', () => {
    const words = [
      'card',
      'sent',
      '2024',
      'with',
      'mail',
      'that',
      'went',
      'lost',
      'back',
      'from',
      'shop',
      '1999',
      'said',
    ];
    const sentences = words.flatMap((_, from) =>
      words.map((_word, step) => words.map((_w, n) => words[(from + n * (step + 1)) % words.length]).join(' ')),
    );
    expect(found(sentences)).to.deep.equal([]);
    expect(found(['Versandkostenrueckerstattung', 'MISSISSIPPIRIVERBOATS', ''])).to.deep.equal([]);
  });
});
