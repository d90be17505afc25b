import { InvalidInput } from '../../application/shared/errors.ts';

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

/** The parts of a cursor that `paged` made. Throws `InvalidInput` for anything else. */
export function readCursor(cursor: string | undefined, parts: number): readonly string[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(position) && position.length === parts && position.every((part) => typeof part === 'string')) {
      return position as string[];
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidInput('The cursor is not one of this list.', {
    issues: [{ path: 'cursor', message: 'must be the nextCursor of the page before' }],
  });
}
