import type { GiftCard } from './gift-card.ts';
import type { CodeKeys, GiftCardBook, GiftCardKeys } from './gift-card-repository.ts';
import type { Batch, Delivery, Hold, OrderMark, Redemption, RefundLeg } from './records.ts';

/**
 * What one decision sees of a book: the rows that its keys name, whatever else the book holds. So a use case that
 * forgets a key fails always, and not only when no neighbour in the same transaction happens to name the row.
 */
export class KeyedBook implements GiftCardBook {
  readonly #book: GiftCardBook;
  readonly #keys: GiftCardKeys;
  /** Orders whose records are in reach: those named, and those of the holds named. */
  readonly #orderIds: readonly string[];

  constructor(book: GiftCardBook, keys: GiftCardKeys) {
    this.#book = book;
    this.#keys = keys;
    const ordersOfHolds = (keys.holdIds ?? []).flatMap((id) => book.hold(id)?.orderId ?? []);
    this.#orderIds = [...(keys.orderIds ?? []), ...ordersOfHolds];
  }

  get now(): Date {
    return this.#book.now;
  }

  card(id: string): GiftCard | undefined {
    return this.#namesCard(id) ? this.#book.card(id) : undefined;
  }

  cardByCode(keys: CodeKeys): GiftCard | undefined {
    const card = this.#book.cardByCode(keys);
    return card === undefined ? undefined : this.card(card.id);
  }

  redemption(id: string): Redemption | undefined {
    const redemption = this.#book.redemption(id);
    if (redemption === undefined) return undefined;
    return includes(this.#keys.redemptionIds, id) || this.#namesOrder(redemption.orderId) ? redemption : undefined;
  }

  hold(id: string): Hold | undefined {
    const hold = this.#book.hold(id);
    return hold !== undefined && this.#namesOrder(hold.orderId) ? hold : undefined;
  }

  redemptionsOfOrder(orderId: string): readonly Redemption[] {
    return this.#namesOrder(orderId) ? this.#book.redemptionsOfOrder(orderId) : [];
  }

  holdsOfOrder(orderId: string): readonly Hold[] {
    return this.#namesOrder(orderId) ? this.#book.holdsOfOrder(orderId) : [];
  }

  legsOfOrder(orderId: string): readonly RefundLeg[] {
    return this.#namesOrder(orderId) ? this.#book.legsOfOrder(orderId) : [];
  }

  markOfOrder(orderId: string): OrderMark | undefined {
    return this.#namesOrder(orderId) ? this.#book.markOfOrder(orderId) : undefined;
  }

  delivery(id: string): Delivery | undefined {
    return includes(this.#keys.deliveryIds, id) ? this.#book.delivery(id) : undefined;
  }

  batch(id: string): Batch | undefined {
    return includes(this.#keys.batchIds, id) ? this.#book.batch(id) : undefined;
  }

  #namesOrder(orderId: string): boolean {
    return this.#orderIds.includes(orderId);
  }

  #namesCard(id: string): boolean {
    const { cardIds, codes = [], redemptionIds = [], holdIds = [], orderIds = [], cardsOfOrders } = this.#keys;
    const book = this.#book;
    return (
      includes(cardIds, id) ||
      codes.some((code) => book.cardByCode(code)?.id === id) ||
      redemptionIds.some((redemptionId) => book.redemption(redemptionId)?.cardId === id) ||
      holdIds.some((holdId) => book.hold(holdId)?.cardId === id) ||
      (cardsOfOrders === true && orderIds.some((orderId) => this.#concerns(orderId, id)))
    );
  }

  /** Whether the order has a redemption, a hold or a refund leg of the card. */
  #concerns(orderId: string, cardId: string): boolean {
    const ofCard = (record: { readonly cardId: string | null }): boolean => record.cardId === cardId;
    const book = this.#book;
    return (
      book.redemptionsOfOrder(orderId).some(ofCard) ||
      book.holdsOfOrder(orderId).some(ofCard) ||
      book.legsOfOrder(orderId).some(ofCard)
    );
  }
}

const includes = (ids: readonly string[] | undefined, id: string): boolean => ids?.includes(id) === true;
