import { commandContext, subjectOf } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import { accept, reply } from './answers.ts';
import { lookUp } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import { withDueExpiry } from './order-payments.ts';
import type { GiftCardPorts } from './ports.ts';
import { lookUpByStaff } from './refusals.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'vault' | 'policy' | 'guard' | 'ids'>;

/** Ends a card for good: who does it, why, and which account takes the remainder are recorded. */
export function voidCard({ cards, ids, ...ports }: Ports): Handler<(typeof giftCards)['operations']['void']> {
  return (input, call) =>
    lookUpByStaff(ports, call, input.code, async () => {
      const lookup = lookUp(ports, input);
      const by = { adminId: input.adminId ?? subjectOf(call.principal), reason: input.reason, account: input.account };
      const committed = await cards.update(commandContext(call), lookup.keys, (book) => {
        const moment = { now: book.now, newId: ids };
        const card = withDueExpiry(lookup.in(book), ports.policy.expiryAccount, moment).void(by, moment);
        return accept(true, { cards: [card] });
      });
      return reply(committed);
    });
}
