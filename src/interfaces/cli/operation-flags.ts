import { InvalidArgumentError, Option } from 'commander';
import type { OperationDefinition } from '../../application/shared/contract.ts';
import { kebab } from '../../application/shared/spelling.ts';
import { resolve, toJsonSchema, type JsonSchema } from '../http/json-schema.ts';

/** One input field as the command line knows it. */
export interface Flag {
  readonly field: string;
  readonly option: Option;
  /** Its value never stands on a command line: the option only asks for it. */
  readonly secret: boolean;
  readonly required: boolean;
}

/** Derives the flags of an operation from its input schema: `orderId` is `--order-id`. */
export function flagsOf(word: string, definition: OperationDefinition): readonly Flag[] {
  const root = toJsonSchema(definition.input, 'input', `${word}: input`);
  const object = resolve(root, root);
  return Object.entries(object.properties ?? {}).map(([field, property]) => {
    const schema = resolve(property, root);
    const secret = property['x-secret'] === true || schema['x-secret'] === true;
    const required = object.required?.includes(field) === true;
    const option = secret ? askOption(field, schema, required) : valueOption(field, property, required, root);
    return { field, option, secret, required };
  });
}

function askOption(field: string, { description }: JsonSchema, required: boolean): Option {
  const notes = [description, required && 'asked for in any case'].filter((note) => typeof note === 'string');
  const what = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  return new Option(`--ask-${kebab(field)}`, `read ${field} from standard input or a prompt${what}`);
}

function valueOption(field: string, property: JsonSchema, required: boolean, root: JsonSchema): Option {
  const schema = resolve(property, root);
  const kinds = kindsOf(schema, root);
  const fallback = property['default'] ?? schema['default'];
  const notes = [
    property['description'] ?? schema['description'],
    choices(schema),
    kinds.has('array') && 'may be repeated',
    required && 'required',
    fallback !== undefined && `default: ${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}`,
  ].filter((note) => typeof note === 'string');
  if (kinds.has('boolean')) return new Option(`--${kebab(field)}`, notes.join('; '));
  const items = kinds.has('array') ? resolve(schema.items ?? {}, root) : schema;
  const itemKinds = kindsOf(items, root);
  const option = new Option(`--${kebab(field)} <${placeholder(items, itemKinds, root)}>`, notes.join('; '));
  if (!kinds.has('array')) return option.argParser((text): Given => ({ value: read(text, kinds) }));
  return option.argParser((text, earlier?: Given): Given => {
    const before = Array.isArray(earlier?.value) ? (earlier.value as readonly unknown[]) : [];
    return { value: [...before, read(text, itemKinds)] };
  });
}

/** What an option was given. In a box, because commander takes a bare null for a missing value. */
interface Given {
  readonly value: unknown;
}

/** The value of a flag that isn't secret, as it stands in the input: from what commander has for it. */
export function valueOf(given: unknown): unknown {
  return typeof given === 'object' && given !== null && 'value' in given ? given.value : given;
}

function choices(schema: JsonSchema): string | undefined {
  return Array.isArray(schema['enum']) ? `one of ${schema['enum'].join(', ')}` : undefined;
}

/** The JSON types that a schema allows; an amount of money is a kind of its own. */
function kindsOf(schema: JsonSchema, root: JsonSchema): ReadonlySet<string> {
  const options = schema.anyOf?.map((option) => resolve(option, root)) ?? [schema];
  return new Set(options.map((option) => (isMoney(option) ? 'money' : String(option.type ?? 'json'))));
}

const isMoney = ({ properties = {} }: JsonSchema): boolean =>
  Object.keys(properties).sort().join() === 'amount,currency';

function placeholder(schema: JsonSchema, kinds: ReadonlySet<string>, root: JsonSchema): string {
  if (kinds.has('money')) return '"25.00 USD"';
  if (kinds.has('object') || kinds.has('json')) return 'json';
  const options = schema.anyOf?.map((option) => resolve(option, root)) ?? [schema];
  const words = options.map(({ type, format }) =>
    format === 'date-time' ? 'time' : format === 'uuid' || format === 'email' ? format : String(type),
  );
  return [...new Set(words)].join('|');
}

function read(text: string, kinds: ReadonlySet<string>): unknown {
  if (kinds.has('null') && text === 'null') return null;
  if (kinds.has('money')) {
    const [amount, currency, ...rest] = text.trim().split(/\s+/);
    if (rest.length > 0) throw new InvalidArgumentError('An amount is written "25.00 USD".');
    return currency === undefined ? { amount } : { amount, currency };
  }
  if (kinds.has('integer') || kinds.has('number')) {
    if (!/^-?\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number.');
    return Number(text);
  }
  if (kinds.has('string')) return text;
  return json(text);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new InvalidArgumentError('It must be JSON.');
    throw error;
  }
}
