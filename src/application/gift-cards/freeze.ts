import type { Handler } from '../shared/pipeline.ts';
import { changeCard, type ChangeCardPorts } from './change-card.ts';
import type { giftCards } from './contract.ts';

/** Stops spending from a card. */
export function freeze(ports: ChangeCardPorts): Handler<(typeof giftCards)['operations']['freeze']> {
  return (input, call) => changeCard(ports, input, call, (card, moment) => card.freeze(input.reason, moment));
}

/** Allows spending again. */
export function unfreeze(ports: ChangeCardPorts): Handler<(typeof giftCards)['operations']['unfreeze']> {
  return (input, call) => changeCard(ports, input, call, (card, moment) => card.unfreeze(input.reason, moment));
}
