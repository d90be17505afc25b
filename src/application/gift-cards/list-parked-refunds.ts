import type { RefundLeg } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';
import type { Handler } from '../shared/pipeline.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'reader'>;

/**
 * Lists refunds of orders that wait for a redemption, or exceed those there are; oldest first. Refunds of cancelled
 * orders wait no more and are listed apart: all that was paid for those has gone back.
 */
export function listParkedRefunds({ reader }: Ports): Handler<(typeof giftCards)['operations']['listParkedRefunds']> {
  return async ({ orderId, closed, limit, cursor }, call) => {
    const { items, nextCursor } = await reader.parkedLegs(
      call.principal.tenant,
      { orderId, closed },
      { limit, cursor },
    );
    return { data: items.map(viewLeg), nextCursor };
  };
}

function viewLeg({ orderId, refundId, leg, cardId, redemptionId, currency, closed, receivedAt, ...sums }: RefundLeg) {
  return {
    orderId,
    refundId,
    leg,
    cardId,
    redemptionId,
    amount: Money.ofMinor(sums.amountMinor, currency).toJSON(),
    parked: Money.ofMinor(sums.parkedMinor, currency).toJSON(),
    closed,
    receivedAt: receivedAt.toISOString(),
  };
}
