import { z } from 'zod';

/** The part of JSON Schema 2020-12 that is looked at here. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: { readonly [name: string]: JsonSchema };
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: { readonly [name: string]: JsonSchema };
  readonly [keyword: string]: unknown;
}

const MARKS = ['secret', 'personal', 'sampled'] as const;

/**
 * Converts a schema to JSON Schema, with the marks of fields as `x-secret`, `x-personal` and `x-sampled`.
 * Throws an error that begins with `where` and the field's path when JSON cannot carry what the schema describes.
 */
export function toJsonSchema(schema: z.ZodType, io: 'input' | 'output', where: string): JsonSchema {
  const refuse = (path: readonly (string | number)[], reason: string): never => {
    const field = path.filter((part) => part !== 'properties' && part !== 'items').join('.');
    throw new Error(`${where}${field === '' ? '' : `, field ${field}`}: ${reason}`);
  };
  const converted = z.toJSONSchema(schema, {
    io,
    unrepresentable: ({ path, message }) => refuse(path, `${message}.`),
    override: ({ zodSchema, jsonSchema, path }) => {
      const { def } = zodSchema._zod;
      if (def.type === 'any' || def.type === 'unknown') {
        refuse(path, `z.${def.type}() says nothing; z.json() is for free JSON.`);
      }
      // An answer may get more fields later: only where a schema is strict are others excluded.
      if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties;
      for (const mark of MARKS) {
        if (jsonSchema[mark] === true) jsonSchema[`x-${mark}`] = true;
        delete jsonSchema[mark];
      }
    },
  }) as { $schema?: unknown; '~standard'?: unknown };
  delete converted.$schema;
  return converted as JsonSchema;
}

/** Follows a reference inside the schema's own document. */
export function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let found = schema;
  for (let hops = 0; found.$ref !== undefined && hops < 16; hops++) {
    const name = found.$ref.startsWith('#/$defs/') ? found.$ref.slice('#/$defs/'.length) : undefined;
    found = name === undefined ? root : (root.$defs?.[name] ?? {});
  }
  return found;
}

/** True when any part of the schema carries one of the marks. */
export function holdsMark(schema: JsonSchema, marks: readonly string[]): boolean {
  return Object.entries(schema).some(([keyword, part]) => {
    if (marks.includes(keyword)) return part === true;
    if (Array.isArray(part)) return part.some((item) => isSchema(item) && holdsMark(item, marks));
    return isSchema(part) && holdsMark(part, marks);
  });
}

function isSchema(part: unknown): part is JsonSchema {
  return typeof part === 'object' && part !== null;
}

/** Rewrites every `$ref` of a schema; used to move definitions to where a document keeps them. */
export function mapRefs(schema: JsonSchema, rename: (ref: string) => string): JsonSchema {
  const walk = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(walk);
    if (!isSchema(part)) return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, inner]) => [
        key,
        key === '$ref' && typeof inner === 'string' ? rename(inner) : walk(inner),
      ]),
    );
  };
  return walk(schema) as JsonSchema;
}
