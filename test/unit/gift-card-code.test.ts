import { inspect } from 'node:util';
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { SYMBOLS, withCheckSymbol, writeSymbols } from '../../src/domain/gift-cards/code-alphabet.ts';
import {
  codeFormat,
  DEFAULT_CODE_FORMAT,
  generateCode,
  GiftCardCode,
  isValidFormat,
  parseCode,
  UnsupportedCodeFormat,
} from '../../src/domain/gift-cards/code.ts';

const LENGTHS = Array.from({ length: 20 }, (_, i) => i + 12);

/** A code whose random symbols are these, followed by its check symbol. */
function codeOf(randomSymbols: string, prefix = 'GIFT'): GiftCardCode {
  const values = Uint8Array.from(randomSymbols, (symbol) => SYMBOLS.indexOf(symbol));
  return new GiftCardCode(prefix, withCheckSymbol(values));
}

describe('Gift card codes: making them', () => {
  it('writes the default format, GIFT and four groups of four', () => {
    for (let i = 0; i < 1_000; i++) {
      expect(generateCode(randomBytes).reveal()).to.match(/^GIFT(-[0-9A-HJKMNP-TV-Z]{4}){4}$/);
    }
    expect(DEFAULT_CODE_FORMAT).to.deep.equal({ prefix: 'GIFT', length: 16 });
  });

  it('takes another prefix and leaves it as it is, look-alikes included', () => {
    for (const prefix of ['PROMO', 'ILOU', 'X', '2025', 'SPRINGSALE25']) {
      expect(generateCode(randomBytes, { prefix }).reveal()).to.match(new RegExp(`^${prefix}(-[0-9A-Z]{4}){4}$`));
    }
  });

  it('makes bodies of 12 to 31 symbols that it can read again', () => {
    for (const length of LENGTHS) {
      const code = generateCode(randomBytes, { length });
      expect(code.body).to.have.lengthOf(length);
      expect(parseCode(code.reveal(), [length])?.body).to.equal(code.body);
    }
  });

  it('leaves a shorter last group where the length is no multiple of four', () => {
    expect(generateCode(randomBytes, { length: 14 }).reveal()).to.match(/^GIFT-.{4}-.{4}-.{4}-.{2}$/);
    expect(generateCode(randomBytes, { length: 31 }).reveal()).to.match(/^GIFT(-.{4}){7}-.{3}$/);
  });

  it('refuses lengths outside 12 to 31', () => {
    for (const length of [11, 32, 0, -16, 16.5, NaN, Infinity, '16' as never]) {
      expect(() => generateCode(randomBytes, { length }), String(length)).to.throw(UnsupportedCodeFormat);
    }
  });

  it('refuses prefixes other than 1 to 12 capitals and digits', () => {
    for (const prefix of ['', 'gift', 'GI-FT', 'GI FT', 'GIFT\n', 'THIRTEENCHARS', 'ÉTÉ', 'GIFT\0']) {
      expect(() => generateCode(randomBytes, { prefix }), JSON.stringify(prefix)).to.throw(UnsupportedCodeFormat);
    }
    expect([UnsupportedCodeFormat.code, UnsupportedCodeFormat.kind]).to.deep.equal([
      'gift_cards.unsupported_code_format',
      'invalid',
    ]);
  });

  it('fills in what a format leaves out', () => {
    expect(codeFormat()).to.deep.equal({ prefix: 'GIFT', length: 16 });
    expect(codeFormat({ prefix: 'PROMO' })).to.deep.equal({ prefix: 'PROMO', length: 16 });
    expect(codeFormat({ length: 20 })).to.deep.equal({ prefix: 'GIFT', length: 20 });
  });

  it('refuses a source that returns fewer bytes than it was asked for', () => {
    expect(() => generateCode((count) => randomBytes(count - 1))).to.throw(RangeError);
    expect(() => generateCode(() => new Uint8Array())).to.throw(RangeError);
  });

  it('cannot be made of symbols whose check symbol does not fit', () => {
    expect(() => new GiftCardCode('GIFT', Uint8Array.of(...new Array<number>(15).fill(0), 1))).to.throw(RangeError);
  });
});

describe('Gift card codes: reading what people type', () => {
  const code = codeOf('01ABCDEFGHJKMNP');
  const { body } = code;

  it('reads a code as it was written', () => {
    const read = parseCode(code.reveal());
    expect(read?.body).to.equal(body);
    expect(read?.reveal()).to.equal(code.reveal());
  });

  it('reads lower case', () => {
    expect(parseCode(code.reveal().toLowerCase())?.body).to.equal(body);
  });

  it('reads I and L as 1 and O as 0 in the body', () => {
    expect(body).to.match(/^01/);
    for (const start of ['OI', 'OL', 'oi', 'ol', '0i', '0L', 'O1']) {
      expect(parseCode(`GIFT-${start}${body.slice(2)}`)?.body, start).to.equal(body);
    }
  });

  it('reads codes with hyphens missing, added or replaced by blanks', () => {
    for (const text of [
      `GIFT${body}`,
      `GIFT ${body}`,
      `GIFT ${body.replace(/.{4}/g, '$& ')}`,
      `GIFT - ${body.replace(/.{4}/g, '$& - ')}`,
      `  ${code.reveal()}\r\n`,
      `\t${code.reveal()}`,
      [...`GIFT${body}`].join('-'),
      `GI-FT${body}`,
    ]) {
      expect(parseCode(text)?.body, JSON.stringify(text)).to.equal(body);
    }
  });

  it('reads the body alone', () => {
    expect(parseCode(body)?.body).to.equal(body);
    expect(parseCode(body)?.reveal()).to.equal(body.replace(/.{4}(?=.)/g, '$&-'));
  });

  it('never repairs the prefix', () => {
    for (const prefix of ['PROMO', 'PR0M0', 'ILOU', 'promo', 'UUUU', '1111']) {
      const read = parseCode(`${prefix}-${body}`);
      expect(read?.body, prefix).to.equal(body);
      expect(read?.reveal().split('-')[0]).to.equal(prefix);
    }
  });

  it('finds the same card whatever the prefix', () => {
    expect(parseCode(`OTHER-${body}`)?.body).to.equal(parseCode(`GIFT-${body}`)?.body);
  });

  it('takes a prefix of at most twelve characters', () => {
    expect(parseCode(`${'A'.repeat(12)}-${body}`)?.body).to.equal(body);
    expect(parseCode(`${'A'.repeat(13)}-${body}`)).to.equal(undefined);
  });

  it('refuses U in the body in either case', () => {
    for (let i = 0; i < body.length; i++) {
      for (const u of ['U', 'u'])
        expect(parseCode(`GIFT-${body.slice(0, i)}${u}${body.slice(i + 1)}`)).to.equal(undefined);
    }
  });

  it('refuses a body that is too short', () => {
    for (const text of ['', '-', ' ', 'GIFT', 'GIFT-', body.slice(1), body.slice(0, -1)]) {
      expect(parseCode(text), text).to.equal(undefined);
    }
  });

  it('refuses NUL, control characters, and anything outside ASCII', () => {
    for (const stray of [
      '\0',
      '\x07',
      '\x7f',
      '\u00a0',
      '\u2013',
      '\u200b',
      'É',
      'ı',
      'ſ',
      '１',
      '😀',
      '\ud800',
      '_',
      '.',
      "'",
    ]) {
      for (const text of [stray + code.reveal(), code.reveal() + stray, code.reveal().replace('-', stray)]) {
        expect(parseCode(text), JSON.stringify(text)).to.equal(undefined);
      }
    }
  });

  it('reads up to 128 characters and refuses longer text', () => {
    expect(parseCode(code.reveal().padEnd(128, ' '))?.body).to.equal(body);
    expect(parseCode(code.reveal().padEnd(129, ' '))).to.equal(undefined);
    expect(parseCode('-'.repeat(10_000_000) + code.reveal())).to.equal(undefined);
  });

  it('answers undefined to what is not text', () => {
    for (const value of [undefined, null, 16, {}, [code.reveal()], { toString: () => code.reveal() }]) {
      expect(parseCode(value as never)).to.equal(undefined);
    }
  });

  it('never throws, and reads again whatever it has read', () => {
    const nearlyCodes = fc
      .array(fc.constantFrom(...SYMBOLS, ...'iloILOuU- \t'), { minLength: 10, maxLength: 34 })
      .map((characters) => characters.join(''));
    let read = 0;
    fc.assert(
      fc.property(fc.oneof(nearlyCodes, fc.string({ unit: 'binary' })), (text) => {
        const parsed = parseCode(text);
        if (parsed === undefined) return;
        read++;
        expect(parseCode(parsed.reveal())?.body).to.equal(parsed.body);
      }),
      { numRuns: 20_000, seed: 1 },
    );
    expect(read).to.be.greaterThan(50);
  });

  it('says whether a text has the form of a code', () => {
    expect(isValidFormat(code.reveal())).to.equal(true);
    expect(isValidFormat(code.reveal().toLowerCase())).to.equal(true);
    expect(isValidFormat(`GIFT-${body.slice(0, -1)}${body.endsWith('0') ? '1' : '0'}`)).to.equal(false);
    expect(isValidFormat('')).to.equal(false);
    expect(isValidFormat(code.reveal(), [20])).to.equal(false);
    expect(isValidFormat(generateCode(randomBytes, { length: 20 }).reveal(), [16, 20])).to.equal(true);
  });
});

describe('Gift card codes: several lengths in use', () => {
  it('always reads a code that is typed with its prefix and the hyphen after it', () => {
    for (const lengths of [
      [16, 20],
      [20, 16],
      [12, 14, 16, 31],
    ]) {
      for (const length of lengths) {
        for (let i = 0; i < 2_000; i++) {
          const code = generateCode(randomBytes, { length });
          expect(parseCode(code.reveal(), lengths)?.body).to.equal(code.body);
          expect(parseCode(`gift ${code.body}`, lengths)?.body).to.equal(code.body);
        }
      }
    }
  });

  it('mostly reads a code that is typed without hyphens, and never as one that cannot exist', () => {
    let wrong = 0;
    for (let i = 0; i < 3_200; i++) {
      const code = generateCode(randomBytes, { length: 20 });
      const read = parseCode(code.body, [16, 20]);
      expect(read).to.be.instanceOf(GiftCardCode);
      if (read?.body !== code.body) {
        expect(read?.body).to.equal(code.body.slice(-16));
        wrong++;
      }
    }
    // One in 32 is 100 expected, with a standard deviation below 10.
    expect(wrong).to.be.within(30, 170);
  });

  it('reads only the lengths that it is given', () => {
    const code = generateCode(randomBytes, { length: 20 });
    expect(parseCode(code.reveal(), [20])?.body).to.equal(code.body);
    expect(parseCode(code.reveal(), [])).to.equal(undefined);
    expect(parseCode(code.reveal(), [24])).to.equal(undefined);
    for (const length of [0, 1, 4, 11, 32, -1]) expect(parseCode('0'.repeat(12), [length])).to.equal(undefined);
  });
});

describe('Gift card codes: keeping the secret', () => {
  const code = codeOf('7K3MABCDEFGHJKM');
  const masked = `GIFT-****-****-****-${code.lastFour}`;

  it('shows the last four symbols of the body', () => {
    expect(code.lastFour).to.equal(code.body.slice(12));
    expect(code.reveal().endsWith(code.lastFour)).to.equal(true);
  });

  it('is masked as text', () => {
    expect(`${code}`).to.equal(masked);
    expect(String(code)).to.equal(masked);
    expect('code ' + code).to.equal(`code ${masked}`);
    expect([code].join()).to.equal(masked);
  });

  it('is masked as JSON', () => {
    expect(JSON.stringify(code)).to.equal(`"${masked}"`);
    expect(JSON.stringify({ card: { code } })).to.equal(`{"card":{"code":"${masked}"}}`);
  });

  it('is masked when it is inspected, hidden fields and getters included', () => {
    expect(inspect(code)).to.equal(masked);
    expect(inspect({ code }, { showHidden: true, getters: true, depth: 9 })).to.equal(`{ code: ${masked} }`);
    expect(inspect(code, { customInspect: false, showHidden: true })).not.to.contain('7K3M');
  });

  it('has nothing to enumerate, spread or clone', () => {
    expect(Reflect.ownKeys(code)).to.deep.equal([]);
    expect({ ...code }).to.deep.equal({});
    expect(structuredClone(code)).not.to.have.property('body');
  });

  it('cannot be changed', () => {
    expect(() => Object.assign(code, { body: '0000000000000000' })).to.throw(TypeError);
    expect(() => Object.assign(code, { lastFour: '0000' })).to.throw(TypeError);
  });

  it('shows no more than the last four whatever the length', () => {
    for (const length of LENGTHS) {
      const text = generateCode(randomBytes, { length }).toString();
      const stars = text.replace(/^GIFT-/, '').replaceAll('-', '');
      expect(stars).to.match(new RegExp(`^\\*{${length - 4}}[0-9A-Z]{4}$`));
    }
  });

  it('is told by reveal and body alone', () => {
    expect(code.reveal()).to.equal(`GIFT-7K3M-ABCD-EFGH-JKM${code.body.slice(-1)}`);
    expect(code.body).to.equal(
      writeSymbols(withCheckSymbol(Uint8Array.from('7K3MABCDEFGHJKM', (s) => SYMBOLS.indexOf(s)))),
    );
  });
});
