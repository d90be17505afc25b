import { mapRefs, type JsonSchema } from './json-schema.ts';

const PREFIX = '#/components/schemas/';

/** The named schemas of an OpenAPI document; definitions inside a schema become named schemas of their own. */
export class SchemaBook {
  readonly #schemas = new Map<string, JsonSchema>();

  /** Adds a schema; the answer refers to it. Throws where another schema has the name already. */
  add(name: string, schema: JsonSchema): JsonSchema {
    const { $defs = {}, ...own } = schema;
    const rename = renaming(name);
    for (const [definition, inner] of Object.entries($defs)) {
      this.#put(rename(`#/$defs/${definition}`).slice(PREFIX.length), mapRefs(inner, rename));
    }
    this.#put(name, mapRefs(own, rename));
    return { $ref: PREFIX + name };
  }

  /** A part of a schema that was added under `name`, fit to stand elsewhere in the document. */
  part(name: string, part: JsonSchema): JsonSchema {
    return mapRefs(part, renaming(name));
  }

  /** All schemas by name, in the order in which they came. */
  toJSON(): { readonly [name: string]: JsonSchema } {
    return Object.fromEntries(this.#schemas);
  }

  #put(name: string, schema: JsonSchema): void {
    const known = this.#schemas.get(name);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`Two different schemas are named ${name}; input and output need ids of their own.`);
    }
    this.#schemas.set(name, schema);
  }
}

/** Definitions that were given an id keep it and are shared; those that zod numbered belong to their owner. */
function renaming(owner: string): (ref: string) => string {
  return (ref) => {
    if (ref === '#') return PREFIX + owner;
    const name = ref.slice('#/$defs/'.length);
    return PREFIX + (name.startsWith('__') ? `${owner}.${name.slice(2)}` : name);
  };
}
