/** The parts of an OpenAPI document that inputs are made from. */
export interface ApiDocument {
  readonly paths: { readonly [path: string]: { readonly [method: string]: ApiOperation } };
  readonly components: { readonly schemas: { readonly [name: string]: Schema } };
}

interface ApiOperation {
  readonly operationId: string;
  readonly 'x-kind': 'command' | 'query' | 'stream';
  readonly 'x-rate-limit'?: { readonly max: number };
}

/** The part of JSON Schema that contracts use. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
  readonly additionalProperties?: false | Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** One operation as the document describes it. */
export interface Operation {
  readonly word: string;
  readonly path: string;
  readonly kind: ApiOperation['x-kind'];
  /** Whether its input may also stand in the query string. */
  readonly byQuery: boolean;
  /** Calls of one caller in a minute, where the contract limits them. */
  readonly callsPerMinute: number | undefined;
  readonly input: Schema;
}

/** A field of an input, at any depth; the first item of a list stands for all. */
export interface Field {
  /** As refusals name it: `amount.currency`, `events.0.id`. */
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** What is wrong with an input, the input as JSON text, and the code and the field that the refusal has to name. */
export interface BadInput {
  readonly fault: string;
  readonly code: string;
  readonly path: string;
  readonly body: string;
}

export function operationsOf({ paths, components }: ApiDocument): readonly Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...{ word: operation.operationId, path, kind: operation['x-kind'], byQuery: method === 'get' },
      callsPerMinute: operation['x-rate-limit']?.max,
      input: resolved(components.schemas[`${operation.operationId}.input`] ?? {}, components.schemas),
    })),
  );
}

/** Puts definitions in the place of references to them, except where those would never end. */
function resolved(schema: Schema, schemas: ApiDocument['components']['schemas'], depth = 0): Schema {
  const name = schema.$ref?.slice('#/components/schemas/'.length);
  if (name !== undefined) return depth > 4 ? {} : resolved(schemas[name] ?? {}, schemas, depth + 1);
  const inner = (part: Schema): Schema => resolved(part, schemas, depth);
  const { properties, items, anyOf } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, inner(part)])),
    }),
    ...(items && { items: inner(items) }),
    ...(anyOf && { anyOf: anyOf.map(inner) }),
  };
}

/** All fields of an object's schema, with those of objects and lists inside of it. */
export function fieldsOf({ properties = {}, required = [] }: Schema, within = ''): readonly Field[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${within}${name}`;
    return [{ path, schema, required: required.includes(name) }, ...innerFields(schema, path)];
  });
}

function innerFields({ properties, items, ...schema }: Schema, path: string): readonly Field[] {
  if (properties !== undefined) return fieldsOf({ properties, ...schema }, `${path}.`);
  if (items === undefined) return [];
  const item = { path: `${path}.0`, schema: items, required: false };
  return [item, ...innerFields(items, item.path)];
}

/** A value that the schema takes: of an object its required fields, of a list one item. Throws where none is known. */
export function sampleOf(schema: Schema): Json {
  const { type, anyOf: [option] = [], properties = {}, required = [], items, minimum = 1 } = schema;
  const values = [schema.const, ...(schema.enum ?? []), ...(schema.examples ?? []), schema.default];
  const stated = values.find((value) => value !== undefined);
  if (stated !== undefined) return stated as Json;
  if (option !== undefined) return sampleOf(option);
  if (type === 'object') return Object.fromEntries(required.map((name) => [name, sampleOf(properties[name] ?? {})]));
  if (type === 'array') return items === undefined ? [] : [sampleOf(items)];
  if (type === 'integer') return minimum;
  if (type === 'boolean') return true;
  throw new Error(`No sample is known for ${JSON.stringify(schema)}`);
}

/** The same input with a value at a path; `undefined` takes the field away. Objects and lists on the way are made. */
export function withValue(input: Json, path: string, value: Json | undefined): Json {
  const [name = '', ...rest] = path.split('.');
  if (/^\d+$/.test(name)) {
    const list = Array.isArray(input) ? (input as readonly Json[]) : [];
    return [rest.length === 0 ? (value as Json) : withValue(list[0] ?? {}, rest.join('.'), value), ...list.slice(1)];
  }
  const object = (input ?? {}) as { readonly [name: string]: Json };
  if (rest.length > 0) return { ...object, [name]: withValue(object[name] ?? {}, rest.join('.'), value) };
  const { [name]: _, ...others } = object;
  return value === undefined ? others : { ...others, [name]: value };
}

/**
 * Every fault of every field that the schema or the nature of money rules out, each in an input that has no other; `base`
 * has none.
 */
export function badInputs({ input }: Operation, base: Json): readonly BadInput[] {
  const fields = fieldsOf(input);
  const objects = [{ path: '', schema: input }, ...fields].filter(
    ({ schema }) => schema.additionalProperties === false,
  );
  return [
    ...fields.flatMap((field) => badValues(field, withPlace(fields, base, parentOf(field.path)))),
    ...fields.filter(({ schema }) => isMoney(schema)).flatMap((field) => badAmounts(field, base)),
    ...objects.flatMap(({ path }) => badNames(path, withPlace(fields, base, path))),
  ];
}

const INVALID = 'request.invalid_input';
const INVALID_AMOUNT = 'money.invalid_amount';

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('.')));

/** The input with a value at the path, unless there is one. */
function withPlace(fields: readonly Field[], base: Json, path: string): Json {
  const schema = fields.find((field) => field.path === path)?.schema;
  return schema === undefined || has(base, path) ? base : withValue(base, path, sampleOf(schema));
}

function badValues({ path, schema, required }: Field, place: Json): readonly BadInput[] {
  const bad = (fault: string, values: readonly (Json | undefined)[]): readonly BadInput[] =>
    values.map((value) => ({ fault, code: INVALID, path, body: JSON.stringify(withValue(place, path, value)) }));
  return [
    ...bad('missing', required ? [undefined] : []),
    ...bad(
      'wrong type',
      WRONG_TYPES.filter((value) => !allowsType(schema, value)),
    ),
    ...bad('too much', tooMuch(schema)),
    ...bad('too little', tooLittle(schema)),
    ...bad('malformed', malformed(schema)),
    ...bad('money as a number', isMoney(schema) ? [25, 25.5] : []),
    ...bad('NUL', allowsType(schema, '') ? ['a\0'] : []),
    ...bad('lone surrogate', allowsType(schema, '') ? ['a\ud800'] : []),
  ];
}

/** Amounts that no money has, though all but the negative ones are decimal text. */
function badAmounts({ path, schema }: Field, base: Json): readonly BadInput[] {
  const sample = sampleOf(schema) as { readonly [name: string]: Json };
  const bad = (fault: string, code: string, amount: string, currency: string): BadInput => {
    const body = JSON.stringify(withValue(base, path, { ...sample, amount, currency }));
    return { fault, code, path: `${path}.amount`, body };
  };
  return [
    ...['25.001', '0.001', '25.000'].map((amount) => bad('too many decimals', INVALID_AMOUNT, amount, 'USD')),
    bad('too many decimals', INVALID_AMOUNT, '25.0', 'JPY'),
    ...['0', '0.00'].map((amount) => bad('zero', INVALID_AMOUNT, amount, 'USD')),
    ...['-25.00', '-0.01'].map((amount) => bad('negative', INVALID, amount, 'USD')),
    bad('more than there is', INVALID_AMOUNT, '92233720368547758.08', 'USD'),
  ];
}

function badNames(path: string, place: Json): readonly BadInput[] {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const marked = JSON.stringify(withValue(place, at('marker'), {}));
  return ['unknown', '__proto__', 'constructor'].map((name) => ({
    fault: name === 'unknown' ? 'unknown field' : name,
    code: INVALID,
    path: at(name),
    // Written into the text, since an object literal would not have it as a field.
    body: marked.replace('"marker":{}', `"${name}":{"polluted":true}`),
  }));
}

function has(input: Json, path: string): boolean {
  let found: Json | undefined = input;
  for (const name of path.split('.')) found = (found as { readonly [name: string]: Json } | undefined)?.[name];
  return found !== undefined;
}

const WRONG_TYPES: readonly Json[] = ['text', 25, 0.5, true, null, [], {}, ['text']];

function allowsType(schema: Schema, value: Json): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((option) => allowsType(option, value));
  switch (schema.type) {
    case 'array':
      return Array.isArray(value) && (value.length === 0 || allowsType(schema.items ?? {}, value[0] as Json));
    case 'object':
      return value !== null && typeof value === 'object' && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    default:
      return typeof value === schema.type;
  }
}

const isMoney = ({ properties }: Schema): boolean =>
  properties?.['amount'] !== undefined && properties['currency'] !== undefined;

function tooMuch({ type, maxLength, maxItems, maximum, items = {}, ...schema }: Schema): readonly Json[] {
  if (type === 'string') return ['x'.repeat((maxLength ?? 1_000) + 1)];
  if (type === 'array') return [Array<Json>((maxItems ?? 1_000) + 1).fill(sampleOf(items))];
  if (type === 'integer') return [(maximum ?? Number.MAX_SAFE_INTEGER) + 1, 1e300];
  return (schema.anyOf ?? []).flatMap(tooMuch);
}

function tooLittle({ type, minLength, minItems, minimum }: Schema): readonly Json[] {
  if (type === 'string' && minLength !== undefined) return [''];
  if (type === 'array' && minItems !== undefined) return [[]];
  return type === 'integer' && minimum !== undefined ? [minimum - 1, -1] : [];
}

function malformed({ anyOf = [], ...schema }: Schema): readonly Json[] {
  const bound = schema.pattern !== undefined || schema.enum !== undefined || schema.const !== undefined;
  return [...(bound ? ['ä ~', ' '] : []), ...anyOf.flatMap(malformed)];
}
