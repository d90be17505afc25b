import type { Moment } from '../../domain/gift-cards/card-state.ts';
import type { GiftCardBook } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { HouseAccount } from '../../domain/gift-cards/journal.ts';
import { refundableMinor } from '../../domain/gift-cards/order-refunds.ts';
import type { OrderMark } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';
import type { EventHandler } from '../shared/event-log.ts';
import { accept } from './answers.ts';
import { cardById } from './card-lookup.ts';
import { orderCancelled } from './events.ts';
import { contextOf, foreignData } from './order-events.ts';
import { closeLeg, withDueExpiry } from './order-payments.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'policy' | 'ids'>;

/**
 * Takes in that an order was cancelled: its holds are released, what is left of its redemptions is refunded, refunds that
 * wait for payments wait no more, and a mark refuses payments that come later. A second time finds nothing left to do.
 */
export function cancelOrder({ cards, policy, ids }: Ports): EventHandler {
  return async (event, effect) => {
    const { orderId } = foreignData(event, orderCancelled);
    const keys = { orderIds: [orderId], cardsOfOrders: true };
    await cards.update(contextOf(event, effect), keys, (book) => {
      const moment = { now: book.now, newId: ids };
      const changed = involvedCards(book, orderId)
        .map((card) => undoOrder(book, card, orderId, policy.expiryAccount, moment))
        .filter((card) => card.changes.events.length > 0);
      const mark = newMark(book, orderId, policy.cancelMarkSeconds);
      const known = book.legsOfOrder(orderId);
      const legs = known.map(closeLeg).filter((leg) => !known.includes(leg));
      return accept(true, { cards: changed, legs, marks: mark === undefined ? [] : [mark] });
    });
  };
}

function involvedCards(book: GiftCardBook, orderId: string): readonly GiftCard[] {
  const payments = [...book.redemptionsOfOrder(orderId), ...book.holdsOfOrder(orderId)];
  return [...new Set(payments.map(({ cardId }) => cardId))].map((id) => cardById(book, id));
}

function undoOrder(
  book: GiftCardBook,
  card: GiftCard,
  orderId: string,
  expiryAccount: HouseAccount,
  moment: Moment,
): GiftCard {
  const released = card.releaseOrder(orderId, moment);
  const refundable = book
    .redemptionsOfOrder(orderId)
    .filter((paid) => paid.cardId === card.id && refundableMinor(paid) > 0n);
  if (refundable.length === 0) return released;
  return refundable.reduce(
    (next, paid) => next.refund(paid, `cancel:${orderId}`, Money.ofMinor(refundableMinor(paid), paid.currency), moment),
    withDueExpiry(released, expiryAccount, moment),
  );
}

/** The order's mark; undefined while an earlier one stands. */
function newMark(book: GiftCardBook, orderId: string, seconds: number): OrderMark | undefined {
  const { now } = book;
  const earlier = book.markOfOrder(orderId);
  if (earlier !== undefined && now < earlier.marksUntil) return undefined;
  return { orderId, cancelledAt: now, marksUntil: new Date(now.getTime() + seconds * 1000) };
}
