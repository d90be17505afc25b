import { peppersOnCards } from '../infrastructure/postgres/peppers-on-cards.ts';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import { ConfigurationError, type Config } from './config.ts';

/** The ids of peppers under which codes of cards in this database were made, and which are not among these. */
export async function missingPeppers(ownerUrl: string, peppers: readonly Pepper[]): Promise<readonly string[]> {
  const known = new Set(peppers.map(({ id }) => id));
  return (await peppersOnCards(ownerUrl)).filter((id) => !known.has(id));
}

/**
 * Throws `ConfigurationError` when cards name peppers that are neither known nor given up in `LOST_PEPPERS`. A refusal
 * and no warning: the server would turn away good codes as if nobody had them, and count their owners as guessing. Only
 * an operator can tell a forgotten pepper from one that is lost for good, after which cards are given new codes.
 */
export async function requirePeppers(
  { lostPeppers = [] }: Pick<Config, 'lostPeppers'>,
  ownerUrl: string,
  peppers: readonly Pepper[],
): Promise<void> {
  const missing = (await missingPeppers(ownerUrl, peppers)).filter((id) => !lostPeppers.includes(id));
  if (missing.length === 0) return;
  throw new ConfigurationError(
    missing.map(
      (id) => `PEPPERS lacks ${id}, under which codes of cards were made: add it, or name it in LOST_PEPPERS`,
    ),
  );
}
