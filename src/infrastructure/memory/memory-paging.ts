import type { Page, Paged } from '../../application/gift-cards/gift-card-reader.ts';
import { InvalidInput } from '../../application/shared/errors.ts';

/** A row's place in a list: its values of the columns that the list is sorted by, compared one after another. */
type Place = readonly (string | number)[];

/**
 * The rows of one page, in rising or falling order of what `placeOf` says of a row. A cursor is the place of a page's last row,
 * so that rows which are added or vanish meanwhile shift nothing. Throws `InvalidInput` for a cursor that is none.
 */
export function page<T>(
  rows: Iterable<T>,
  placeOf: (row: T) => Place,
  order: 'rising' | 'falling',
  { limit, cursor }: Page,
): Paged<T> {
  const sign = order === 'rising' ? 1 : -1;
  const after = cursor === undefined ? undefined : parseCursor(cursor);
  const rest = [...rows]
    .map((row) => ({ row, place: placeOf(row) }))
    .filter(({ place }) => after === undefined || sign * compare(place, after) > 0)
    .sort((a, b) => sign * compare(a.place, b.place));
  const items = rest.slice(0, limit);
  const last = rest.length > limit ? items.at(-1) : undefined;
  return { items: items.map(({ row }) => row), nextCursor: last && formatCursor(last.place) };
}

function compare(a: Place, b: Place): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? '';
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

const formatCursor = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url');

function parseCursor(cursor: string): Place {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(place) && place.every((value) => typeof value === 'string' || typeof value === 'number')) {
      return place;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const issues = [{ path: 'cursor', message: 'not a cursor' }];
  throw new InvalidInput('The input does not fit the operation.', { issues });
}
