import type { Json } from '../../domain/shared/domain-error.ts';
import { resolve, type JsonSchema } from './json-schema.ts';

/**
 * A value that a schema takes: its first example, its default or its first choice; of an object the required fields and
 * those that are marked for samples.
 */
export function sampleOf(schema: JsonSchema, root: JsonSchema): Json {
  const found = resolve(schema, root);
  const { examples, anyOf, items, properties = {}, required = [] } = found;
  const known = [...((examples as readonly Json[] | undefined) ?? []), ...stated(found)][0];
  if (known !== undefined) return known;
  if (anyOf?.[0] !== undefined) return sampleOf(anyOf[0], root);
  switch (found.type) {
    case 'object': {
      const shown = Object.entries(properties).filter(
        ([name, part]) => required.includes(name) || isSampled(part, root),
      );
      return Object.fromEntries(shown.map(([name, part]) => [name, sampleOf(part, root)]));
    }
    case 'array':
      return items === undefined ? [] : [sampleOf(items, root)];
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return (found['minimum'] as number | undefined) ?? 1;
    case 'null':
      return null;
    default:
      return 'text';
  }
}

/** Values that a schema itself names. */
const stated = (schema: JsonSchema): readonly Json[] =>
  [schema['const'], schema['default'], ...((schema['enum'] as readonly unknown[] | undefined) ?? [])].filter(
    (value): value is Json => value !== undefined,
  );

const isSampled = (part: JsonSchema, root: JsonSchema): boolean =>
  part['x-sampled'] === true || resolve(part, root)['x-sampled'] === true;
