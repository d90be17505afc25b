import type { OperationDefinition } from '../../application/shared/contract.ts';
import { holdsMark, resolve, toJsonSchema, type JsonSchema } from './json-schema.ts';

export type ScalarType = 'string' | 'integer' | 'number' | 'boolean';

/** How one input field is written in a query string: arrays by repeating the name. */
export interface QueryField {
  readonly type: ScalarType;
  readonly repeated: boolean;
}

/** What HTTP derives from an operation's schemas. */
export interface OperationShape {
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  /** Input fields for a query string; undefined where the operation is called with POST only. */
  readonly queryFields: ReadonlyMap<string, QueryField> | undefined;
}

/**
 * Converts an operation's schemas and derives how its input travels. A query or stream can be called with GET when its
 * input is an object of scalars and lists of scalars and holds nothing secret or personal: URLs end up in other
 * people's logs. Throws an error naming the operation and field where JSON cannot carry a schema.
 */
export function shapeOf(word: string, definition: OperationDefinition): OperationShape {
  const input = toJsonSchema(definition.input, 'input', `${word}: input`);
  const output = toJsonSchema(definition.output, 'output', `${word}: output`);
  if (definition.kind === 'command') return { input, output, queryFields: undefined };
  const root = resolve(input, input);
  if (root.properties?.['after'] !== undefined) {
    throw new Error(`${word}: input, field after: the name is taken by the log position that a reader waits for.`);
  }
  const confidential = holdsMark(input, ['x-secret', 'x-personal']);
  return { input, output, queryFields: confidential ? undefined : queryFieldsOf(root, input) };
}

function queryFieldsOf(object: JsonSchema, root: JsonSchema): ReadonlyMap<string, QueryField> | undefined {
  if (object.type !== 'object' || isOpen(object.additionalProperties)) return undefined;
  const fields = new Map<string, QueryField>();
  for (const [name, property] of Object.entries(object.properties ?? {})) {
    const schema = resolve(property, root);
    const repeated = schema.type === 'array';
    const type = scalarType(repeated ? resolve(schema.items ?? {}, root) : schema, root);
    if (type === undefined) return undefined;
    fields.set(name, { type, repeated });
  }
  return fields;
}

const isOpen = (additional: unknown): boolean => additional !== undefined && additional !== false;

function scalarType(schema: JsonSchema, root: JsonSchema): ScalarType | undefined {
  if (schema.anyOf !== undefined) {
    const types = new Set(schema.anyOf.map((option) => scalarType(resolve(option, root), root)));
    const [only] = types;
    return types.size === 1 ? only : undefined;
  }
  switch (schema.type) {
    case 'string':
    case 'integer':
    case 'number':
    case 'boolean':
      return schema.type;
    default:
      return undefined;
  }
}
