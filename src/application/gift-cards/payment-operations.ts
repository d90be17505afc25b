import { z } from 'zod';
import * as errors from '../../domain/gift-cards/errors.ts';
import { CurrencyMismatch, InvalidAmount, UnsupportedCurrency } from '../../domain/shared/money.ts';
import { command, sampled } from '../shared/contract.ts';
import { money, moneyOfCard, uuid } from '../shared/schemas.ts';
import {
  code,
  holdView,
  otherCode,
  payment,
  PAYMENT_REFERENCE,
  paymentReference,
  redemptionResult,
} from './schemas.ts';

/** Errors about the amount itself. */
export const WRONG_MONEY = [InvalidAmount, UnsupportedCurrency, CurrencyMismatch] as const;
/** What a caller hears about a code: one answer, or the distinct ones with `gift-cards:diagnose`. */
const REFUSALS = [errors.GiftCardRefused, ...errors.DISTINCT_REFUSALS, errors.CardNotFound, ...WRONG_MONEY] as const;

const seconds = z.int().min(1);
const THIRTY_DAYS = 30 * 24 * 3600;

const holdInput = <M extends typeof money | typeof moneyOfCard>(amount: M) =>
  z
    .strictObject({ ...payment(amount), expiresInSeconds: seconds.max(THIRTY_DAYS).default(7 * 24 * 3600) })
    .refine(paymentReference, PAYMENT_REFERENCE);
const redeemInput = <M extends typeof money | typeof moneyOfCard>(amount: M) =>
  z.strictObject(payment(amount)).refine(paymentReference, PAYMENT_REFERENCE);
const transferInput = <M extends typeof money | typeof moneyOfCard>(amount: M) =>
  z
    .strictObject({
      fromCode: sampled(code).optional(),
      fromCardId: uuid.optional(),
      toCode: sampled(otherCode).optional(),
      toCardId: uuid.optional(),
      amount,
      acceptEarlierExpiry: z.boolean().default(false),
    })
    .refine((input) => (input.fromCode === undefined) !== (input.fromCardId === undefined), {
      message: 'give either fromCode or fromCardId',
      path: ['fromCode'],
    })
    .refine((input) => (input.toCode === undefined) !== (input.toCardId === undefined), {
      message: 'give either toCode or toCardId',
      path: ['toCode'],
    });
const refundInput = <M extends typeof money | typeof moneyOfCard>(amount: M) =>
  z.strictObject({ redemptionId: uuid, amount: amount.optional() });
const captureInput = <M extends typeof money | typeof moneyOfCard>(amount: M) =>
  z.strictObject({ holdId: uuid, amount: amount.optional() });

/** Operations that move money from, to and between cards. */
export const paymentOperations = {
  redeem: command({
    summary: 'Pay for an order with a card',
    input: redeemInput(money),
    libraryInput: redeemInput(moneyOfCard),
    output: redemptionResult,
    errors: REFUSALS,
    idempotency: 'required',
    own: true,
  }),
  hold: command({
    summary: 'Reserve money of a card for an order',
    input: holdInput(money),
    libraryInput: holdInput(moneyOfCard),
    output: holdView,
    errors: [...REFUSALS, errors.InvalidExpiry],
    idempotency: 'required',
    own: true,
  }),
  capture: command({
    summary: 'Turn a hold, or a part of it, into a redemption',
    input: captureInput(money),
    libraryInput: captureInput(moneyOfCard),
    output: redemptionResult,
    errors: [
      errors.HoldNotFound,
      errors.HoldEnded,
      errors.CaptureExceedsHold,
      errors.RedemptionConflict,
      ...WRONG_MONEY,
    ],
    idempotency: 'required',
  }),
  releaseHold: command({
    summary: 'Give the money of a hold back to its card',
    input: z.strictObject({ holdId: uuid }),
    output: holdView,
    errors: [errors.HoldNotFound, errors.HoldEnded],
    idempotency: 'required',
  }),
  refundToCard: command({
    summary: 'Return money of a redemption to its card',
    input: refundInput(money),
    libraryInput: refundInput(moneyOfCard),
    output: z.object({ refundId: uuid, refundedAmount: money, newBalance: money }),
    errors: [errors.RedemptionNotFound, errors.RefundExceedsRedemption, ...WRONG_MONEY],
    idempotency: 'required',
  }),
  transfer: command({
    summary: 'Move money from one card to another',
    input: transferInput(money),
    libraryInput: transferInput(moneyOfCard),
    output: z.object({ transferId: uuid, amount: money, fromBalance: money, toBalance: money }),
    errors: [...REFUSALS, errors.TransferToSameCard, errors.TransferShortensExpiry],
    idempotency: 'required',
    own: true,
  }),
} as const;
