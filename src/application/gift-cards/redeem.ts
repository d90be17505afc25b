import { commandContext } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readOptionalAmount } from './amounts.ts';
import { accept, reply } from './answers.ts';
import { lookUp } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import {
  acceptPayment,
  amountDue,
  heldBefore,
  isSameAmount,
  paidBefore,
  requireOrderOpen,
  requireRoomInOrder,
} from './order-payments.ts';
import type { GiftCardPorts } from './ports.ts';
import { attempt, requireOwnSpending } from './refusals.ts';
import { viewRedemption } from './views.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'vault' | 'policy' | 'guard' | 'ids'>;

/**
 * Pays for an order, once for each purpose: the same amount again answers the first result. Refunds of the order that
 * arrived before are given at once.
 */
export function redeem({ cards, ids, policy, ...ports }: Ports): Handler<(typeof giftCards)['operations']['redeem']> {
  return (input, call) =>
    attempt(ports, call, input.code, async () => {
      requireOwnSpending(input, call);
      const { orderId, purpose } = input;
      const amount = readOptionalAmount(input.amount);
      const orderTotal = readOptionalAmount(input.orderTotal, 'orderTotal');
      const lookup = lookUp({ ...ports, policy }, input);
      const id = ids();
      const keys = { ...lookup.keys, orderIds: [orderId] };
      const committed = await cards.update(commandContext(call), keys, (book) =>
        lookup.judge(book, (card) => {
          const moment = { now: book.now, newId: ids };
          requireOrderOpen(book, orderId);
          card.requireHolder(input.holderId);
          const before = paidBefore(book, card, input);
          if (before !== undefined && isSameAmount(before, amount)) {
            return accept(viewRedemption(before, card, book.now));
          }
          requireRoomInOrder(book, orderId);
          const earlier = before ?? heldBefore(book, card, input);
          const due = amount?.(card.currency) ?? amountDue(card, orderTotal, book.now);
          const paid = card.redeem({ id, orderId, purpose, amount: due, earlier }, moment);
          return acceptPayment(book, paid, id, policy.expiryAccount, moment);
        }),
      );
      return reply(committed);
    });
}
