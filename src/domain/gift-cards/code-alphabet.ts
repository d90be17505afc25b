/*
 * The symbols of a code's body, handled as arrays of values 0 to 31, and its check symbol.
 *
 * Alphabet: Crockford's base 32, the digits and the capital letters without I, L, O and U.
 *
 * Check symbol: the values are taken as elements of the field GF(32), polynomials over GF(2) modulo x^5 + x^2 + 1.
 * Addition is exclusive or. The polynomial is primitive, so the powers of a = x (the value 2) are the 31 non-zero
 * elements. A body s[0] … s[n-1] is well formed when
 *
 *     s[0]·a^(n-1) + s[1]·a^(n-2) + … + s[n-1]·a^0 = 0,
 *
 * and its last symbol, of weight 1, is chosen to make it so. This is a linear code, namely a shortened Reed-Solomon
 * code over GF(32) with one check symbol. From the definition follows what it catches:
 *
 * - a symbol s of weight w replaced by t changes the sum by w·(s + t), which is not 0 unless s = t;
 * - symbols s and t of weights v and w swapped change it by (v + w)·(s + t), which is not 0 unless s = t or v = w.
 *
 * So every single substitution is caught, and every swap of two different symbols, adjacent or not, as long as all
 * weights differ: 31 symbols at most. Of arbitrary other mistakes one in 32 passes.
 */

/** The symbols in the order of their values. */
export const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The fewest symbols of a body: with fewer, codes could be guessed. */
export const MIN_BODY_LENGTH = 12;

/** The most symbols of a body: as many as there are different weights. */
export const MAX_BODY_LENGTH = 31;

const REDUCING_POLYNOMIAL = 0b100101;

const CAPITALS: readonly (readonly [string, number])[] = [
  ...Array.from(SYMBOLS, (symbol, value) => [symbol, value] as const),
  ['I', 1],
  ['L', 1],
  ['O', 0],
];

/** Values of symbols as people type them: in either case, look-alikes included. */
const VALUES: ReadonlyMap<string, number> = new Map([
  ...CAPITALS,
  ...CAPITALS.map(([symbol, value]) => [symbol.toLowerCase(), value] as const),
]);

/** Reads a body, in either case and with I, L for 1 and O for 0; undefined if a character is no symbol. */
export function readSymbols(text: string): Uint8Array | undefined {
  const symbols = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const value = VALUES.get(text.charAt(i));
    if (value === undefined) return undefined;
    symbols[i] = value;
  }
  return symbols;
}

/** Writes a body in capitals without hyphens. */
export function writeSymbols(symbols: Uint8Array): string {
  let text = '';
  for (const value of symbols) text += SYMBOLS.charAt(value);
  return text;
}

/** Whether these are 12 to 31 values of symbols, the last of which is the check symbol that fits the others. */
export function isWellFormed(symbols: Uint8Array): boolean {
  if (symbols.length < MIN_BODY_LENGTH || symbols.length > MAX_BODY_LENGTH) return false;
  return symbols.every((value) => value < SYMBOLS.length) && weightedSum(symbols) === 0;
}

/** The body made of these symbols and the check symbol that fits them. */
export function withCheckSymbol(symbols: Uint8Array): Uint8Array {
  const body = new Uint8Array(symbols.length + 1);
  body.set(symbols);
  body[symbols.length] = timesA(weightedSum(symbols));
  return body;
}

/** The sum by Horner's rule. */
function weightedSum(symbols: Uint8Array): number {
  let sum = 0;
  for (const symbol of symbols) sum = timesA(sum) ^ symbol;
  return sum;
}

function timesA(element: number): number {
  const shifted = element << 1;
  return shifted & 0b100000 ? shifted ^ REDUCING_POLYNOMIAL : shifted;
}
