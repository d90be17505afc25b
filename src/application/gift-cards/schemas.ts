import { z } from 'zod';
import { CARD_STATUSES } from '../../domain/gift-cards/card-state.ts';
import { containsCode } from '../../domain/gift-cards/code-in-text.ts';
import { HOUSE_ACCOUNTS, TRANSACTION_TYPES } from '../../domain/gift-cards/journal.ts';
import { personal, sampled, secret } from '../shared/contract.ts';
import {
  currency,
  decimalText,
  instant,
  money,
  type moneyOfCard,
  orderId,
  text,
  textLike,
  userId,
  uuid,
} from '../shared/schemas.ts';

const EXAMPLE_CODE = 'GIFT-7K3M-9QXT-2WBD-5RNR';

/** A code as it is told. */
export const toldCode = secret(textLike(EXAMPLE_CODE));

/** A code as somebody typed it; whether it can be one is told by the answer for all refusals, not by the schema. */
export const code = secret(text(128)).meta({
  description: 'Gift card code, GIFT-XXXX-XXXX-XXXX-XXXX',
  examples: [EXAMPLE_CODE],
});
export const otherCode = code.meta({ examples: ['GIFT-Q4ZP-8H6V-J3TC-Y0EZ'] });

/** What codes begin with. */
export const prefix = z
  .string()
  .regex(/^[A-Z0-9]{1,12}$/)
  .meta({ examples: ['GIFT'] });
export const lastFour = z
  .string()
  .regex(/^[0-9A-Z]{4}$/)
  .meta({ examples: ['5RNR'] });

/**
 * What somebody writes in his own words. It is stored as it is, so codes are kept out of it. Identifiers that other
 * systems gave are not looked through: one that happens to look like a code would be refused for ever.
 */
const ownWords = (max: number) =>
  // Text that is too long is refused for that, unread.
  text(max).refine((value) => value.length > max || !containsCode(value), 'must not contain a gift card code');
export const reason = ownWords(500).meta({ examples: ['Asked for by the customer'] });
export const message = personal(ownWords(500)).meta({ examples: ['Happy birthday!'] });
export const purpose = text(50)
  .regex(/^[a-z0-9_-]+$/)
  .default('payment');

export const cardView = z.object({
  id: uuid,
  lastFour: textLike('5RNR'),
  originalAmount: money,
  currentBalance: money,
  available: money,
  status: z.enum(CARD_STATUSES),
  purchaserId: textLike('user_123'),
  holderId: textLike('user_123').nullable(),
  batchId: uuid.nullable(),
  expiresAt: instant.nullable(),
  voidedAt: instant.nullable(),
  voidedBy: textLike('user_123').nullable(),
  voidReason: textLike('Bought by mistake').nullable(),
  createdAt: instant,
  updatedAt: instant,
});

/** A card together with its code, told once. */
export const issuedCard = cardView.extend({
  code: toldCode.optional().describe('The code, unless it was sent by e-mail'),
});

export const holdView = z.object({
  holdId: uuid,
  cardId: uuid,
  orderId: textLike('order_1001'),
  purpose: textLike('payment'),
  amount: money,
  status: z.enum(['open', 'captured', 'released', 'expired']),
  expiresAt: instant,
  remainingBalance: money,
});

export const redemptionResult = z.object({
  redemptionId: uuid,
  redeemedAmount: money,
  remainingBalance: money,
  giftCard: z.object({ id: uuid, lastFour: textLike('5RNR'), status: z.enum(CARD_STATUSES) }),
});

export const transactionView = z.object({
  id: uuid,
  cardId: uuid,
  number: z.int(),
  type: z.enum(TRANSACTION_TYPES),
  amount: money,
  balanceBefore: money,
  balanceAfter: money,
  debitAccount: textLike('card:0199a3c4-7c1b-7e2d-9a41-5b6c7d8e9f01'),
  creditAccount: textLike('settlement'),
  orderId: textLike('order_1001').nullable(),
  referenceId: textLike('0199a3c4-7c1b-7e2d-9a41-5b6c7d8e9f02').nullable(),
  metadata: z.record(z.string(), z.string()).meta({ examples: [{ purpose: 'payment' }] }),
  createdAt: instant,
});

export const batchView = z.object({
  batchId: uuid,
  count: z.int(),
  createdCount: z.int(),
  amount: money,
  prefix: textLike('GIFT'),
  status: z.enum(['running', 'ready', 'destroyed', 'cancelled']),
  expiresAt: instant.nullable(),
  codesUntil: instant,
  createdAt: instant,
});

export const account = z.enum(HOUSE_ACCOUNTS);

const cardReference = { cardId: sampled(uuid).optional(), code: code.optional() };
const oneReference = (input: { cardId?: string | undefined; code?: string | undefined }): boolean =>
  (input.cardId === undefined) !== (input.code === undefined);
const ONE_REFERENCE = { message: 'give either cardId or code', path: ['cardId'] };

/** The input of a payment, with amounts of either kind. */
export const payment = <M extends typeof money | typeof moneyOfCard>(amount: M) => ({
  code: sampled(code).optional(),
  cardId: uuid.optional().describe('With holderId: a card that is bound to a holder'),
  holderId: userId.optional(),
  orderId,
  purpose,
  amount: sampled(amount.optional()).describe('Default: the balance, or orderTotal where that is less'),
  orderTotal: amount.optional(),
});
export const paymentReference = (input: {
  cardId?: string | undefined;
  code?: string | undefined;
  holderId?: string | undefined;
}): boolean => oneReference(input) && (input.cardId === undefined || input.holderId !== undefined);
export const PAYMENT_REFERENCE = { message: 'give either code, or cardId and holderId', path: ['code'] };

/** The input of a staff operation: a card and whatever else is needed. */
export const staff = <S extends z.ZodRawShape>(shape: S) =>
  z
    .strictObject({ ...cardReference, ...shape })
    .refine((input) => oneReference(input as { cardId?: string; code?: string }), ONE_REFERENCE);

/** The amount of a new card. */
export const newMoney = z.strictObject({ amount: decimalText, currency: sampled(currency).default('USD') });
