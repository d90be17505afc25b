import { RedemptionNotFound, RefundExceedsRedemption } from '../../domain/gift-cards/errors.ts';
import { refundableMinor } from '../../domain/gift-cards/order-refunds.ts';
import type { Redemption } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';
import { commandContext } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readOptionalAmount } from './amounts.ts';
import { accept, reply } from './answers.ts';
import { cardById } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import { withDueExpiry } from './order-payments.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'policy' | 'ids'>;

/** Returns money of a redemption to its card: by default all of it that was not returned before. */
export function refundToCard({ cards, policy, ids }: Ports): Handler<(typeof giftCards)['operations']['refundToCard']> {
  return async ({ redemptionId, amount: given }, call) => {
    const amount = readOptionalAmount(given);
    const refundId = ids();
    const committed = await cards.update(commandContext(call), { redemptionIds: [redemptionId] }, (book) => {
      const redemption = book.redemption(redemptionId);
      if (redemption === undefined) throw new RedemptionNotFound('There is no such redemption.');
      const refunded = amount?.(redemption.currency) ?? refundable(redemption);
      const moment = { now: book.now, newId: ids };
      const before = withDueExpiry(cardById(book, redemption.cardId), policy.expiryAccount, moment);
      const card = before.refund(redemption, refundId, refunded, moment);
      const answer = { refundId, refundedAmount: refunded.toJSON(), newBalance: card.balance.toJSON() };
      return accept(answer, { cards: [card] });
    });
    return reply(committed);
  };
}

function refundable(redemption: Redemption): Money {
  const left = refundableMinor(redemption);
  if (left > 0n) return Money.ofMinor(left, redemption.currency);
  throw new RefundExceedsRedemption('All of the redemption was refunded already.', {
    refundable: Money.ofMinor(0n, redemption.currency).toDecimal(),
    currency: redemption.currency,
  });
}
