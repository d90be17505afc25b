/** What stands in the place of a secret. */
export const REDACTED = '[redacted]';

const MAX_TEXT = 2_000;
/** No secret that is looked for is longer, but for JWTs. */
const LONGEST_SECRET = 100;
const END_OF_WORD = /[\w-]+$/;

/** API tokens, JWTs, bearer credentials, wherever they stand in a text. */
const TOKEN = /(?:ptl_[0-9a-f]{24}|\bdev)_[\w-]{32,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\bBearer\s+\S+/gi;
/** The password in an address. */
const URL_PASSWORD = /(:\/\/[^\s/:@]{0,200}:)[^\s/@]{1,500}@/g;
/** Looked for first, because hardly any text has one of these. */
const SUSPICIOUS = /ptl_|dev_|eyJ|earer|:\/\//;

/** Gift card codes: what their body must have, whatever it begins with, and two of its hyphens. */
const GROUPS = /-[0-9a-z]{4}-[0-9a-z]{4}-/i;
/** UUIDs, which are passed over, and codes: a prefix, then 12 to 31 symbols of Crockford's in groups of four. */
const CODE =
  /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?<![0-9a-z])[0-9a-z]+((?:-[0-9a-hjkmnp-tv-z]{4}){3,7}(?:-[0-9a-hjkmnp-tv-z]{1,3})?)(?![0-9a-z])/gi;
const LETTER = /[a-z]/i;

/**
 * Masks secrets that are recognised by their form, and cuts long text. Whether the check symbol of a code fits is not
 * asked: a mistyped code is as good as the right one. Numbers in groups of four are none.
 */
export function cleanText(text: string): string {
  let clean = text.length > MAX_TEXT ? cut(text) : text;
  if (SUSPICIOUS.test(clean)) clean = clean.replace(TOKEN, REDACTED).replace(URL_PASSWORD, `$1${REDACTED}@`);
  return GROUPS.test(clean) ? clean.replace(CODE, maskCode) : clean;
}

/** Cuts before the last word: half a secret would not be recognised. */
function cut(text: string): string {
  const start = MAX_TEXT - LONGEST_SECRET;
  return `${text.slice(0, start)}${text.slice(start, MAX_TEXT).replace(END_OF_WORD, '')}…`;
}

const maskCode = (found: string, uuid: string | undefined, body = ''): string =>
  uuid !== undefined || !LETTER.test(body) ? found : REDACTED;
