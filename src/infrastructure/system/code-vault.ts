import type { CodeVault } from '../../application/gift-cards/ports.ts';
import { uuidHash } from './keyed-hash.ts';
import { pepperTable, type Pepper } from './pepper.ts';

/** Keeps the hashes of codes apart from whatever else is made with the same pepper. */
const PURPOSE = 'portolan.gift-card-code.1:';

/**
 * Look-up keys of codes: HMAC-SHA-256 under each pepper, cut to 128 bits and written as a UUID. The first pepper is the
 * newest. Throws `TypeError` for unusable peppers.
 */
export function createCodeVault(peppers: readonly Pepper[]): CodeVault {
  const table = pepperTable(peppers);
  const hashes = peppers.map(({ secret }) => uuidHash(secret));
  const [newestPepperId = ''] = table.keys();
  return { newestPepperId, keysOf: (body) => hashes.map((hash) => hash(PURPOSE + body)) };
}
