import { NO_CODE } from './card-guards.ts';
import { GiftCard } from './gift-card.ts';

const EPOCH = new Date(0);

/**
 * What is judged where nobody has a code: a card that can take part in no payment. Its refusal, `InvalidCode`, takes the
 * steps that the refusal of a card takes, so that their times tell nothing. It is never stored.
 */
export const STAND_IN: GiftCard = GiftCard.restore({
  ...{ id: '', codeIndex: NO_CODE, pepperId: '', prefix: '', lastFour: '', currency: 'USD', purchaserId: '' },
  ...{ originalMinor: 0n, balanceMinor: 0n, keptMinor: 0n, version: 0, entryCount: 0, openHolds: [] },
  ...{ holderId: null, batchId: null, expiresAt: null, expiredAt: null, frozenAt: null },
  ...{ voidedAt: null, voidedBy: null, voidReason: null, createdAt: EPOCH, updatedAt: EPOCH },
});
