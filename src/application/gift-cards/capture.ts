import { HoldEnded, HoldNotFound, RedemptionConflict } from '../../domain/gift-cards/errors.ts';
import type { GiftCardBook } from '../../domain/gift-cards/gift-card-repository.ts';
import type { Hold } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';
import { commandContext } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readOptionalAmount, type AmountIn } from './amounts.ts';
import { accept, reply } from './answers.ts';
import { cardById } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import { acceptPayment, isSameAmount, paidBefore } from './order-payments.ts';
import type { GiftCardPorts } from './ports.ts';
import { viewRedemption } from './views.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'policy' | 'ids'>;

/** Turns a hold, or a part of it, into the payment for its purpose; the same amount again answers the first result. */
export function capture({ cards, policy, ids }: Ports): Handler<(typeof giftCards)['operations']['capture']> {
  return async ({ holdId, amount: given }, call) => {
    const amount = readOptionalAmount(given);
    const redemptionId = ids();
    const committed = await cards.update(commandContext(call), { holdIds: [holdId] }, (book) => {
      const hold = requireHold(book, holdId);
      if (hold.status !== 'open') return captureAgain(book, hold, amount);
      const moment = { now: book.now, newId: ids };
      const card = cardById(book, hold.cardId);
      const paid = card.capture(holdId, redemptionId, amount?.(hold.currency), moment);
      return acceptPayment(book, paid, redemptionId, policy.expiryAccount, moment);
    });
    return reply(committed);
  };
}

/** Throws `HoldNotFound`. */
export function requireHold(book: GiftCardBook, holdId: string): Hold {
  const hold = book.hold(holdId);
  if (hold === undefined) throw new HoldNotFound('There is no such hold.');
  return hold;
}

/** Throws `HoldEnded`, saying how. */
export function refuseEnded({ status }: Hold): never {
  throw new HoldEnded(`The hold has ended: ${status}.`, { status });
}

/** The first capture's answer; throws `HoldEnded` where there was none, `RedemptionConflict` for another amount. */
function captureAgain(book: GiftCardBook, hold: Hold, amount: AmountIn | undefined) {
  const card = cardById(book, hold.cardId);
  const first = paidBefore(book, card, hold);
  if (hold.status !== 'captured' || first === undefined) refuseEnded(hold);
  // Left out, the amount is the whole hold, the second time too.
  if (!isSameAmount(first, amount ?? (() => Money.ofMinor(hold.amountMinor, hold.currency)))) {
    throw new RedemptionConflict('The hold was captured with another amount.');
  }
  return accept(viewRedemption(first, card, book.now));
}
