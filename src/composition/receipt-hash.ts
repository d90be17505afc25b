import { hkdfSync } from 'node:crypto';
import { uuidHash } from '../infrastructure/system/keyed-hash.ts';
import type { Pepper } from '../infrastructure/system/pepper.ts';

/**
 * The hash of receipts. It stands on the oldest pepper: a new one in front leaves the receipts of the last hours valid.
 * Throws `TypeError` where there is no pepper.
 */
export function receiptHash(peppers: readonly Pepper[]): (text: string) => string {
  const oldest = peppers.at(-1);
  if (oldest === undefined) throw new TypeError('At least one pepper is needed.');
  return uuidHash(new Uint8Array(hkdfSync('sha256', oldest.secret, '', 'portolan receipts', 32)));
}
