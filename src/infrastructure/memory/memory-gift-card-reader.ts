import type {
  BatchCard,
  CardFilter,
  GiftCardReader,
  Liability,
  Page,
  Paged,
  Reconciliation,
  ParkedLegFilter,
} from '../../application/gift-cards/gift-card-reader.ts';
import type { GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import type { CodeKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { JournalEntry } from '../../domain/gift-cards/journal.ts';
import type { Batch, Delivery, Recipient, RefundLeg } from '../../domain/gift-cards/records.ts';
import type { MemoryGiftCardStore } from './memory-gift-card-store.ts';
import { liability } from './memory-liability.ts';
import { page } from './memory-paging.ts';
import { reconcile } from './memory-reconciliation.ts';

/** Reads gift cards in memory; every answer is computed from all rows of the tenant. */
export class MemoryGiftCardReader implements GiftCardReader {
  readonly #store: MemoryGiftCardStore;

  constructor(store: MemoryGiftCardStore) {
    this.#store = store;
  }

  /** Memory knows no transactions. */
  within(): GiftCardReader {
    return this;
  }

  async now(): Promise<Date> {
    return this.#store.now();
  }

  async find(tenant: string, by: { cardId: string } | { code: CodeKeys }): Promise<GiftCard | undefined> {
    const { book } = this.#store.of(tenant);
    return 'cardId' in by ? book.card(by.cardId) : book.cardByCode(by.code);
  }

  async list(tenant: string, filter: CardFilter, wanted: Page): Promise<Paged<GiftCard>> {
    const now = this.#store.now();
    const cards = [...this.#store.of(tenant).book.cards()].filter((card) => matches(card, filter, now));
    return page(cards, (card) => [card.toSnapshot().createdAt.getTime(), card.id], 'falling', wanted);
  }

  async transactions(tenant: string, cardId: string, wanted: Page): Promise<Paged<JournalEntry>> {
    return page(this.#store.of(tenant).entriesOf(cardId), (entry) => [entry.entryNumber], 'falling', wanted);
  }

  async batch(tenant: string, batchId: string): Promise<Batch | undefined> {
    return this.#store.of(tenant).batches.get(batchId);
  }

  async batchCards(tenant: string, batchId: string, fromIndex: number, limit: number): Promise<readonly BatchCard[]> {
    const records = this.#store.of(tenant);
    const ids = records.cardsOfBatch(batchId).slice(fromIndex, fromIndex + limit);
    return ids.flatMap((id) => {
      const card = records.book.card(id)?.toSnapshot();
      return card === undefined ? [] : [{ id, codeIndex: card.codeIndex, isVoided: card.voidedAt !== null }];
    });
  }

  async parkedLegs(tenant: string, { orderId, closed }: ParkedLegFilter, wanted: Page): Promise<Paged<RefundLeg>> {
    const legs = [...this.#store.of(tenant).legs.values()];
    const isWanted = (leg: RefundLeg): boolean =>
      leg.parkedMinor > 0n && leg.closed === closed && (orderId === undefined || leg.orderId === orderId);
    const placeOf = (leg: RefundLeg) => [leg.receivedAt.getTime(), leg.orderId, leg.refundId, leg.leg];
    return page(legs.filter(isWanted), placeOf, 'rising', wanted);
  }

  async recipient(tenant: string, cardId: string): Promise<Recipient | undefined> {
    return this.#store.of(tenant).recipients.get(cardId);
  }

  async delivery(tenant: string, deliveryId: string): Promise<Delivery | undefined> {
    return this.#store.of(tenant).deliveries.get(deliveryId);
  }

  async deliveryOfCard(tenant: string, cardId: string): Promise<Delivery | undefined> {
    const own = [...this.#store.of(tenant).deliveries.values()].filter((delivery) => delivery.cardId === cardId);
    return own.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime()).at(-1);
  }

  async due(limit: number): Promise<readonly { readonly tenant: string; readonly cardId: string }[]> {
    const now = this.#store.now();
    const due: { tenant: string; cardId: string; since: number }[] = [];
    for (const [tenant, { book }] of this.#store.tenants()) {
      for (const card of book.cards()) {
        const since = dueSince(card.toSnapshot(), now);
        if (since !== undefined) due.push({ tenant, cardId: card.id, since });
      }
    }
    due.sort((a, b) => a.since - b.since || (a.cardId < b.cardId ? -1 : 1));
    return due.slice(0, limit).map(({ tenant, cardId }) => ({ tenant, cardId }));
  }

  async runningBatches(limit: number): Promise<readonly { readonly tenant: string; readonly batchId: string }[]> {
    const running = [...this.#store.tenants()].flatMap(([tenant, { batches }]) =>
      [...batches.values()].filter(({ status }) => status === 'running').map((batch) => ({ tenant, batch })),
    );
    running.sort((a, b) => a.batch.createdAt.getTime() - b.batch.createdAt.getTime());
    return running.slice(0, limit).map(({ tenant, batch }) => ({ tenant, batchId: batch.id }));
  }

  async batchesToDestroy(limit: number): Promise<readonly { readonly tenant: string; readonly batchId: string }[]> {
    const now = this.#store.now();
    const over = [...this.#store.tenants()].flatMap(([tenant, { batches }]) =>
      [...batches.values()]
        .filter(({ sealedSeed, codesUntil }) => sealedSeed !== null && codesUntil <= now)
        .map(({ id, codesUntil }) => ({ tenant, batchId: id, since: codesUntil.getTime() })),
    );
    over.sort((a, b) => a.since - b.since);
    return over.slice(0, limit).map(({ tenant, batchId }) => ({ tenant, batchId }));
  }

  async deliveriesToDrop(
    until: Date,
    limit: number,
  ): Promise<readonly { readonly tenant: string; readonly deliveryId: string }[]> {
    const pending = [...this.#store.tenants()].flatMap(([tenant, { deliveries }]) =>
      [...deliveries.values()]
        .filter(({ status, createdAt }) => status === 'pending' && createdAt <= until)
        .map(({ id, createdAt }) => ({ tenant, deliveryId: id, since: createdAt.getTime() })),
    );
    pending.sort((a, b) => a.since - b.since);
    return pending.slice(0, limit).map(({ tenant, deliveryId }) => ({ tenant, deliveryId }));
  }

  async liability(tenant: string, from: Date | undefined, to: Date | undefined): Promise<readonly Liability[]> {
    return liability(this.#store.of(tenant).journal, from, to);
  }

  async reconcile(tenant: string): Promise<Reconciliation> {
    const { book, journal, ...records } = this.#store.of(tenant);
    const cards = [...book.cards()].map((card) => card.toSnapshot());
    const [redemptions, holds] = [[...records.redemptions.values()], [...records.holds.values()]];
    return reconcile({ cards, journal, redemptions, holds, batches: [...records.batches.values()] });
  }
}

function matches(card: GiftCard, filter: CardFilter, now: Date): boolean {
  const { purchaserId, holderId, lastFour, batchId } = card.toSnapshot();
  const { ownerId } = filter;
  return (
    (filter.purchaserId === undefined || filter.purchaserId === purchaserId) &&
    (filter.holderId === undefined || filter.holderId === holderId) &&
    (ownerId === undefined || ownerId === purchaserId || ownerId === holderId) &&
    (filter.lastFour === undefined || filter.lastFour === lastFour) &&
    (filter.batchId === undefined || filter.batchId === batchId) &&
    (filter.status === undefined || filter.status === card.status(now))
  );
}

/** Since when something of a card can be booked, in milliseconds: an expired hold, or the expiry once no hold is open. */
function dueSince(card: GiftCardSnapshot, now: Date): number | undefined {
  const holds = card.openHolds.map((hold) => hold.expiresAt.getTime());
  const firstHold = Math.min(...holds);
  if (firstHold <= now.getTime()) return firstHold;
  const { expiresAt, expiredAt, voidedAt } = card;
  const waits = holds.length > 0 || expiredAt !== null || voidedAt !== null;
  return waits || expiresAt === null || expiresAt > now ? undefined : expiresAt.getTime();
}
