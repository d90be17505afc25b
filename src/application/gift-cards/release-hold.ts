import { commandContext } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import { accept, reply } from './answers.ts';
import { refuseEnded, requireHold } from './capture.ts';
import { cardById } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import { changedHold } from './hold.ts';
import type { GiftCardPorts } from './ports.ts';
import { viewHold } from './views.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'ids'>;

/** Gives the money of an open hold back to its card. */
export function releaseHold({ cards, ids }: Ports): Handler<(typeof giftCards)['operations']['releaseHold']> {
  return async ({ holdId }, call) => {
    const committed = await cards.update(commandContext(call), { holdIds: [holdId] }, (book) => {
      const hold = requireHold(book, holdId);
      if (hold.status !== 'open') refuseEnded(hold);
      const card = cardById(book, hold.cardId).release(holdId, { now: book.now, newId: ids });
      return accept(viewHold(changedHold(card, holdId), card.balance.minor), { cards: [card] });
    });
    return reply(committed);
  };
}
