import { CodeNotKept, RecipientMissing } from '../../domain/gift-cards/errors.ts';
import { commandContext } from '../shared/call.ts';
import { roomFor } from '../shared/job-room.ts';
import type { Handler } from '../shared/pipeline.ts';
import { accept, reply } from './answers.ts';
import { cardById } from './card-lookup.ts';
import { codeToDeliver, DELIVER_CODE, requestDelivery } from './code-delivery.ts';
import type { giftCards } from './contract.ts';
import { readerFor, type GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'reader' | 'vault' | 'sealer' | 'jobs' | 'policy'>;

/** Sends the e-mail with a card's code again, while the code is still kept for it. Throws `JobQueueFull`. */
export function resendEmail(ports: Ports): Handler<(typeof giftCards)['operations']['resendEmail']> {
  const { cards, jobs } = ports;
  return async ({ cardId }, call) => {
    const { tenant } = call.principal;
    const requireRoom = await roomFor(jobs, DELIVER_CODE, call);
    const reader = readerFor(ports, call);
    const [newest, recipient] = await Promise.all([
      reader.deliveryOfCard(tenant, cardId),
      reader.recipient(tenant, cardId),
    ]);
    const deliveryId = newest?.id ?? '';
    const keys = { cardIds: [cardId], deliveryIds: newest === undefined ? [] : [deliveryId] };
    const committed = await cards.update(commandContext(call), keys, (book) => {
      requireRoom();
      const card = cardById(book, cardId);
      if (typeof recipient?.email !== 'string') throw new RecipientMissing('There is no e-mail address to write to.');
      const delivery = book.delivery(deliveryId);
      if (delivery === undefined || codeToDeliver(ports, tenant, delivery, card) === undefined) {
        throw new CodeNotKept('The code is no longer kept: reissue it.');
      }
      const requests = [requestDelivery(deliveryId)];
      return accept({ deliveryId }, { deliveries: [{ ...delivery, status: 'pending' }] }, { requests });
    });
    return reply(committed);
  };
}
