import { InvalidInput } from '../../application/shared/errors.ts';
import { sqlState } from './statement.ts';

/** Turns `limit + 1` rows into a page: the surplus row tells that there is a next one. */
export function paged<Row, T>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => T,
  position: (row: Row) => readonly string[],
): { readonly items: readonly T[]; readonly nextCursor: string | undefined } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor =
    rows.length > limit && last !== undefined
      ? Buffer.from(JSON.stringify(position(last))).toString('base64url')
      : undefined;
  return { items: shown.map(item), nextCursor };
}

/**
 * Runs a query that goes on at a cursor, given the parts that `paged` put into it, or undefined. Throws `InvalidInput`
 * for a cursor that is none, also where only the database can tell: text in it that is no date, no number, no UUID.
 */
export async function fromCursor<T>(
  cursor: string | undefined,
  parts: number,
  query: (position: readonly string[] | undefined) => Promise<T>,
): Promise<T> {
  if (cursor === undefined) return query(undefined);
  try {
    return await query(readCursor(cursor, parts));
  } catch (error) {
    const isDataException = sqlState(error)?.startsWith('22') === true;
    throw isDataException ? noCursor() : error;
  }
}

function readCursor(cursor: string, parts: number): readonly string[] {
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(position) && position.length === parts && position.every((part) => typeof part === 'string')) {
      return position as string[];
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw noCursor();
}

function noCursor(): InvalidInput {
  return new InvalidInput('The cursor is not one of this list.', {
    issues: [{ path: 'cursor', message: 'must be the nextCursor of the page before' }],
  });
}
