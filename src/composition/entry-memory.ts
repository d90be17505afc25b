/** `portolan/memory`: adapters that live as long as the process; for tests, and for building one's own. */
export { createMemoryApiTokens, type MemoryApiTokensOptions } from '../infrastructure/memory/memory-api-tokens.ts';
export { MemoryEventLog, type MemoryEventLogOptions } from '../infrastructure/memory/memory-event-log.ts';
export { MemoryBulkIssuer } from '../infrastructure/memory/memory-bulk-issuer.ts';
export { MemoryGiftCardReader } from '../infrastructure/memory/memory-gift-card-reader.ts';
export {
  MemoryGiftCardStore,
  type MemoryGiftCardOptions,
  type UnplacedEvent,
} from '../infrastructure/memory/memory-gift-card-store.ts';
export { memoryGiftCards, type MemoryGiftCards } from '../infrastructure/memory/memory-gift-cards.ts';
export { createMemoryLockService } from '../infrastructure/memory/memory-lock-service.ts';
export { MemoryOrderMarks } from '../infrastructure/memory/memory-order-marks.ts';
export { createMemoryRateCounters } from '../infrastructure/memory/memory-rate-counters.ts';
export { MemoryRecipientEraser } from '../infrastructure/memory/memory-recipient-eraser.ts';
