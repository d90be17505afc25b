import { InvalidExpiry, RecipientMissing } from '../../domain/gift-cards/errors.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Recipient } from '../../domain/gift-cards/records.ts';
import { commandContext } from '../shared/call.ts';
import type { ParsedInputOf } from '../shared/contract.ts';
import { fieldFault } from '../shared/field-fault.ts';
import { roomFor } from '../shared/job-room.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readNewAmount } from './amounts.ts';
import { accept, replyWithCode, sealForAnswer } from './answers.ts';
import { DELIVER_CODE, prepareDelivery } from './code-delivery.ts';
import type { giftCards } from './contract.ts';
import { newCode } from './new-code.ts';
import type { GiftCardPolicy, GiftCardPorts } from './ports.ts';
import { viewCard } from './views.ts';

type Create = (typeof giftCards)['operations']['create'];
type Ports = Pick<GiftCardPorts, 'cards' | 'vault' | 'sealer' | 'jobs' | 'policy' | 'ids' | 'randomBytes'>;

/**
 * Issues a card. Its code is told in the answer, or else only in the e-mail to the recipient; it is stored sealed for
 * the repeat of a lost answer and until the e-mail has gone. Throws `JobQueueFull` where there is no room for the e-mail.
 */
export function create(ports: Ports): Handler<Create> {
  const { cards, ids, jobs, policy } = ports;
  return async (input, call) => {
    const { recipientEmail, deliver, purchaserId, holderId = null } = input;
    if (deliver === 'email' && recipientEmail === undefined) {
      throw new RecipientMissing('There is no e-mail address to send the code to.');
    }
    const amount = readNewAmount(input.amount);
    const requireRoom = recipientEmail === undefined ? undefined : await roomFor(jobs, DELIVER_CODE, call);
    const { code, onCard } = newCode(ports, input.prefix);
    const id = ids();
    const sealed = deliver === 'answer' ? sealForAnswer(ports, code.reveal(), call) : undefined;
    const mail = recipientEmail === undefined ? undefined : prepareDelivery(ports, call.principal.tenant, code);
    const committed = await cards.update(commandContext(call), {}, ({ now }) => {
      requireRoom?.();
      const expiresAt = expiryOf(input.expiresAt, policy, now, amount.currency);
      const from = { id, ...onCard, amount, purchaserId, holderId, expiresAt, fundedBy: 'sales' } as const;
      const card = GiftCard.issue(from, { now, newId: ids });
      const personal = {
        recipients: recipientsOf(id, input),
        deliveries: mail === undefined ? [] : [mail.of(id, now)],
      };
      const requests = mail === undefined ? [] : [mail.request];
      return accept(viewCard(card, now), { cards: [card], ...personal }, { sealed, requests });
    });
    return replyWithCode(ports, committed, call);
  };
}

/**
 * The expiry that was asked for, null for never, or else the policy's. Throws `InvalidExpiry`, which names the field, for
 * one that was asked for and doesn't lie ahead; of the policy's no field is at fault.
 */
export function expiryOf(
  asked: string | null | undefined,
  policy: GiftCardPolicy,
  now: Date,
  currency: string,
): Date | null {
  if (asked === undefined) return policy.expiry(now, currency);
  if (asked === null) return null;
  const expiresAt = new Date(asked);
  if (expiresAt > now) return expiresAt;
  const message = 'A card must expire in the future.';
  throw new InvalidExpiry(message, fieldFault('expiresAt', message));
}

function recipientsOf(cardId: string, { recipientEmail, message }: ParsedInputOf<Create>): readonly Recipient[] {
  if (recipientEmail === undefined && message === undefined) return [];
  return [{ cardId, email: recipientEmail ?? null, message: message ?? null }];
}
