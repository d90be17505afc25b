import type { Handler } from '../shared/pipeline.ts';
import { findCard } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';
import { viewTransaction } from './views.ts';

type Ports = Pick<GiftCardPorts, 'reader' | 'vault' | 'policy' | 'guard'>;

/** Lists the journal of a card, newest first. */
export function listTransactions(ports: Ports): Handler<(typeof giftCards)['operations']['listTransactions']> {
  return async ({ limit, cursor, ...reference }, call) => {
    const { card } = await findCard(ports, reference, call);
    const page = { limit, cursor };
    const { items, nextCursor } = await ports.reader.transactions(call.principal.tenant, card.id, page);
    return { data: items.map(viewTransaction), nextCursor };
  };
}
