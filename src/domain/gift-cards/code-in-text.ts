import { isWellFormed, MAX_BODY_LENGTH, readSymbols } from './code-alphabet.ts';
import { DEFAULT_CODE_FORMAT } from './code.ts';

const GROUP_LENGTH = 4;
const MAX_GROUPS = Math.ceil(MAX_BODY_LENGTH / GROUP_LENGTH);
const DASHES = /[\p{Pd}\u2212]/gu;
const MIXED = /\d[a-z]|[a-z]\d/i;

/**
 * Whether a gift card code, of whatever length and prefix, stands in a text that people write: a body whose check symbol
 * fits, in groups of four joined by hyphens or by blanks, or in one word. Word processors' dashes are hyphens too.
 *
 * One in 32 random bodies fits, and a row of groups can be cut in several ways: of references of other systems that look
 * like codes, four random groups of four, one in eleven is taken for one; of five groups one in six; of single words of
 * 16 random characters one in 32. A text can be put in other words. An identifier cannot, so none is judged by this.
 *
 * What else occurs in texts is left alone at the price of few codes, counted here for the default length. A body needs a
 * letter after F, which one code in 65,000 lacks: numbers, UUIDs and hashes are none. Without hyphens it needs a letter
 * next to a digit as well, which one in 300 lacks: words in a row, with years between them, are none. In one word, codes
 * of another length than the default are found only without their prefix.
 */
export function containsCode(text: string): boolean {
  const plain = text.normalize('NFKC').replace(DASHES, '-');
  return (
    plain.split(/[^0-9a-z-]+/i).some((row) => haveBody(wordsOf(row), isBody)) ||
    plain.split(/[^0-9a-z\s]+/i).some((row) => haveBody(wordsOf(row), isMixedBody)) ||
    wordsOf(plain).some(endsInBody)
  );
}

const wordsOf = (text: string): readonly string[] => text.match(/[0-9a-z]+/gi) ?? [];

/** Whether some of these words are the groups of a body: one after another, of four characters each but for the last. */
function haveBody(words: readonly string[], isOne: (groups: readonly string[]) => boolean): boolean {
  return words.some((_, start) => {
    const ahead = words.slice(start, start + MAX_GROUPS);
    return ahead.some(
      ({ length }, last) =>
        length <= GROUP_LENGTH &&
        ahead.slice(0, last).every((group) => group.length === GROUP_LENGTH) &&
        isOne(ahead.slice(0, last + 1)),
    );
  });
}

function isBody(groups: readonly string[]): boolean {
  const body = groups.join('');
  const symbols = /[g-z]/i.test(body) ? readSymbols(body) : undefined;
  return symbols !== undefined && isWellFormed(symbols);
}

const isMixedBody = (groups: readonly string[]): boolean => groups.some((group) => MIXED.test(group)) && isBody(groups);

/** Whether a word is a body, or a prefix and a body of the default length; references with letters of both cases are none. */
function endsInBody(word: string): boolean {
  return [word, word.slice(-DEFAULT_CODE_FORMAT.length)].some(
    (body) => (body === body.toUpperCase() || body === body.toLowerCase()) && isMixedBody([body]),
  );
}
