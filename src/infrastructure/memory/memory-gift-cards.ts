import type { BulkIssuer, RecipientEraser } from '../../application/gift-cards/bulk-issuer.ts';
import type { GiftCardReader } from '../../application/gift-cards/gift-card-reader.ts';
import type { OrderMarks } from '../../application/gift-cards/order-marks.ts';
import type { GiftCardRepository } from '../../domain/gift-cards/gift-card-repository.ts';
import { MemoryBulkIssuer } from './memory-bulk-issuer.ts';
import { MemoryGiftCardReader } from './memory-gift-card-reader.ts';
import { MemoryGiftCardRepository } from './memory-gift-card-repository.ts';
import { MemoryGiftCardStore, type MemoryGiftCardOptions } from './memory-gift-card-store.ts';
import { MemoryOrderMarks } from './memory-order-marks.ts';
import { MemoryRecipientEraser } from './memory-recipient-eraser.ts';

/** The ports of the gift card context. */
export interface MemoryGiftCards {
  readonly repository: GiftCardRepository;
  readonly reader: GiftCardReader;
  readonly bulkIssuer: BulkIssuer;
  readonly eraser: RecipientEraser;
  readonly marks: OrderMarks;
}

/** Gift cards that live as long as this object. */
export function memoryGiftCards(options: MemoryGiftCardOptions): MemoryGiftCards {
  const store = new MemoryGiftCardStore(options);
  return {
    repository: new MemoryGiftCardRepository(store),
    reader: new MemoryGiftCardReader(store),
    bulkIssuer: new MemoryBulkIssuer(store),
    eraser: new MemoryRecipientEraser(store),
    marks: new MemoryOrderMarks(store),
  };
}
