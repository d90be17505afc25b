import { named, type NamedText, type Statement } from './statement.ts';

/** A piece of a bigger statement. Its parameters are numbered from $1, as if it stood alone; its name tells its text. */
export interface Part {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** An INSERT or UPDATE that becomes a common table expression of its name. */
export interface Write extends Part {
  /** Breaks the statement with `otherwise` unless it returns as many rows as this SQL expression says. */
  readonly counted?: { readonly by: string; readonly otherwise: string };
}

/** Select lists as one statement that returns one row: a round trip's worth of reads for the price of one. */
export function readAll(parts: readonly Part[]): Statement {
  return merged('read', parts, (texts) => `SELECT ${texts.join(', ')}`);
}

/**
 * Writes as one statement, all of them made on the same snapshot, so that none depends on what another wrote unless it
 * reads from it by name. Answers with one row, whose `position` is the result of the SQL expression given.
 */
export function writeAll(writes: readonly Write[], position: string): Statement {
  return merged('write', writes, (texts, guards) => {
    const named = writes.map(({ name }, index) => `${name} AS (${texts[index]})`);
    return `WITH ${named.join(', ')} SELECT ${[...guards, `${position} AS position`].join(', ')}`;
  });
}

const known = new Map<string, NamedText>();

/** The text is put together once for each sequence of names. */
function merged(
  kind: string,
  parts: readonly Write[],
  join: (texts: readonly string[], guards: readonly string[]) => string,
): Statement {
  const names = `${kind} ${parts.map(({ name }) => name).join(' ')}`;
  let statement = known.get(names);
  if (statement === undefined) {
    const texts: string[] = [];
    const guards: string[] = [];
    let before = 0;
    for (const { name, text, values, counted } of parts) {
      const renumbered = (sql: string): string =>
        sql.replaceAll(/\$(\d+)/g, (_, n: string) => `$${before + Number(n)}`);
      texts.push(renumbered(text));
      if (counted !== undefined) {
        const { by, otherwise } = counted;
        guards.push(`portolan.ensure((SELECT count(*) FROM ${name}) = ${renumbered(by)}, '${otherwise}')`);
      }
      before += values.length;
    }
    known.set(names, (statement = named(join(texts, guards))));
  }
  return { ...statement, values: parts.flatMap(({ values }) => values) };
}
