import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { JournalEntry } from '../../domain/gift-cards/journal.ts';
import type { Batch, Hold, Redemption } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';

/*
 * What answers show. Receipts keep answers as they are, so that nothing here is secret and nothing personal.
 */

const money = (minor: bigint, currency: string) => Money.ofMinor(minor, currency).toJSON();
const instant = (date: Date | null): string | null => date?.toISOString() ?? null;

/** A card as it stands at `now`. */
export function viewCard(card: GiftCard, now: Date) {
  const { id, lastFour, currency, purchaserId, holderId, batchId, voidedBy, voidReason, ...rest } = card.toSnapshot();
  return {
    id,
    lastFour,
    originalAmount: money(rest.originalMinor, currency),
    currentBalance: card.balance.toJSON(),
    available: card.available(now).toJSON(),
    status: card.status(now),
    purchaserId,
    holderId,
    batchId,
    expiresAt: instant(rest.expiresAt),
    voidedAt: instant(rest.voidedAt),
    voidedBy,
    voidReason,
    createdAt: rest.createdAt.toISOString(),
    updatedAt: rest.updatedAt.toISOString(),
  };
}

export type CardView = ReturnType<typeof viewCard>;

/** A payment: the balance as it was right after it, the card's status as it stands at `now`. */
export function viewRedemption(redemption: Redemption, card: GiftCard, now: Date) {
  const { id, amountMinor, balanceAfterMinor, currency } = redemption;
  return {
    redemptionId: id,
    redeemedAmount: money(amountMinor, currency),
    remainingBalance: money(balanceAfterMinor, currency),
    giftCard: { id: card.id, lastFour: card.toSnapshot().lastFour, status: card.status(now) },
  };
}

/** A hold, with the card's balance `balanceMinor`. */
export function viewHold(hold: Hold, balanceMinor: bigint) {
  const { id, cardId, orderId, purpose, amountMinor, currency, status, expiresAt } = hold;
  return {
    holdId: id,
    cardId,
    orderId,
    purpose,
    amount: money(amountMinor, currency),
    status,
    expiresAt: expiresAt.toISOString(),
    remainingBalance: money(balanceMinor, currency),
  };
}

/** A line of a card's journal. */
export function viewTransaction(entry: JournalEntry) {
  const { id, cardId, entryNumber, type, debit, credit, currency, orderId, referenceId, metadata } = entry;
  return {
    id,
    cardId,
    number: entryNumber,
    type,
    amount: money(entry.amountMinor, currency),
    balanceBefore: money(entry.balanceBeforeMinor, currency),
    balanceAfter: money(entry.balanceAfterMinor, currency),
    debitAccount: debit,
    creditAccount: credit,
    orderId,
    referenceId,
    metadata: { ...metadata },
    createdAt: entry.createdAt.toISOString(),
  };
}

export function viewBatch(batch: Batch) {
  const { id, count, createdCount, amountMinor, currency, prefix, status, expiresAt, codesUntil, createdAt } = batch;
  return {
    batchId: id,
    count,
    createdCount,
    amount: money(amountMinor, currency),
    prefix,
    status,
    expiresAt: instant(expiresAt),
    codesUntil: codesUntil.toISOString(),
    createdAt: createdAt.toISOString(),
  };
}
