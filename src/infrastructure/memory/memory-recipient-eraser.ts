import type { RecipientEraser } from '../../application/gift-cards/bulk-issuer.ts';
import type { MemoryGiftCardStore } from './memory-gift-card-store.ts';
import type { GiftCardRecords } from './memory-gift-card-records.ts';

/** Erases persons from gift cards in memory. */
export class MemoryRecipientEraser implements RecipientEraser {
  readonly #store: MemoryGiftCardStore;

  constructor(store: MemoryGiftCardStore) {
    this.#store = store;
  }

  async erase(
    tenant: string,
    { email, subjectId }: { readonly email?: string; readonly subjectId?: string },
  ): Promise<number> {
    const records = this.#store.of(tenant);
    const cardIds = [...records.recipients.values()]
      .filter((recipient) => {
        const { purchaserId, holderId } = records.book.card(recipient.cardId)?.toSnapshot() ?? {};
        return (
          (email !== undefined && recipient.email?.toLowerCase() === email.toLowerCase()) ||
          (subjectId !== undefined && (purchaserId === subjectId || holderId === subjectId))
        );
      })
      .map(({ cardId }) => cardId);
    for (const cardId of cardIds) {
      records.recipients.delete(cardId);
      dropSealedCodes(records, cardId);
    }
    return cardIds.length;
  }
}

/** A code that nobody can be sent any more need not be kept. */
function dropSealedCodes(records: GiftCardRecords, cardId: string): void {
  const deliveries = [...records.deliveries.values()]
    .filter((delivery) => delivery.cardId === cardId && delivery.sealedCode !== null)
    .map((delivery) => ({ ...delivery, sealedCode: null, status: 'failed' as const }));
  records.apply({ deliveries });
}
