import type { OrderMarks } from '../../application/gift-cards/order-marks.ts';
import type { MemoryGiftCardStore } from './memory-gift-card-store.ts';

/** Marks of cancelled orders in memory. */
export class MemoryOrderMarks implements OrderMarks {
  readonly #store: MemoryGiftCardStore;

  constructor(store: MemoryGiftCardStore) {
    this.#store = store;
  }

  async purge(limit: number): Promise<number> {
    const now = this.#store.now();
    const over = [...this.#store.tenants()].flatMap(([, { book }]) =>
      [...book.marks()].filter(({ marksUntil }) => marksUntil <= now).map(({ orderId }) => ({ book, orderId })),
    );
    const purged = over.slice(0, limit);
    for (const { book, orderId } of purged) book.dropMark(orderId);
    return purged.length;
  }
}
