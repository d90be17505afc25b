import type { LogFields } from '../../application/shared/logger.ts';
import { cleanText, REDACTED } from './clean-text.ts';
import { describeError } from './error-fields.ts';

const MAX_ITEMS = 100;
const MAX_DEPTH = 6;

/** Names of fields that are taken for secret or personal, compared without case and separators. */
const SECRET_NAME =
  /passw|passphrase|secret|authorization|cookie|credential|pepper|apikey|privatekey|idempotencykey|(?:tokens?|codes?|emails?|emailaddress|mailto)$/;
/** Names that end like those and are none. */
const HARMLESS_NAME = /^(?:status|exit|error|reply|outcome|country|currency|language)code$/;

/** What a line has of its own. */
const RESERVED = ['time', 'level', 'message'];

/**
 * Makes fields fit for a log: what is named like a secret is masked, errors are described without what they quote,
 * and everything becomes plain data of bounded size that JSON can carry. A field with the name of a part of the line,
 * such as `message`, gets the name `message_`.
 */
export function cleanFields(fields: LogFields, withMessages: boolean): { [name: string]: unknown } {
  const clean = cleanObject(fields, MAX_DEPTH, withMessages);
  for (const name of RESERVED) {
    if (!Object.hasOwn(clean, name)) continue;
    clean[`${name}_`] = clean[name];
    delete clean[name];
  }
  return clean;
}

function cleanObject(fields: object, depth: number, withMessages: boolean): { [name: string]: unknown } {
  const clean: { [name: string]: unknown } = {};
  let items = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || name === '__proto__') continue;
    if ((items += 1) > MAX_ITEMS) break;
    clean[name] = isSecretName(name) ? REDACTED : cleanValue(value, depth, withMessages);
  }
  return clean;
}

function cleanValue(value: unknown, depth: number, withMessages: boolean): unknown {
  switch (typeof value) {
    case 'string':
      return cleanText(value);
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : cleanPart(value, depth - 1, withMessages);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    default:
      return `[${typeof value}]`;
  }
}

function cleanPart(value: object, depth: number, withMessages: boolean): unknown {
  if (value instanceof Error) return describeError(value, withMessages);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth === 0) return '[…]';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => cleanValue(item, depth, withMessages));
  if ('toJSON' in value && typeof value.toJSON === 'function') return cleanValue(value.toJSON(), depth, withMessages);
  return cleanObject(value, depth, withMessages);
}

const judged = new Map<string, boolean>();

/** Remembers its judgement: programs have few names of fields, and log them often. */
function isSecretName(name: string): boolean {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const secret = SECRET_NAME.test(plain) && !HARMLESS_NAME.test(plain);
  if (judged.size < 1_000) judged.set(name, secret);
  return secret;
}
