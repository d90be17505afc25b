import { HolderMismatch, TransferToSameCard } from '../../domain/gift-cards/errors.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import { commandContext, subjectOf, type Call } from '../shared/call.ts';
import type { ParsedInputOf } from '../shared/contract.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readAmount } from './amounts.ts';
import { accept, reply } from './answers.ts';
import { lookUp } from './card-lookup.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';
import { attempt } from './refusals.ts';

type Transfer = (typeof giftCards)['operations']['transfer'];
type Ports = Pick<GiftCardPorts, 'cards' | 'vault' | 'policy' | 'guard' | 'ids'>;

/** Moves money from one card to another; both balances change in one commit. */
export function transfer({ cards, ids, ...ports }: Ports): Handler<Transfer> {
  return (input, call) =>
    attempt(ports, call, input.fromCode ?? input.toCode, async () => {
      const amountIn = readAmount(input.amount);
      const source = lookUp(ports, { cardId: input.fromCardId, code: input.fromCode });
      const target = lookUp(ports, { cardId: input.toCardId, code: input.toCode });
      const keys = {
        cardIds: [...source.keys.cardIds, ...target.keys.cardIds],
        codes: [...source.keys.codes, ...target.keys.codes],
      };
      const transferId = ids();
      const committed = await cards.update(commandContext(call), keys, (book) =>
        source.judge(book, (payer) =>
          target.judge(book, (payee) => {
            const moment = { now: book.now, newId: ids };
            requireMayTransfer(payer, payee, input, call);
            const amount = amountIn(payer.currency);
            // The payer is judged before the two are compared: only who could spend from it learns more about it.
            const from = payer.transferOut(transferId, payee.id, amount, moment);
            if (payer.id === payee.id) throw new TransferToSameCard('A card cannot be transferred to itself.');
            const to = payee.transferIn(transferId, payer, amount, input.acceptEarlierExpiry, moment);
            const balances = { fromBalance: from.balance.toJSON(), toBalance: to.balance.toJSON() };
            return accept({ transferId, amount: amount.toJSON(), ...balances }, { cards: [from, to] });
          }),
        ),
      );
      return reply(committed);
    });
}

/**
 * A card that is bound to a holder is never spent by its code. Staff name cards by id, as in all that is theirs to do.
 * Who may transfer only what is his names cards by id that are bound to him; the receiving one may be any whose code he
 * has. Throws `HolderMismatch`.
 */
function requireMayTransfer(payer: GiftCard, payee: GiftCard, input: ParsedInputOf<Transfer>, call: Call): void {
  if (input.fromCode !== undefined) payer.requireHolder(undefined);
  if (call.reach !== 'own') return;
  const subject = subjectOf(call.principal);
  if (input.fromCode !== undefined)
    throw new HolderMismatch('You can pay with cards that are bound to you only, by id.');
  payer.requireHolder(subject);
  if (input.toCode === undefined) payee.requireHolder(subject);
}
