import { after, before, describe, it } from 'node:test';
import { giftCardRepositoryContract } from 'portolan/contracts/gift-cards/gift-card-repository-contract';
import { MemoryEventLog, MemoryGiftCardStore, memoryGiftCards } from 'portolan/memory';
import { OneAtATime } from './one-at-a-time.ts';

giftCardRepositoryContract(
  { describe, it, before, after },
  'one at a time',
  async () => {
    const log = new MemoryEventLog();
    const store = new MemoryGiftCardStore({ append: log.append });
    const { reader, bulkIssuer, eraser } = memoryGiftCards(store);
    return { repository: new OneAtATime(store), reader, bulkIssuer, eraser, log, close: () => log.close() };
  },
  ['transaction'],
);
