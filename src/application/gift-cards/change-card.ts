import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Moment } from '../../domain/gift-cards/card-state.ts';
import { commandContext, type Call, type Reply } from '../shared/call.ts';
import { accept, reply } from './answers.ts';
import { lookUp, type CardReference } from './card-lookup.ts';
import type { GiftCardPorts } from './ports.ts';
import { lookUpByStaff } from './refusals.ts';
import { viewCard, type CardView } from './views.ts';

export type ChangeCardPorts = Pick<GiftCardPorts, 'cards' | 'vault' | 'policy' | 'guard' | 'ids'>;

/** Changes one card that a member of staff names, and answers with it. Throws `CardNotFound`, `InvalidCode` or `RateLimited`. */
export function changeCard(
  { cards, ids, ...ports }: ChangeCardPorts,
  reference: CardReference,
  call: Call,
  change: (card: GiftCard, moment: Moment) => GiftCard,
): Promise<Reply<CardView>> {
  return lookUpByStaff(ports, call, reference.code, async () => {
    const lookup = lookUp(ports, reference);
    const committed = await cards.update(commandContext(call), lookup.keys, (book) => {
      const card = change(lookup.in(book), { now: book.now, newId: ids });
      return accept(viewCard(card, book.now), { cards: [card] });
    });
    return reply(committed);
  });
}
