import { subjectOf } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';
import { viewCard } from './views.ts';

type Ports = Pick<GiftCardPorts, 'reader'>;

/** Lists cards, newest first; to a caller who may see only his own, those that he bought or holds. */
export function listCards({ reader }: Ports): Handler<(typeof giftCards)['operations']['listCards']> {
  return async ({ limit, cursor, ...filter }, call) => {
    const ownerId = call.reach === 'own' ? subjectOf(call.principal) : undefined;
    const [{ items, nextCursor }, now] = await Promise.all([
      reader.list(call.principal.tenant, { ...filter, ownerId }, { limit, cursor }),
      reader.now(),
    ]);
    return { data: items.map((card) => viewCard(card, now)), nextCursor };
  };
}
