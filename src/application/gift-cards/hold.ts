import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Hold } from '../../domain/gift-cards/records.ts';
import { commandContext } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readOptionalAmount } from './amounts.ts';
import { accept, reply } from './answers.ts';
import { lookUp } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import {
  amountDue,
  heldBefore,
  isSameAmount,
  paidBefore,
  requireOrderOpen,
  requireRoomInOrder,
} from './order-payments.ts';
import type { GiftCardPorts } from './ports.ts';
import { attempt, requireOwnSpending } from './refusals.ts';
import { viewHold } from './views.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'vault' | 'policy' | 'guard' | 'ids'>;

/** Reserves money for an order. The same amount again, while the hold is open, answers the first result. */
export function hold({ cards, ids, ...ports }: Ports): Handler<(typeof giftCards)['operations']['hold']> {
  return (input, call) =>
    attempt(ports, call, input.code, async () => {
      requireOwnSpending(input, call);
      const { orderId, purpose, expiresInSeconds } = input;
      const amount = readOptionalAmount(input.amount);
      const orderTotal = readOptionalAmount(input.orderTotal, 'orderTotal');
      const lookup = lookUp(ports, input);
      const id = ids();
      const keys = { ...lookup.keys, orderIds: [orderId] };
      const committed = await cards.update(commandContext(call), keys, (book) =>
        lookup.judge(book, (card) => {
          requireOrderOpen(book, orderId);
          card.requireHolder(input.holderId);
          const before = heldBefore(book, card, input);
          if (before !== undefined && isSameAmount(before, amount)) {
            return accept(viewHold(before, before.balanceAfterMinor));
          }
          requireRoomInOrder(book, orderId);
          const earlier = before ?? paidBefore(book, card, input);
          const due = amount?.(card.currency) ?? amountDue(card, orderTotal, book.now);
          const expiresAt = new Date(book.now.getTime() + expiresInSeconds * 1000);
          const moment = { now: book.now, newId: ids };
          const held = card.hold({ id, orderId, purpose, amount: due, earlier }, expiresAt, moment);
          const made = changedHold(held, id);
          return accept(viewHold(made, made.balanceAfterMinor), { cards: [held] });
        }),
      );
      return reply(committed);
    });
}

/** A hold that the card has just made, changed or ended. */
export function changedHold(card: GiftCard, holdId: string): Hold {
  const changed = card.changes.holds.find(({ id }) => id === holdId);
  if (changed === undefined) throw new TypeError('The card has not changed this hold.');
  return changed;
}
