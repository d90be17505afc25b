import { after, before, describe, it } from 'node:test';
import { giftCardRepositoryContract } from 'portolan/contracts/gift-cards/gift-card-repository-contract';
import {
  MemoryBulkIssuer,
  MemoryEventLog,
  MemoryGiftCardReader,
  MemoryGiftCardStore,
  MemoryOrderMarks,
  MemoryRecipientEraser,
} from 'portolan/memory';
import { OneAtATime } from './one-at-a-time.ts';

giftCardRepositoryContract(
  { describe, it, before, after },
  'one at a time',
  async () => {
    const log = new MemoryEventLog();
    const store = new MemoryGiftCardStore({ append: log.append });
    return {
      repository: new OneAtATime(store),
      reader: new MemoryGiftCardReader(store),
      bulkIssuer: new MemoryBulkIssuer(store),
      eraser: new MemoryRecipientEraser(store),
      marks: new MemoryOrderMarks(store),
      log,
      close: () => log.close(),
    };
  },
  ['transaction'],
);
