import type { Delivery } from '../../domain/gift-cards/records.ts';
import type { CommandContext } from '../../domain/shared/decision.ts';
import { accept } from './answers.ts';
import { codeToDeliver } from './code-delivery.ts';
import { codeMail } from './code-mail.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'reader' | 'mailer' | 'vault' | 'sealer' | 'policy'>;

/**
 * What became of a delivery; `dropped` when there is nobody to write to, the code is no longer the card's, or it was not
 * kept so long.
 */
export type DeliveryOutcome = 'delivered' | 'dropped' | 'done_before';

/**
 * Mails a code to its recipient and then destroys the copy that was kept for it. At least once: if this ends between
 * the two, the e-mail is sent again.
 */
export function deliverCode(ports: Ports): (deliveryId: string, context: CommandContext) => Promise<DeliveryOutcome> {
  const { reader, mailer } = ports;
  return async (deliveryId, context) => {
    const { tenant, signal, causationId } = context;
    const delivery = await reader.delivery(tenant, deliveryId);
    if (delivery?.status === 'failed') return 'dropped';
    if (delivery?.status !== 'pending') return 'done_before';
    const [card, recipient] = await Promise.all([
      reader.find(tenant, { cardId: delivery.cardId }),
      reader.recipient(tenant, delivery.cardId),
    ]);
    const code = card === undefined ? undefined : codeToDeliver(ports, tenant, delivery, card);
    if (card === undefined || code === undefined || typeof recipient?.email !== 'string') {
      await endDelivery(ports, context, deliveryId, 'failed');
      return 'dropped';
    }
    const { expiresAt, balance } = card;
    const mail = codeMail({ to: recipient.email, message: recipient.message, code, amount: balance, expiresAt });
    // By the job: its retries are one mail, but whoever asks for the mail again wants a second one.
    await mailer.send(mail, { signal, idempotencyKey: causationId ?? deliveryId });
    await endDelivery(ports, context, deliveryId, 'delivered');
    return 'delivered';
  };
}

/** Ends a delivery that is still pending, and destroys the copy of its code; false where it had ended. */
export async function endDelivery(
  { cards }: Pick<GiftCardPorts, 'cards'>,
  context: CommandContext,
  deliveryId: string,
  status: Extract<Delivery['status'], 'delivered' | 'failed'>,
): Promise<boolean> {
  const { answer } = await cards.update(context, { deliveryIds: [deliveryId] }, (book) => {
    const delivery = book.delivery(deliveryId);
    if (delivery?.status !== 'pending') return accept(false);
    const deliveredAt = status === 'delivered' ? book.now : null;
    return accept(true, { deliveries: [{ ...delivery, status, deliveredAt, sealedCode: null }] });
  });
  return answer;
}
