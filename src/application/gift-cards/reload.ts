import type { Handler } from '../shared/pipeline.ts';
import { ofAmount, readAmount } from './amounts.ts';
import { changeCard, type ChangeCardPorts } from './change-card.ts';
import type { giftCards } from './contract.ts';

/** Adds money that was paid for to a card. */
export function reload(ports: ChangeCardPorts): Handler<(typeof giftCards)['operations']['reload']> {
  return async (input, call) => {
    const amountIn = readAmount(input.amount);
    const reloadId = ports.ids();
    // It may also be too much for what the card has already, which staff may know.
    return changeCard(ports, input, call, (card, moment) =>
      ofAmount('amount', () => card.reload(amountIn(card.currency), reloadId, moment)),
    );
  };
}
