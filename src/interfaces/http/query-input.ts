import { InvalidInput, MalformedRequest } from '../../application/shared/errors.ts';
import { checkName, checkText } from './json-text.ts';
import type { QueryField, ScalarType } from './operation-shape.ts';

const INTEGER = /^-?(?:0|[1-9]\d{0,15})$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

type Scalar = string | number | boolean;

/** What a query string says: the operation's input and the log position to wait for. */
export interface QueryInput {
  readonly input: { readonly [name: string]: unknown };
  readonly after: string | undefined;
}

/**
 * Turns a query string into input: text as it is, numbers and booleans by the field's type, lists by repetition.
 * What is no number is left as text, so that the schema names the field. Unknown names are passed on for the schema
 * to judge. Throws `MalformedRequest` for broken percent encoding, `InvalidInput` for a repeated single field.
 */
export function queryInput(query: string, fields: ReadonlyMap<string, QueryField>): QueryInput {
  const given = new Map<string, Scalar | Scalar[]>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const cut = pair.indexOf('=');
    const name = decode(cut < 0 ? pair : pair.slice(0, cut));
    const text = decode(cut < 0 ? '' : pair.slice(cut + 1));
    checkName(name, '');
    checkText(text, name);
    const field = fields.get(name);
    const value = coerce(text, field?.type ?? 'string');
    const known = given.get(name);
    if (known === undefined) given.set(name, field?.repeated ? [value] : value);
    else if (Array.isArray(known)) known.push(value);
    else throw repeated(name);
  }
  const after = given.get('after') as string | undefined;
  given.delete('after');
  return { input: Object.fromEntries(given), after };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new MalformedRequest('The query string is not percent-encoded UTF-8.');
  }
}

function coerce(text: string, type: ScalarType): Scalar {
  switch (type) {
    case 'integer':
      return INTEGER.test(text) ? Number(text) : text;
    case 'number':
      return NUMBER.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'string':
      return text;
  }
}

function repeated(name: string): InvalidInput {
  return new InvalidInput('The input does not fit the operation.', {
    issues: [{ path: name, message: 'given more than once' }],
  });
}
