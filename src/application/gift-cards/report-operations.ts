import { z } from 'zod';
import * as errors from '../../domain/gift-cards/errors.ts';
import { query, secret, stream } from '../shared/contract.ts';
import { currency, decimalText, instant, money, orderId, paging, textLike, userId, uuid } from '../shared/schemas.ts';
import { batchView, cardView, code, lastFour, staff, toldCode, transactionView } from './schemas.ts';

/** Operations that only read. */
export const reportOperations = {
  checkBalance: query({
    summary: 'Balance and status of a card',
    input: z.strictObject({ code }),
    output: z.object({
      code: textLike('GIFT-****-****-****-5RNR').describe('Masked but for the last four'),
      originalAmount: money,
      currentBalance: money,
      currency,
      status: cardView.shape.status,
      expiresAt: instant.nullable(),
    }),
    errors: [errors.GiftCardRefused, errors.InvalidCode],
    rateLimit: { max: 60 },
  }),
  getCard: query({
    summary: 'One card',
    input: staff({}),
    output: cardView,
    errors: [errors.CardNotFound, errors.InvalidCode],
    own: true,
  }),
  listCards: query({
    summary: 'Cards by purchaser, holder, last four, status or batch, newest first',
    input: z.strictObject({
      purchaserId: userId.optional(),
      holderId: userId.optional(),
      lastFour: lastFour.optional(),
      status: cardView.shape.status.optional(),
      batchId: uuid.optional(),
      ...paging,
    }),
    output: z.array(cardView),
    errors: [],
    own: true,
  }),
  listTransactions: query({
    summary: 'The journal of a card, newest first',
    input: staff(paging),
    output: z.array(transactionView),
    errors: [errors.CardNotFound, errors.InvalidCode],
    own: true,
  }),
  getBatch: query({
    summary: 'A batch and how far its creation has come',
    input: z.strictObject({ batchId: uuid }),
    output: batchView,
    errors: [errors.BatchNotFound],
  }),
  downloadBatch: stream({
    summary: 'The cards of a batch with their codes, until acknowledged',
    input: z.strictObject({ batchId: uuid, fromIndex: z.int().min(0).default(0) }),
    output: z.object({
      index: z.int(),
      cardId: uuid,
      code: secret(toldCode.nullable()),
      amount: decimalText,
      currency,
      expiresAt: instant.nullable(),
      withheld: z
        .enum(['reissued', 'voided'])
        .nullable()
        .describe('Why the code is left out: the card has another one by now, or was voided'),
    }),
    errors: [errors.BatchNotFound, errors.BatchNotReady, errors.BatchCodesDestroyed],
  }),
  listParkedRefunds: query({
    summary: 'Refund legs of orders that still wait for a redemption, or exceed it',
    input: z.strictObject({
      orderId: orderId.optional(),
      closed: z
        .boolean()
        .default(false)
        .describe('true: those of cancelled orders instead, which wait no more since all that was paid has gone back'),
      ...paging,
    }),
    output: z.array(
      z.object({
        orderId: textLike('order_1001'),
        refundId: textLike('refund_1001'),
        leg: z.int(),
        cardId: uuid.nullable(),
        redemptionId: uuid.nullable(),
        amount: money,
        parked: money,
        closed: z.boolean(),
        receivedAt: instant,
      }),
    ),
    errors: [],
  }),
  liabilityReport: query({
    summary: 'What is owed to card holders, per currency, and how it came about in a period',
    input: z.strictObject({ from: instant.optional(), to: instant.optional() }),
    output: z.array(
      z.object({
        currency,
        outstanding: decimalText.describe('Balances and holds at the end of the period'),
        cards: z.int(),
        movements: z.record(z.string(), decimalText).describe('Sums by transaction type'),
      }),
    ),
    errors: [],
  }),
  reconcile: query({
    summary: 'Proves balances, batches, receipts and the trial balance against the journal; in memory all but receipts',
    input: z.strictObject({}),
    output: z.object({
      cards: z.int(),
      entries: z.int(),
      consistent: z.boolean(),
      trialBalance: z.array(
        z.object({ currency, debits: decimalText, credits: decimalText, difference: textLike('0.00') }),
      ),
      findings: z.array(z.object({ kind: z.string(), id: z.string(), detail: z.string() })),
    }),
    errors: [],
  }),
} as const;
