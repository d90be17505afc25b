import { codesFromSeed, type GiftCardCode } from '../../domain/gift-cards/code.ts';
import { BatchCodesDestroyed } from '../../domain/gift-cards/errors.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import type { BatchCard } from './gift-card-reader.ts';
import type { GiftCardPorts } from './ports.ts';

const SEED_BYTES = 32;

/** A new seed, from which all codes of the batch are expanded, sealed for this batch only. */
export function sealedSeed(
  { sealer, randomBytes }: Pick<GiftCardPorts, 'sealer' | 'randomBytes'>,
  tenant: string,
  batchId: string,
): string {
  const hex = Array.from(randomBytes(SEED_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return sealer.seal(hex, seedContext(tenant, batchId));
}

/**
 * Whether the codes of a batch can still be told. Their end doesn't wait for the sweep that destroys the seed: a dead one
 * would give them more time.
 */
export const codesAreKept = ({ sealedSeed, codesUntil }: Batch, now: Date): boolean =>
  sealedSeed !== null && codesUntil > now;

type CodePorts = Pick<GiftCardPorts, 'sealer' | 'hmacSha256'>;

/**
 * The codes of a batch by their index, for whoever asks at `now`. Throws `BatchCodesDestroyed` when they are
 * acknowledged or their time is over.
 */
export function batchCodes(ports: CodePorts, tenant: string, batch: Batch, now: Date): (index: number) => GiftCardCode {
  if (!codesAreKept(batch, now)) throw new BatchCodesDestroyed('The codes of this batch are destroyed.');
  return codesToIssue(ports, tenant, batch);
}

/** The same for issuing the cards, which tells nobody a code. Throws `BatchCodesDestroyed` when the seed is gone. */
export function codesToIssue(
  { sealer, hmacSha256 }: CodePorts,
  tenant: string,
  batch: Batch,
): (index: number) => GiftCardCode {
  if (batch.sealedSeed === null) throw new BatchCodesDestroyed('The codes of this batch are destroyed.');
  const hex = sealer.open(batch.sealedSeed, seedContext(tenant, batch.id));
  const seed = Uint8Array.from({ length: SEED_BYTES }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
  return codesFromSeed(hmacSha256, seed, { prefix: batch.prefix, length: batch.codeLength });
}

/** Why the code with which a card was issued is worth nothing any more; null while it is the card's. */
export function whyDead(
  { vault }: Pick<GiftCardPorts, 'vault'>,
  code: GiftCardCode,
  { codeIndex, isVoided }: BatchCard,
): 'reissued' | 'voided' | null {
  if (isVoided) return 'voided';
  return vault.keysOf(code.body).includes(codeIndex) ? null : 'reissued';
}

const seedContext = (tenant: string, batchId: string): string => JSON.stringify(['gift-cards.batch', tenant, batchId]);
