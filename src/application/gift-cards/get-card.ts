import type { Handler } from '../shared/pipeline.ts';
import { findCard } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';
import { viewCard } from './views.ts';

type Ports = Pick<GiftCardPorts, 'reader' | 'vault' | 'policy' | 'guard'>;

/** Shows one card. */
export function getCard(ports: Ports): Handler<(typeof giftCards)['operations']['getCard']> {
  return async (input, call) => {
    const { card, now } = await findCard(ports, input, call);
    return { data: viewCard(card, now) };
  };
}
