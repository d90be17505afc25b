import { z } from 'zod';
import { UnsupportedCodeFormat } from '../../domain/gift-cards/code.ts';
import * as errors from '../../domain/gift-cards/errors.ts';
import { command, personal } from '../shared/contract.ts';
import { JobQueueFull } from '../shared/job-errors.ts';
import { email, instantAhead, money, moneyOfCard, userId, uuid } from '../shared/schemas.ts';
import { WRONG_MONEY } from './payment-operations.ts';
import { account, batchView, cardView, issuedCard, message, newMoney, prefix, reason, staff } from './schemas.ts';

const staffErrors = [errors.CardNotFound, errors.InvalidCode, errors.VoidedCard, errors.ExpiredCard, errors.FrozenCard];

/** Operations on the cards themselves. */
export const lifecycleOperations = {
  create: command({
    summary: 'Issue a card',
    input: z.strictObject({
      amount: newMoney,
      purchaserId: userId,
      holderId: userId.optional().describe('Binds the card: it is then spent by id and holder, without a code'),
      recipientEmail: personal(email).optional(),
      message: message.optional(),
      expiresAt: instantAhead.nullable().optional().describe('Default: by policy, one year; null: never'),
      deliver: z.enum(['answer', 'email']).default('answer').describe('email: the answer holds no code'),
      prefix: prefix.optional(),
    }),
    output: issuedCard,
    errors: [...WRONG_MONEY, errors.InvalidExpiry, errors.RecipientMissing, UnsupportedCodeFormat, JobQueueFull],
    idempotency: 'required',
  }),
  bulkCreate: command({
    summary: 'Issue many cards at once, above 1,000 as a job',
    input: z.strictObject({
      count: z.int().min(1).max(1_000_000),
      amount: newMoney,
      prefix: prefix.default('PROMO'),
      purchaserId: userId.default('promotion'),
      expiresAt: instantAhead.nullable().optional(),
    }),
    output: batchView.extend({ cards: z.array(issuedCard), jobId: uuid.nullable() }),
    errors: [...WRONG_MONEY, errors.InvalidExpiry, JobQueueFull],
    idempotency: 'required',
  }),
  reload: command({
    summary: 'Add money to a card',
    input: staff({ amount: money }),
    libraryInput: staff({ amount: moneyOfCard }),
    output: cardView,
    errors: [...staffErrors, ...WRONG_MONEY],
    idempotency: 'required',
  }),
  void: command({
    summary: 'End a card for good',
    input: staff({ reason, account: account.default('void') }),
    // Over a network the caller is who it is; a program may act for one of its own people.
    libraryInput: staff({ reason, account: account.default('void'), adminId: userId.optional() }),
    output: z.boolean(),
    errors: staffErrors,
    idempotency: 'required',
  }),
  freeze: command({
    summary: 'Stop spending from a card until it is unfrozen',
    input: staff({ reason }),
    output: cardView,
    errors: staffErrors,
    idempotency: 'required',
  }),
  unfreeze: command({
    summary: 'Allow spending again',
    input: staff({ reason }),
    output: cardView,
    errors: [...staffErrors, errors.CardNotFrozen],
    idempotency: 'required',
  }),
  extendExpiry: command({
    summary: 'Let a card expire later, or never',
    input: staff({ expiresAt: instantAhead.nullable(), reason }),
    output: cardView,
    errors: [...staffErrors, errors.InvalidExpiry, errors.ExpiryBooked],
    idempotency: 'required',
  }),
  reissueCode: command({
    summary: 'Replace a lost code; the old one is dead at once',
    input: staff({ reason, deliver: z.enum(['answer', 'email']).default('answer') }),
    output: issuedCard,
    errors: [...staffErrors, errors.RecipientMissing, JobQueueFull],
    idempotency: 'required',
  }),
  resendEmail: command({
    summary: 'Send the e-mail with the code again, while the code is still kept for it',
    input: z.strictObject({ cardId: uuid }),
    output: z.object({ deliveryId: uuid }),
    errors: [errors.CardNotFound, errors.RecipientMissing, errors.CodeNotKept, JobQueueFull],
    idempotency: 'required',
  }),
  acknowledgeBatch: command({
    summary: 'Confirm that the codes of a batch have arrived, so that they are destroyed here',
    input: z.strictObject({ batchId: uuid }),
    output: batchView,
    errors: [errors.BatchNotFound, errors.BatchNotReady],
    idempotency: 'required',
  }),
} as const;
