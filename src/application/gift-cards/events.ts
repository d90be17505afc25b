import { z } from 'zod';
import { event } from '../shared/contract.ts';
import { currency, decimalText, foreignId, instant, uuid } from '../shared/schemas.ts';

const card = { cardId: uuid, balance: decimalText, currency };
const about = <F extends z.ZodRawShape>(summary: string, facts: F) =>
  event({ summary, version: 1, key: 'cardId', payload: z.object({ ...card, ...facts }) });
const paid = { redemptionId: uuid, orderId: z.string(), purpose: z.string(), amount: decimalText };
const why = { reason: z.string() };

/** What happens to gift cards. Names are topics; amounts are decimal text in the card's currency. */
export const events = {
  'gift_card.created': about('A card was issued', {
    amount: decimalText,
    purchaserId: z.string(),
    holderId: z.string().nullable(),
    batchId: uuid.nullable(),
    expiresAt: instant.nullable(),
  }),
  'gift_card.redeemed': about('A card paid for an order', paid),
  'gift_card.captured': about('A hold became a redemption', { ...paid, holdId: uuid }),
  'gift_card.refunded': about('Money of a redemption came back', {
    refundId: z.string(),
    redemptionId: uuid,
    orderId: z.string(),
    amount: decimalText,
    toVoidAccount: z.boolean(),
    afterExpiry: z.boolean(),
  }),
  'gift_card.held': about('Money was reserved for an order', {
    holdId: uuid,
    orderId: z.string(),
    purpose: z.string(),
    amount: decimalText,
    expiresAt: instant,
  }),
  'gift_card.released': about('Reserved money went back to the card', {
    holdId: uuid,
    orderId: z.string(),
    amount: decimalText,
    status: z.enum(['released', 'expired']),
  }),
  'gift_card.reloaded': about('Money was added', { amount: decimalText, reloadId: z.string() }),
  'gift_card.transferred': about('Money moved between two cards', {
    transferId: uuid,
    direction: z.enum(['in', 'out']),
    otherCardId: uuid,
    amount: decimalText,
    expiresAt: instant.nullable().optional(),
  }),
  'gift_card.expired': about('A card reached its expiry and was booked', {
    amount: decimalText,
    account: z.string(),
  }),
  'gift_card.voided': about('A card was ended for good', {
    adminId: z.string(),
    ...why,
    account: z.string(),
    amount: decimalText,
  }),
  'gift_card.frozen': about('Spending was stopped', why),
  'gift_card.unfrozen': about('Spending was allowed again', why),
  'gift_card.expiry_extended': about('A card expires later, or never', { expiresAt: instant.nullable(), ...why }),
  'gift_card.code_reissued': about('A code was replaced', { lastFour: z.string(), ...why }),
  'gift_card.batch_created': event({
    summary: 'Cards of a batch were issued: one event for many cards',
    version: 1,
    key: 'batchId',
    payload: z.object({
      batchId: uuid,
      fromIndex: z.int(),
      count: z.int(),
      amount: decimalText,
      currency,
      purchaserId: z.string(),
      prefix: z.string(),
      expiresAt: instant.nullable(),
    }),
  }),
} as const;

const leg = z
  .object({
    cardId: uuid.nullish(),
    redemptionId: uuid.nullish(),
    amount: z.object({ amount: decimalText, currency }),
  })
  .refine(({ cardId, redemptionId }) => (cardId ?? redemptionId ?? null) !== null, {
    message: 'name a card or a redemption',
    path: ['cardId'],
  });

const refundOfCards = z.object({ orderId: foreignId, refundId: foreignId, legs: z.array(leg).min(1).max(100) });

/** A refund without legs isn't about gift cards, whatever else it says. */
function aboutCards(data: unknown): unknown {
  const legs: unknown = data !== null && typeof data === 'object' && 'legs' in data ? data.legs : undefined;
  const isEmpty = Array.isArray(legs) ? legs.length === 0 : legs === undefined || legs === null;
  return isEmpty ? null : data;
}

/** `order.refunded` of another system: which cards get how much back; nothing where none do. */
export const orderRefunded = z
  .preprocess(aboutCards, refundOfCards.nullable())
  .transform((refund) => refund ?? { legs: undefined });

/** `order.cancelled` of another system. */
export const orderCancelled = z.object({ orderId: foreignId });

/** Events of other systems that gift cards act on, with what is kept of their data. */
export const consumes = { 'order.refunded': orderRefunded, 'order.cancelled': orderCancelled } as const;
