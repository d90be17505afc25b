import { parseCode, type GiftCardCode } from '../../domain/gift-cards/code.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Delivery } from '../../domain/gift-cards/records.ts';
import type { JobRequest } from '../../domain/shared/decision.ts';
import type { GiftCardPorts } from './ports.ts';

export const DELIVER_CODE = 'gift-cards.deliver-code';

/** Asks for the mail job; it looks up by itself whom and what to write to. */
export const requestDelivery = (deliveryId: string): JobRequest => ({
  type: DELIVER_CODE,
  payload: { deliveryId },
  priority: 'high_priority',
});

/** Prepares the delivery of a code by e-mail: it waits sealed, for this delivery only. */
export function prepareDelivery(
  { ids, sealer }: Pick<GiftCardPorts, 'ids' | 'sealer'>,
  tenant: string,
  code: GiftCardCode,
): { readonly request: JobRequest; readonly of: (cardId: string, now: Date) => Delivery } {
  const id = ids();
  const sealedCode = sealer.seal(code.reveal(), deliveryContext(tenant, id));
  return {
    request: requestDelivery(id),
    of: (cardId, now) => ({ id, cardId, sealedCode, status: 'pending', createdAt: now, deliveredAt: null }),
  };
}

/** The code that a delivery still keeps, unless it is worth nothing any more: the card has another, or was voided. */
export function codeToDeliver(
  { sealer, vault, policy }: Pick<GiftCardPorts, 'sealer' | 'vault' | 'policy'>,
  tenant: string,
  delivery: Delivery,
  card: GiftCard,
): string | undefined {
  const { codeIndex, voidedAt } = card.toSnapshot();
  if (delivery.sealedCode === null || voidedAt !== null) return undefined;
  const text = sealer.open(delivery.sealedCode, deliveryContext(tenant, delivery.id));
  const body = parseCode(text, policy.codeLengths)?.body;
  const isCurrent = body !== undefined && vault.keysOf(body).includes(codeIndex);
  return isCurrent ? text : undefined;
}

const deliveryContext = (tenant: string, id: string): string => JSON.stringify(['gift-cards.delivery', tenant, id]);
