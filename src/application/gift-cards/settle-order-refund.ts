import type { z } from 'zod';
import { OrderTooLarge } from '../../domain/gift-cards/errors.ts';
import type { GiftCardBook } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { RefundLeg } from '../../domain/gift-cards/records.ts';
import type { EventHandler } from '../shared/event-log.ts';
import { readNewAmount } from './amounts.ts';
import { accept } from './answers.ts';
import { cardById } from './card-lookup.ts';
import { orderRefunded } from './events.ts';
import { contextOf, foreignData } from './order-events.ts';
import { applyWaitingLegs, closeLeg, isCancelled } from './order-payments.ts';
import type { GiftCardPorts } from './ports.ts';

/** Whatever names an order loads all its legs, so that they have an end; beyond it the event becomes a dead letter. */
export const MAX_LEGS_OF_ORDER = 10_000;

type RefundOfCards = Exclude<z.output<typeof orderRefunded>, { readonly legs: undefined }>;
type Ports = Pick<GiftCardPorts, 'cards' | 'policy' | 'ids'>;

/**
 * Takes in the refund of an order: each of its legs counts once, goes to the redemptions that are there, and otherwise
 * waits for those that are still to come, unless the order is cancelled. A refund without legs isn't about gift cards.
 */
export function settleOrderRefund({ cards, policy, ids }: Ports): EventHandler {
  return async (event, effect) => {
    const refund = foreignData(event, orderRefunded);
    if (refund.legs === undefined) return;
    const { orderId } = refund;
    const received = legsOf(refund);
    const keys = { orderIds: [orderId], cardsOfOrders: true };
    await cards.update(contextOf(event, effect), keys, (book) => {
      const known = book.legsOfOrder(orderId);
      const legs = new Map(known.map((leg) => [keyOf(leg), leg]));
      for (const leg of received) if (!legs.has(keyOf(leg))) legs.set(keyOf(leg), { ...leg, receivedAt: book.now });
      if (legs.size > MAX_LEGS_OF_ORDER) {
        throw new OrderTooLarge(`An order takes at most ${MAX_LEGS_OF_ORDER} refund legs.`);
      }
      const moment = { now: book.now, newId: ids };
      const refunded: GiftCard[] = [];
      for (const card of payingCards(book, orderId)) {
        const applied = applyWaitingLegs(book, card, orderId, [...legs.values()], policy.expiryAccount, moment);
        for (const leg of applied.legs) legs.set(keyOf(leg), leg);
        if (applied.legs.length > 0) refunded.push(applied.card);
      }
      const settled = isCancelled(book, orderId) ? [...legs.values()].map(closeLeg) : [...legs.values()];
      return accept(true, { cards: refunded, legs: settled.filter((leg) => !known.includes(leg)) });
    });
  };
}

/** The legs of a refund, all of them waiting. Throws `InvalidAmount`. */
function legsOf({ orderId, refundId, legs }: RefundOfCards): readonly Omit<RefundLeg, 'receivedAt'>[] {
  return legs.map(({ cardId = null, redemptionId = null, amount }, leg) => {
    const { minor, currency } = readNewAmount(amount, `legs.${leg}.amount`);
    // A redemption names its card: the leg is that card's, whatever else it says.
    const target = redemptionId === null ? { cardId, redemptionId } : { cardId: null, redemptionId };
    return { orderId, refundId, leg, ...target, currency, amountMinor: minor, parkedMinor: minor, closed: false };
  });
}

const keyOf = ({ refundId, leg }: Pick<RefundLeg, 'refundId' | 'leg'>): string => `${leg} ${refundId}`;

/** The cards that paid for an order. */
function payingCards(book: GiftCardBook, orderId: string): readonly GiftCard[] {
  const ids = new Set(book.redemptionsOfOrder(orderId).map(({ cardId }) => cardId));
  return [...ids].map((id) => cardById(book, id));
}
