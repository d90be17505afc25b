import { GiftCard } from './gift-card.ts';
import type { CodeKeys, GiftCardBook, GiftCardChanges } from './gift-card-repository.ts';
import type { Batch, Delivery, Hold, OrderMark, Redemption, RefundLeg } from './records.ts';

/**
 * A book held in memory: what an adapter fills from its rows for a batch of decisions, and all there is for the memory
 * adapter. Decisions of one batch see each other's changes through `apply`.
 */
export class LoadedBook implements GiftCardBook {
  now: Date;
  readonly #cards = new Map<string, GiftCard>();
  readonly #cardIdsByCode = new Map<string, string>();
  readonly #redemptions = new Map<string, Redemption>();
  readonly #holds = new Map<string, Hold>();
  readonly #redemptionsByOrder = new Map<string, Map<string, Redemption>>();
  readonly #holdsByOrder = new Map<string, Map<string, Hold>>();
  readonly #legs = new Map<string, Map<string, RefundLeg>>();
  readonly #marks = new Map<string, OrderMark>();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #batches = new Map<string, Batch>();

  constructor(now: Date) {
    this.now = now;
  }

  card(id: string): GiftCard | undefined {
    return this.#cards.get(id);
  }

  cardByCode(keys: CodeKeys): GiftCard | undefined {
    for (const key of keys) {
      const id = this.#cardIdsByCode.get(key);
      if (id !== undefined) return this.#cards.get(id);
    }
    return undefined;
  }

  redemption(id: string): Redemption | undefined {
    return this.#redemptions.get(id);
  }

  hold(id: string): Hold | undefined {
    return this.#holds.get(id);
  }

  redemptionsOfOrder(orderId: string): readonly Redemption[] {
    return [...(this.#redemptionsByOrder.get(orderId)?.values() ?? [])];
  }

  holdsOfOrder(orderId: string): readonly Hold[] {
    return [...(this.#holdsByOrder.get(orderId)?.values() ?? [])];
  }

  legsOfOrder(orderId: string): readonly RefundLeg[] {
    return [...(this.#legs.get(orderId)?.values() ?? [])];
  }

  markOfOrder(orderId: string): OrderMark | undefined {
    return this.#marks.get(orderId);
  }

  delivery(id: string): Delivery | undefined {
    return this.#deliveries.get(id);
  }

  batch(id: string): Batch | undefined {
    return this.#batches.get(id);
  }

  cards(): IterableIterator<GiftCard> {
    return this.#cards.values();
  }

  putCard(card: GiftCard): void {
    const { id, codeIndex } = card.toSnapshot();
    const before = this.#cards.get(id)?.toSnapshot().codeIndex;
    if (before !== undefined && before !== codeIndex) this.#cardIdsByCode.delete(before);
    this.#cards.set(id, card);
    this.#cardIdsByCode.set(codeIndex, id);
  }

  putRedemption(redemption: Redemption): void {
    this.#redemptions.set(redemption.id, redemption);
    group(this.#redemptionsByOrder, redemption.orderId).set(redemption.id, redemption);
  }

  putHold(hold: Hold): void {
    this.#holds.set(hold.id, hold);
    group(this.#holdsByOrder, hold.orderId).set(hold.id, hold);
  }

  putLeg(leg: RefundLeg): void {
    group(this.#legs, leg.orderId).set(`${leg.refundId}#${leg.leg}`, leg);
  }

  putMark(mark: OrderMark): void {
    this.#marks.set(mark.orderId, mark);
  }

  marks(): IterableIterator<OrderMark> {
    return this.#marks.values();
  }

  dropMark(orderId: string): void {
    this.#marks.delete(orderId);
  }

  putDelivery(delivery: Delivery): void {
    this.#deliveries.set(delivery.id, delivery);
  }

  putBatch(batch: Batch): void {
    this.#batches.set(batch.id, batch);
  }

  /** Makes an accepted decision's changes visible to the next decision. */
  apply(changes: GiftCardChanges): void {
    for (const card of changes.cards ?? []) {
      this.putCard(GiftCard.restore(card.toSnapshot()));
      for (const redemption of card.changes.redemptions) this.putRedemption(redemption);
      for (const hold of card.changes.holds) this.putHold(hold);
    }
    for (const leg of changes.legs ?? []) this.putLeg(leg);
    for (const mark of changes.marks ?? []) this.putMark(mark);
    for (const delivery of changes.deliveries ?? []) this.putDelivery(delivery);
    for (const batch of changes.batches ?? []) this.putBatch(batch);
  }
}

function group<V>(groups: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let found = groups.get(key);
  if (found === undefined) groups.set(key, (found = new Map()));
  return found;
}
