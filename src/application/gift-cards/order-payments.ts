import { OrderCancelled, OrderTooLarge } from '../../domain/gift-cards/errors.ts';
import type { GiftCardBook } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Moment } from '../../domain/gift-cards/card-state.ts';
import type { HouseAccount } from '../../domain/gift-cards/journal.ts';
import { applyLegs, legsOfCard } from '../../domain/gift-cards/order-refunds.ts';
import type { Hold, Redemption, RefundLeg } from '../../domain/gift-cards/records.ts';
import type { Money } from '../../domain/shared/money.ts';
import type { AmountIn } from './amounts.ts';
import { accept } from './answers.ts';
import { viewRedemption } from './views.ts';

/** What a card pays for: at most one payment for each purpose of an order, for ever. */
export interface PaymentPurpose {
  readonly orderId: string;
  readonly purpose: string;
}

/** Throws `OrderCancelled` while the mark of a cancelled order stands. */
export function requireOrderOpen(book: GiftCardBook, orderId: string): void {
  if (isCancelled(book, orderId)) throw new OrderCancelled('The order was cancelled.');
}

/** Whether the mark of a cancelled order stands. */
export function isCancelled(book: GiftCardBook, orderId: string): boolean {
  const mark = book.markOfOrder(orderId);
  return mark !== undefined && book.now < mark.marksUntil;
}

/** The leg of an order that is cancelled: what it did not get before it never gets. */
export const closeLeg = (leg: RefundLeg): RefundLeg =>
  leg.parkedMinor > 0n && !leg.closed ? { ...leg, closed: true } : leg;

/** Whatever names an order loads all its payments, so that they have an end. */
export const MAX_PAYMENTS_OF_ORDER = 1_000;

/** Throws `OrderTooLarge` when the order has as many payments and holds as it may have, those that ended included. */
export function requireRoomInOrder(book: GiftCardBook, orderId: string): void {
  const payments = book.redemptionsOfOrder(orderId).length + book.holdsOfOrder(orderId).length;
  if (payments < MAX_PAYMENTS_OF_ORDER) return;
  throw new OrderTooLarge(`An order takes at most ${MAX_PAYMENTS_OF_ORDER} payments and holds.`);
}

/** What the card has paid for this purpose already. */
export function paidBefore(
  book: GiftCardBook,
  card: GiftCard,
  { orderId, purpose }: PaymentPurpose,
): Redemption | undefined {
  return book.redemptionsOfOrder(orderId).find((paid) => paid.cardId === card.id && paid.purpose === purpose);
}

/** What the card holds for this purpose; a hold whose time is over counts no longer. */
export function heldBefore(book: GiftCardBook, card: GiftCard, { orderId, purpose }: PaymentPurpose): Hold | undefined {
  const open = card.openHold(orderId, purpose);
  return open !== undefined && open.expiresAt > book.now ? open : undefined;
}

/** Whether an earlier payment was of this amount, so that it is answered again; so it is where none is stated. */
export function isSameAmount(earlier: Redemption | Hold, amount: AmountIn | undefined): boolean {
  const again = amount?.(earlier.currency);
  return again === undefined || (again.currency === earlier.currency && again.minor === earlier.amountMinor);
}

/** What to take where no amount is given: all that is available, or what is due where that is less. */
export function amountDue(card: GiftCard, orderTotal: AmountIn | undefined, now: Date): Money {
  const available = card.available(now);
  const total = orderTotal?.(card.currency);
  // A total in another currency is refused where every amount in another currency is.
  const isMore = total?.currency === available.currency && total.compare(available) > 0;
  return total === undefined || isMore ? available : total;
}

/**
 * The card with its expiry booked where that is due, so that what refunds, cancellations and voiding leave doesn't depend
 * on whether the sweep came before them.
 */
export function withDueExpiry(card: GiftCard, expiryAccount: HouseAccount, moment: Moment): GiftCard {
  return card.expire(expiryAccount, moment) ?? card;
}

/** Refunds what waiting legs of an order ask for, as far as the card's redemptions for that order allow. */
export function applyWaitingLegs(
  book: GiftCardBook,
  card: GiftCard,
  orderId: string,
  legsOfOrder: readonly RefundLeg[],
  expiryAccount: HouseAccount,
  moment: Moment,
): { readonly card: GiftCard; readonly legs: readonly RefundLeg[] } {
  const redemptions = redemptionsOf(book, card, orderId);
  const legs = legsOfCard(legsOfOrder, card.id, redemptions).filter((leg) => leg.parkedMinor > 0n && !leg.closed);
  if (legs.length === 0 || redemptions.length === 0) return { card, legs: [] };
  return applyLegs(withDueExpiry(card, expiryAccount, moment), redemptions, legs, moment);
}

/** Accepts a payment that the card has just made, and gives the refunds that waited for it. */
export function acceptPayment(
  book: GiftCardBook,
  paid: GiftCard,
  redemptionId: string,
  expiryAccount: HouseAccount,
  moment: Moment,
) {
  const redemption = paid.changes.redemptions.find(({ id }) => id === redemptionId);
  if (redemption === undefined) throw new TypeError('The card has made no such payment.');
  const waiting = book.legsOfOrder(redemption.orderId);
  const { card, legs } = applyWaitingLegs(book, paid, redemption.orderId, waiting, expiryAccount, moment);
  return accept(viewRedemption(redemption, card, moment.now), { cards: [card], legs });
}

/** A card's redemptions for an order, those of this decision included. */
function redemptionsOf(book: GiftCardBook, card: GiftCard, orderId: string): readonly Redemption[] {
  const all = [...book.redemptionsOfOrder(orderId), ...card.changes.redemptions];
  const ofCard = all.filter((redemption) => redemption.cardId === card.id && redemption.orderId === orderId);
  return [...new Map(ofCard.map((redemption) => [redemption.id, redemption])).values()];
}
