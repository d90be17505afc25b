import { RecipientMissing } from '../../domain/gift-cards/errors.ts';
import { commandContext, type Call } from '../shared/call.ts';
import { roomFor } from '../shared/job-room.ts';
import type { Handler } from '../shared/pipeline.ts';
import { accept, replyWithCode, sealForAnswer } from './answers.ts';
import { lookUp, readReference, type CardReference } from './card-lookup.ts';
import { DELIVER_CODE, prepareDelivery } from './code-delivery.ts';
import type { giftCards } from './contract.ts';
import { newCode } from './new-code.ts';
import { readerFor, type GiftCardPorts } from './ports.ts';
import { lookUpByStaff } from './refusals.ts';
import { viewCard } from './views.ts';

type Ports = Pick<
  GiftCardPorts,
  'cards' | 'reader' | 'vault' | 'sealer' | 'jobs' | 'policy' | 'guard' | 'ids' | 'randomBytes'
>;

/**
 * Replaces a lost code by one with the same prefix, in the length of the policy; the old one is worth nothing from that
 * moment on. Throws `JobQueueFull` where there is no room for the e-mail.
 */
export function reissueCode(ports: Ports): Handler<(typeof giftCards)['operations']['reissueCode']> {
  const { cards, ids, jobs } = ports;
  return (input, call) =>
    lookUpByStaff(ports, call, input.code, async () => {
      const { tenant } = call.principal;
      const lookup = lookUp(ports, input);
      const byMail = input.deliver === 'email';
      const requireRoom = byMail ? await roomFor(jobs, DELIVER_CODE, call) : undefined;
      const hasAddress = byMail && (await hasRecipient(ports, input, call));
      const committed = await cards.update(commandContext(call), lookup.keys, (book) => {
        requireRoom?.();
        const lost = lookup.in(book);
        // The card alone knows its prefix. Decided again it gets another code: the answer opens the one that was stored.
        const { code, onCard } = newCode(ports, lost.toSnapshot().prefix);
        const card = lost.reissueCode(onCard, input.reason, { now: book.now, newId: ids });
        if (byMail && !hasAddress) throw new RecipientMissing('There is no e-mail address to send the code to.');
        const answer = viewCard(card, book.now);
        if (!byMail) return accept(answer, { cards: [card] }, { sealed: sealForAnswer(ports, code.reveal(), call) });
        const mail = prepareDelivery(ports, tenant, code);
        const deliveries = [mail.of(card.id, book.now)];
        return accept(answer, { cards: [card], deliveries }, { requests: [mail.request] });
      });
      return replyWithCode(ports, committed, call);
    });
}

async function hasRecipient(ports: Ports, reference: CardReference, call: Call): Promise<boolean> {
  const reader = readerFor(ports, call);
  const { tenant } = call.principal;
  const card = await reader.find(tenant, readReference(ports, reference));
  const recipient = card === undefined ? undefined : await reader.recipient(tenant, card.id);
  return typeof recipient?.email === 'string';
}
