import { z } from 'zod';
import { CARD_STATUSES } from '../../domain/gift-cards/card-state.ts';
import { HOUSE_ACCOUNTS, TRANSACTION_TYPES } from '../../domain/gift-cards/journal.ts';
import { secret } from '../shared/contract.ts';
import { currency, decimalText, foreignId, instant, money, type moneyOfCard, text, uuid } from '../shared/schemas.ts';

/** A code as somebody typed it; whether it can be one is told by the answer for all refusals, not by the schema. */
export const code = secret(text(128)).describe('Gift card code, GIFT-XXXX-XXXX-XXXX-XXXX');

export const reason = text(500);
export const purpose = text(50)
  .regex(/^[a-z0-9_-]+$/)
  .default('payment');

export const cardView = z.object({
  id: uuid,
  lastFour: z.string(),
  originalAmount: money,
  currentBalance: money,
  available: money,
  status: z.enum(CARD_STATUSES),
  purchaserId: z.string(),
  holderId: z.string().nullable(),
  batchId: uuid.nullable(),
  expiresAt: instant.nullable(),
  voidedAt: instant.nullable(),
  voidedBy: z.string().nullable(),
  voidReason: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
});

/** A card together with its code, told once. */
export const issuedCard = cardView.extend({
  code: secret(z.string()).optional().describe('The code, unless it was sent by e-mail'),
});

export const holdView = z.object({
  holdId: uuid,
  cardId: uuid,
  orderId: z.string(),
  purpose: z.string(),
  amount: money,
  status: z.enum(['open', 'captured', 'released', 'expired']),
  expiresAt: instant,
  remainingBalance: money,
});

export const redemptionResult = z.object({
  redemptionId: uuid,
  redeemedAmount: money,
  remainingBalance: money,
  giftCard: z.object({ id: uuid, lastFour: z.string(), status: z.enum(CARD_STATUSES) }),
});

export const transactionView = z.object({
  id: uuid,
  cardId: uuid,
  number: z.int(),
  type: z.enum(TRANSACTION_TYPES),
  amount: money,
  balanceBefore: money,
  balanceAfter: money,
  debitAccount: z.string(),
  creditAccount: z.string(),
  orderId: z.string().nullable(),
  referenceId: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  createdAt: instant,
});

export const batchView = z.object({
  batchId: uuid,
  count: z.int(),
  createdCount: z.int(),
  amount: money,
  prefix: z.string(),
  status: z.enum(['running', 'ready', 'destroyed', 'cancelled']),
  expiresAt: instant.nullable(),
  codesUntil: instant,
  createdAt: instant,
});

export const account = z.enum(HOUSE_ACCOUNTS);

const cardReference = { cardId: uuid.optional(), code: code.optional() };
const oneReference = (input: { cardId?: string | undefined; code?: string | undefined }): boolean =>
  (input.cardId === undefined) !== (input.code === undefined);
const ONE_REFERENCE = { message: 'give either cardId or code', path: ['cardId'] };

/** The input of a payment, with amounts of either kind. */
export const payment = <M extends typeof money | typeof moneyOfCard>(amount: M) => ({
  code: code.optional(),
  cardId: uuid.optional().describe('With holderId: a card that is bound to a holder'),
  holderId: foreignId.optional(),
  orderId: foreignId,
  purpose,
  amount: amount.optional().describe('Default: the balance, or orderTotal where that is less'),
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
export const newMoney = z.strictObject({ amount: decimalText, currency: currency.default('USD') });
