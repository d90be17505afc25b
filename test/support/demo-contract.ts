import { z } from 'zod';
import { command, context, event, personal, query, secret, stream } from '../../src/application/shared/contract.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';

export class ParcelInvalid extends DomainError {
  static readonly code = 'parcels.invalid';
  static readonly kind = 'invalid';
}
export class ParcelSignatureWrong extends DomainError {
  static readonly code = 'parcels.signature_wrong';
  static readonly kind = 'unauthenticated';
}
export class ParcelSealed extends DomainError {
  static readonly code = 'parcels.sealed';
  static readonly kind = 'forbidden';
}
export class ParcelNotFound extends DomainError {
  static readonly code = 'parcels.not_found';
  static readonly kind = 'not_found';
}
export class ParcelAlreadySent extends DomainError {
  static readonly code = 'parcels.already_sent';
  static readonly kind = 'conflict';
}
export class ParcelTooHeavy extends DomainError {
  static readonly code = 'parcels.too_heavy';
  static readonly kind = 'rule_violated';
}
export class ParcelDeskBusy extends DomainError {
  static readonly code = 'parcels.desk_busy';
  static readonly kind = 'rate_limited';
}
export class CarrierUnavailable extends DomainError {
  static readonly code = 'parcels.carrier_unavailable';
  static readonly kind = 'unavailable';
}

/** One error of each kind, by kind. */
export const PARCEL_ERRORS = {
  invalid: ParcelInvalid,
  unauthenticated: ParcelSignatureWrong,
  forbidden: ParcelSealed,
  not_found: ParcelNotFound,
  conflict: ParcelAlreadySent,
  rule_violated: ParcelTooHeavy,
  rate_limited: ParcelDeskBusy,
  unavailable: CarrierUnavailable,
} as const;

const weight = z.strictObject({ grams: z.int().min(1) }).meta({ id: 'Weight' });
const parcel = z.object({ id: z.string(), note: z.string(), weight });

/** A small language with every kind of operation, field and error; parcels are no context of the product. */
export const parcels = context({
  name: 'parcels',
  noun: 'Parcel',
  operations: {
    send: command({
      summary: 'Sends a parcel',
      idempotency: 'required',
      input: z.strictObject({
        note: z.string().max(100),
        weight: weight.optional(),
        tags: z.array(z.string()).default([]),
      }),
      output: parcel.extend({ pin: secret(z.string()).optional() }),
      errors: [ParcelTooHeavy, ParcelAlreadySent],
      rateLimit: { max: 60 },
    }),
    echo: command({
      summary: 'Answers what it was given',
      idempotency: 'none',
      input: z.object({ id: z.string(), amount: z.string(), note: z.string().optional() }),
      output: z.object({ id: z.string(), amount: z.string(), note: z.string().optional() }),
      errors: [],
    }),
    fail: command({
      summary: 'Fails as it is told to',
      idempotency: 'none',
      input: z.strictObject({
        kind: z.enum(['bug', ...(Object.keys(PARCEL_ERRORS) as [keyof typeof PARCEL_ERRORS])]),
        retryAfterSeconds: z.number().optional(),
      }),
      output: z.null(),
      errors: Object.values(PARCEL_ERRORS),
    }),
    find: query({
      summary: 'Finds parcels',
      input: z.strictObject({
        text: z.string().optional(),
        limit: z.int().min(1).max(100).default(10),
        ratio: z.number().optional(),
        sent: z.boolean().optional(),
        status: z.enum(['new', 'sent']).optional(),
        tags: z.array(z.string()).optional(),
        numbers: z.array(z.int()).optional(),
      }),
      output: z.object({ found: z.json() }),
      errors: [ParcelNotFound],
      own: true,
    }),
    open: query({
      summary: 'Opens a parcel by its pin',
      input: z.strictObject({ pin: secret(z.string()) }),
      output: parcel,
      errors: [ParcelNotFound],
    }),
    byRecipient: query({
      summary: 'Finds parcels of a person',
      input: z.strictObject({ email: personal(z.string()) }),
      output: z.array(parcel),
      errors: [],
    }),
    list: stream({
      summary: 'All parcels',
      input: z.strictObject({ count: z.int().min(0).default(3), failAt: z.int().optional() }),
      output: parcel,
      errors: [ParcelNotFound],
    }),
    numbers: stream({
      summary: 'Numbers without columns',
      input: z.strictObject({}),
      output: z.int(),
      errors: [],
    }),
  },
  events: {
    'parcel.sent': event({
      summary: 'A parcel was sent',
      version: 1,
      key: 'parcelId',
      payload: z.object({ parcelId: z.string(), weight }),
    }),
  },
  permissions: { 'parcels:weigh': 'Weigh parcels' },
});

export type Parcels = typeof parcels;
