import { InvalidInput, MalformedRequest } from '../../application/shared/errors.ts';
import type { DomainError } from '../../domain/shared/domain-error.ts';

/** Deeper JSON than this has no use here and would only exhaust the stack of whatever walks it. */
const MAX_DEPTH = 64;

/**
 * Parses the text of a JSON body. Throws `MalformedRequest` where it is no JSON or too deep, `InvalidInput` with the
 * field's path where it holds what nothing behind it may see: NUL, lone surrogates, keys that reach prototypes.
 */
export function parseJson(text: string): unknown {
  if (text.length > 2 * MAX_DEPTH && isTooDeep(text)) {
    throw new MalformedRequest(`The body is nested more than ${MAX_DEPTH} levels deep.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold secrets.
    throw new MalformedRequest('The body is not valid JSON.');
  }
  if (isSuspicious(text)) checkValue(value, '');
  return value;
}

/**
 * In strictly decoded UTF-8, NUL and lone surrogates can only come from `\u` escapes, and a key only from its own
 * letters or such escapes: without any of these the precise walk can be spared.
 */
function isSuspicious(text: string): boolean {
  return text.includes('\\u') || text.includes('__proto__') || text.includes('"constructor"');
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === 0x5c) i++;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) inString = true;
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (char === 0x7d || char === 0x5d) depth--;
  }
  return false;
}

function checkValue(value: unknown, path: string): void {
  if (typeof value === 'string') return checkText(value, path);
  if (value === null || typeof value !== 'object') return;
  for (const key of Object.keys(value)) {
    const inner = path === '' ? key : `${path}.${key}`;
    if (!Array.isArray(value)) checkName(key, path);
    checkValue((value as { [key: string]: unknown })[key], inner);
  }
}

/** Refuses text that the database or a client cannot carry: NUL and lone surrogates. */
export function checkText(text: string, path: string): void {
  if (text.includes('\0')) throw refused(path, 'NUL is not allowed');
  if (!text.isWellFormed()) throw refused(path, 'lone surrogates are not allowed');
}

/** Refuses a field's name that would reach a prototype, or that is no clean text. */
export function checkName(name: string, parent: string): void {
  const path = parent === '' ? name : `${parent}.${name}`;
  if (name === '__proto__' || name === 'constructor') throw refused(path, 'this name is not allowed');
  if (name.includes('\0') || !name.isWellFormed()) throw refused(parent, 'a field has a name that is no clean text');
}

function refused(path: string, message: string): DomainError {
  return new InvalidInput('The input does not fit the operation.', { issues: [{ path: path.slice(0, 200), message }] });
}
