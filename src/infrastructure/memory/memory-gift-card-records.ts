import type { GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import type { GiftCardChanges } from '../../domain/gift-cards/gift-card-repository.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { JournalEntry } from '../../domain/gift-cards/journal.ts';
import { LoadedBook } from '../../domain/gift-cards/loaded-book.ts';
import type { Batch, Delivery, Hold, Recipient, Redemption, RefundLeg } from '../../domain/gift-cards/records.ts';

/** All that is stored of one tenant's gift cards: the book that decisions read, and what only reports ask for. */
export class GiftCardRecords {
  readonly book = new LoadedBook(new Date(0));
  /** In the order in which it was written; never changed. */
  readonly journal: JournalEntry[] = [];
  readonly redemptions = new Map<string, Redemption>();
  readonly holds = new Map<string, Hold>();
  readonly legs = new Map<string, RefundLeg>();
  readonly recipients = new Map<string, Recipient>();
  readonly deliveries = new Map<string, Delivery>();
  readonly batches = new Map<string, Batch>();
  readonly #entriesOfCards = new Map<string, JournalEntry[]>();
  readonly #cardsOfBatches = new Map<string, string[]>();

  /** A card's part of the journal, in order. */
  entriesOf(cardId: string): readonly JournalEntry[] {
    return this.#entriesOfCards.get(cardId) ?? [];
  }

  /** The ids of a batch's cards in order of their index. */
  cardsOfBatch(batchId: string): readonly string[] {
    return this.#cardsOfBatches.get(batchId) ?? [];
  }

  /** Throws, before anything is stored, where these cards don't follow on what is there; a database's constraints. */
  requireStorable(cards: readonly GiftCard[]): void {
    for (const card of cards) {
      const { id, version, entryCount } = card.toSnapshot();
      const before = this.book.card(id)?.toSnapshot();
      const { events, entries } = card.changes;
      const follows =
        version - events.length === (before?.version ?? 0) && entryCount - entries.length === (before?.entryCount ?? 0);
      if (!follows) throw new Error(`Gift card ${id} was changed on a state that is not the stored one.`);
    }
    this.requireFreeCodes(cards.map((card) => card.toSnapshot()));
    for (const { changes } of cards) {
      requireOnePerPurpose(changed(changes.redemptions, (orderId) => this.book.redemptionsOfOrder(orderId)));
      requireOnePerPurpose(changed(changes.holds, (orderId) => this.book.holdsOfOrder(orderId)).filter(isOpen));
    }
  }

  /** Throws where a code belongs to another card. */
  requireFreeCodes(cards: readonly Pick<GiftCardSnapshot, 'id' | 'codeIndex'>[]): void {
    const taken = new Map<string, string>();
    for (const { id, codeIndex } of cards) {
      const holder = taken.get(codeIndex) ?? this.book.cardByCode([codeIndex])?.id ?? id;
      if (holder !== id) throw new Error(`Gift card ${id} has the code of another card.`);
      taken.set(codeIndex, id);
    }
  }

  /** Stores what `requireStorable` has let through. */
  apply(changes: GiftCardChanges): void {
    this.book.apply(changes);
    for (const card of changes.cards ?? []) {
      for (const entry of card.changes.entries) this.#enter(entry);
      for (const redemption of card.changes.redemptions) this.redemptions.set(redemption.id, redemption);
      for (const hold of card.changes.holds) this.holds.set(hold.id, hold);
    }
    for (const leg of changes.legs ?? []) this.legs.set(JSON.stringify([leg.orderId, leg.refundId, leg.leg]), leg);
    for (const recipient of changes.recipients ?? []) this.recipients.set(recipient.cardId, recipient);
    for (const delivery of changes.deliveries ?? []) this.deliveries.set(delivery.id, delivery);
    for (const batch of changes.batches ?? []) this.batches.set(batch.id, batch);
  }

  /** Stores the next cards of a batch, each with its first entry, in order of their index. */
  applyBatch(
    batch: Batch,
    cards: readonly { readonly snapshot: GiftCardSnapshot; readonly entry: JournalEntry }[],
  ): void {
    this.apply({ batches: [batch] });
    let ids = this.#cardsOfBatches.get(batch.id);
    if (ids === undefined) this.#cardsOfBatches.set(batch.id, (ids = []));
    for (const { snapshot, entry } of cards) {
      this.book.putCard(GiftCard.restore(snapshot));
      this.#enter(entry);
      ids.push(snapshot.id);
    }
  }

  #enter(entry: JournalEntry): void {
    this.journal.push(entry);
    const entries = this.#entriesOfCards.get(entry.cardId);
    if (entries === undefined) this.#entriesOfCards.set(entry.cardId, [entry]);
    else entries.push(entry);
  }
}

const isOpen = (hold: Hold): boolean => hold.status === 'open';

/** The payments of the orders concerned as they will be. */
function changed<Payment extends Redemption | Hold>(
  changes: readonly Payment[],
  storedOf: (orderId: string) => readonly Payment[],
): readonly Payment[] {
  const stored = changes.flatMap(({ orderId }) => storedOf(orderId));
  return [...new Map([...stored, ...changes].map((payment) => [payment.id, payment])).values()];
}

/** Throws where a card has two payments for the same order and purpose. */
function requireOnePerPurpose(payments: readonly (Redemption | Hold)[]): void {
  const keys = new Set(payments.map(({ orderId, cardId, purpose }) => JSON.stringify([orderId, cardId, purpose])));
  if (keys.size < payments.length) throw new Error('A card has two payments for the same order and purpose.');
}
