import { DomainError } from '../shared/domain-error.ts';
import {
  isWellFormed,
  MAX_BODY_LENGTH,
  MIN_BODY_LENGTH,
  readSymbols,
  withCheckSymbol,
  writeSymbols,
} from './code-alphabet.ts';

const MAX_PREFIX_LENGTH = 12;

/** What parsing looks at: ASCII only, with room for more hyphens and blanks than any code needs. */
const TYPED = /^[0-9A-Za-z \t\r\n-]{1,128}$/;
const SEPARATORS = /[ \t\r\n-]+/g;

/** How codes are written: `prefix`, then `length` symbols in groups of four, all joined by hyphens. */
export interface CodeFormat {
  /** 1 to 12 of A-Z and 0-9. Decoration for people: the body alone identifies a card. */
  readonly prefix: string;
  /** Symbols of the body with its check symbol, 12 to 31; each but the last carries five random bits. */
  readonly length: number;
}

/** GIFT-XXXX-XXXX-XXXX-XXXX: 75 random bits, of which 55 remain unknown to whoever has seen the last four symbols. */
export const DEFAULT_CODE_FORMAT: CodeFormat = Object.freeze({ prefix: 'GIFT', length: 16 });

/** A prefix or a length outside the limits of `CodeFormat`. */
export class UnsupportedCodeFormat extends DomainError {
  static readonly code = 'gift_cards.unsupported_code_format';
  static readonly kind = 'invalid';
}

/** Fills in the defaults. Throws `UnsupportedCodeFormat`. */
export function codeFormat(format: Partial<CodeFormat> = {}): CodeFormat {
  const { prefix, length } = { ...DEFAULT_CODE_FORMAT, ...format };
  if (!/^[0-9A-Z]{1,12}$/.test(prefix)) {
    throw new UnsupportedCodeFormat('A code prefix must be 1 to 12 characters, each of A-Z or 0-9');
  }
  if (!Number.isInteger(length) || length < MIN_BODY_LENGTH || length > MAX_BODY_LENGTH) {
    throw new UnsupportedCodeFormat(`A code must have ${MIN_BODY_LENGTH} to ${MAX_BODY_LENGTH} symbols`);
  }
  return { prefix, length };
}

const inspect = Symbol.for('nodejs.util.inspect.custom');

/**
 * The secret that redeems a card; its check symbol fits. Printing it by accident, as text, as JSON or in a debugger's
 * view, shows it masked; only `reveal` and `body` tell. Codes are made by `generateCode`, `codesFromSeed` and `parseCode`.
 */
export class GiftCardCode {
  readonly #prefix: string;
  readonly #body: string;

  /** Throws `RangeError` for symbols that are not a well-formed body. */
  constructor(prefix: string, symbols: Uint8Array) {
    if (!isWellFormed(symbols)) throw new RangeError('The symbols are not the body of a gift card code');
    this.#prefix = prefix;
    this.#body = writeSymbols(symbols);
  }

  /** The symbols in capitals without prefix and hyphens: what look-up keys are computed from. Secret. */
  get body(): string {
    return this.#body;
  }

  /** The last four symbols of the body, which may be shown. */
  get lastFour(): string {
    return this.#body.slice(-4);
  }

  /** The code as it is handed to its owner, `GIFT-XXXX-XXXX-XXXX-XXXX`. Secret. */
  reveal(): string {
    return this.#write(this.#body);
  }

  /** The code with all but the last four symbols masked: `GIFT-****-****-****-XXXX`. */
  toString(): string {
    return this.#write(this.lastFour.padStart(this.#body.length, '*'));
  }

  /** Masked. */
  toJSON(): string {
    return this.toString();
  }

  /** Masked. */
  [inspect](): string {
    return this.toString();
  }

  #write(body: string): string {
    const groups = body.match(/.{1,4}/g) ?? [];
    return (this.#prefix === '' ? groups : [this.#prefix, ...groups]).join('-');
  }
}

/**
 * A new code; `reveal` tells it. `randomBytes` returns as many cryptographically random bytes as it is asked for, like
 * the function of that name of `node:crypto`. Every symbol but the check symbol is the low five bits of a byte of its
 * own. Throws `UnsupportedCodeFormat`.
 */
export function generateCode(
  randomBytes: (count: number) => Uint8Array,
  format: Partial<CodeFormat> = {},
): GiftCardCode {
  const { prefix, length } = codeFormat(format);
  return codeOfBytes(randomBytes(length - 1), prefix, length);
}

/** HMAC-SHA-256 under a key, for many texts. */
export type HmacSha256 = (key: Uint8Array) => (data: Uint8Array) => Uint8Array;

/**
 * The codes of a batch by their number, always the same for the same seed. `seed` is 32 cryptographically random bytes
 * that serve no other purpose; a code's bytes are HMAC-SHA-256(seed, index as eight bytes, big-endian), one byte a symbol
 * as in `generateCode`: one HMAC has 32, a code needs 30 at most. Throws `UnsupportedCodeFormat`.
 */
export function codesFromSeed(
  hmacSha256: HmacSha256,
  seed: Uint8Array,
  format: Partial<CodeFormat> = {},
): (index: number) => GiftCardCode {
  const { prefix, length } = codeFormat(format);
  if (seed.length !== 32) throw new RangeError('The seed of a batch of codes must be 32 bytes');
  const hmac = hmacSha256(seed);
  return (index) => {
    if (!Number.isSafeInteger(index) || index < 0) throw new RangeError('The index of a code must be 0 or more');
    const data = new Uint8Array(8);
    new DataView(data.buffer).setBigUint64(0, BigInt(index));
    return codeOfBytes(hmac(data), prefix, length);
  };
}

function codeOfBytes(bytes: Uint8Array, prefix: string, length: number): GiftCardCode {
  // A source that returns too little must not make guessable codes.
  if (bytes.length < length - 1) throw new RangeError('The source returned fewer bytes than the code needs');
  const symbols = bytes.subarray(0, length - 1).map((byte) => byte & 0b11111);
  return new GiftCardCode(prefix, withCheckSymbol(symbols));
}

/**
 * Reads a code as a person typed it; undefined if it cannot be one. Never throws.
 *
 * Hyphens and blanks are dropped wherever they stand. Then the last `length` characters are the body, and what precedes
 * them, at most twelve characters, is the prefix, which may be missing. The body is read in either case, with I and L
 * for 1 and O for 0, and its check symbol must fit; the prefix is kept as it was typed.
 *
 * `lengths` are the lengths in use. If there are several, the one that makes the first typed group the prefix is tried
 * first, then each in the order given. So a code typed with its prefix and the hyphen after it is always read rightly;
 * without them it can happen (1 in 32 per other length) that another length is found to fit first.
 */
export function parseCode(
  text: string,
  lengths: readonly number[] = [DEFAULT_CODE_FORMAT.length],
): GiftCardCode | undefined {
  if (typeof text !== 'string' || !TYPED.test(text)) return undefined;
  const characters = text.replace(SEPARATORS, '');
  const afterFirstGroup = characters.length - (/[0-9A-Za-z]+/.exec(text)?.[0].length ?? 0);
  const candidates = lengths.includes(afterFirstGroup) ? [afterFirstGroup, ...lengths] : lengths;
  for (const length of candidates) {
    const prefixLength = characters.length - length;
    if (prefixLength < 0 || prefixLength > MAX_PREFIX_LENGTH) continue;
    const symbols = readSymbols(characters.slice(prefixLength));
    if (symbols !== undefined && isWellFormed(symbols)) {
      return new GiftCardCode(characters.slice(0, prefixLength), symbols);
    }
  }
  return undefined;
}

/**
 * Whether a text, repaired as `parseCode` does, has the form of a code of one of these lengths, by default that of
 * `DEFAULT_CODE_FORMAT`, and a check symbol that fits. Whether a card has it, `checkBalance` tells. Never throws.
 */
export function isValidFormat(text: string, lengths?: readonly number[]): boolean {
  return parseCode(text, lengths) !== undefined;
}
