import { RecentMap } from '../../application/shared/recent-map.ts';
import type { GiftCardChanges, GiftCardKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import { batchName, cardName, deliveryName, orderName, viaCode, type FoundCard } from './gift-card-locks.ts';

const REMEMBERED = 100_000;

/**
 * Names the rows that commands lock. It remembers to which card a code, a redemption or a hold leads: commands that
 * come to one card by different ways are then known to share it, and need not meet in the database. Only a hint: what
 * it doesn't know costs a detour.
 */
export class GiftCardNames {
  readonly #cardIds = new RecentMap<string, string>(REMEMBERED);

  of(tenant: string, keys: GiftCardKeys): readonly string[] {
    const { cardIds = [], codes = [], redemptionIds = [], holdIds = [], orderIds = [] } = keys;
    const { batchIds = [], deliveryIds = [] } = keys;
    const ways = [...codes.map(viaCode), ...redemptionIds, ...holdIds];
    return [
      ...cardIds.map(cardName),
      ...ways.map((via) => cardName(this.#cardIds.get(via) ?? via)),
      ...orderIds.map((id) => orderName(tenant, id)),
      ...batchIds.map(batchName),
      ...deliveryIds.map(deliveryName),
    ];
  }

  /** Learns from what the database has found. */
  learn(found: readonly FoundCard[]): void {
    for (const { via, id } of found) if (via !== id) this.#cardIds.set(via, id);
  }

  /** Learns from what was just decided. */
  learnFrom(batch: readonly GiftCardChanges[]): void {
    for (const { cards = [] } of batch) {
      for (const { changes } of cards) {
        for (const { id, cardId } of [...changes.redemptions, ...changes.holds]) this.#cardIds.set(id, cardId);
      }
    }
  }
}
