/** A secret from configuration under which others are kept. */
export interface Pepper {
  /** Stands in the clear beside what was made with it: 1 to 32 letters, digits, hyphens and underscores. */
  readonly id: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
}

/** By id, newest first. Throws `TypeError` for an empty list, a short secret, or an id that is odd or used twice. */
export function pepperTable(peppers: readonly Pepper[]): ReadonlyMap<string, Pepper> {
  const table = new Map<string, Pepper>();
  for (const pepper of peppers) {
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(pepper.id)) {
      throw new TypeError('The id of a pepper must be 1 to 32 letters, digits, hyphens or underscores.');
    }
    if (pepper.secret.length < 32) throw new TypeError(`The secret of pepper ${pepper.id} has fewer than 32 bytes.`);
    if (table.has(pepper.id)) throw new TypeError(`There are two peppers with the id ${pepper.id}.`);
    table.set(pepper.id, pepper);
  }
  if (table.size === 0) throw new TypeError('At least one pepper is needed.');
  return table;
}
