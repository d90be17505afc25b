import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { MemoryEventLog } from '../../src/infrastructure/memory/memory-event-log.ts';
import { memoryGiftCards } from '../../src/infrastructure/memory/memory-gift-cards.ts';

/** Gift cards in memory with a clock that moves by hand only. */
export function memoryGiftCardSite(): GiftCardSite & { passTime(ms: number): Promise<void> } {
  let now = Date.parse('2030-01-01T00:00:00.000Z');
  const log = new MemoryEventLog();
  return {
    ...memoryGiftCards({ append: log.append, now: () => new Date(now) }),
    log,
    async passTime(ms) {
      now += ms;
    },
    close: () => log.close(),
  };
}
