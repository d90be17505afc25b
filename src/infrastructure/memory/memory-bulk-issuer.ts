import type { BulkCard, BulkIssuer, IssuedSet } from '../../application/gift-cards/bulk-issuer.ts';
import { batchCreated } from '../../domain/gift-cards/batch-created.ts';
import { BatchNotFound } from '../../domain/gift-cards/errors.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import type { CommandContext } from '../../domain/shared/decision.ts';
import { Money } from '../../domain/shared/money.ts';
import type { MemoryGiftCardStore } from './memory-gift-card-store.ts';

/** Issues the cards of batches in memory. */
export class MemoryBulkIssuer implements BulkIssuer {
  readonly #store: MemoryGiftCardStore;
  readonly #eventsOfBatches = new Map<string, number>();

  constructor(store: MemoryGiftCardStore) {
    this.#store = store;
  }

  async issue(
    context: CommandContext,
    { id }: Batch,
    fromIndex: number,
    pepperId: string,
    cards: readonly BulkCard[],
  ): Promise<IssuedSet> {
    const records = this.#store.of(context.tenant);
    const batch = records.batches.get(id);
    if (batch === undefined) throw new BatchNotFound('There is no such batch.');
    if (batch.status !== 'running' || fromIndex !== batch.createdCount || cards.length === 0) {
      return { batch, position: undefined };
    }
    const createdCount = batch.createdCount + cards.length;
    if (createdCount > batch.count) throw new RangeError(`Batch ${id} has no room for ${cards.length} more cards.`);
    const now = this.#store.now();
    const issued = cards.map((card) => firstState(batch, card, pepperId, now));
    records.requireFreeCodes(cards);
    const streamVersion = (this.#eventsOfBatches.get(id) ?? 0) + 1;
    const position = this.#store.log(context, now, [batchCreated(batch, fromIndex, cards.length, streamVersion)]);
    this.#eventsOfBatches.set(id, streamVersion);
    const next: Batch = { ...batch, createdCount, status: createdCount === batch.count ? 'ready' : 'running' };
    records.applyBatch(next, issued);
    return { batch: next, position };
  }
}

/** The card and its entry as if it had been issued alone, but without an event: the batch's stands for all. */
function firstState(batch: Batch, { id, codeIndex, lastFour, entryId }: BulkCard, pepperId: string, now: Date) {
  const { prefix, purchaserId, expiresAt } = batch;
  const amount = Money.ofMinor(batch.amountMinor, batch.currency);
  const code = { codeIndex, pepperId, prefix, lastFour };
  const card = GiftCard.issue(
    { id, ...code, amount, purchaserId, batchId: batch.id, expiresAt, fundedBy: 'promotion' },
    { now, newId: () => entryId },
  );
  const [entry] = card.changes.entries;
  if (entry === undefined) throw new Error(`Gift card ${id} was issued without an entry.`);
  return { snapshot: { ...card.toSnapshot(), version: 0 }, entry };
}
