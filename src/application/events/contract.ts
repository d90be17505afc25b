import { z } from 'zod';
import { DeadEventNotFound, ReservedEventType, UnknownEventType } from '../../domain/events/errors.ts';
import { command, context, query } from '../shared/contract.ts';
import { foreignId, instant, json, text, textLike, uuid } from '../shared/schemas.ts';

const jsonObject = z.record(z.string(), json);

/** An event from elsewhere, in the JSON format of CloudEvents 1.0. */
const cloudEvent = z.object({
  specversion: z.literal('1.0'),
  id: foreignId.meta({ examples: ['event_1001'] }),
  source: text(500).meta({ examples: ['https://shop.example.com/orders'] }),
  type: text(200)
    .regex(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/, 'must be dotted lower case such as "order.refunded"')
    .meta({ examples: ['order.cancelled'] }),
  subject: text(500)
    .meta({ examples: ['order_1001'] })
    .optional(),
  time: z.iso
    .datetime({ offset: true })
    .meta({ examples: ['2027-01-31T12:00:00+01:00'] })
    .optional(),
  datacontenttype: z.literal('application/json').optional(),
  dataschema: text(500)
    .meta({ examples: ['https://shop.example.com/schemas/order-cancelled'] })
    .optional(),
  data: jsonObject.meta({
    description: 'Kept are the fields that are known of the type; others are dropped',
    examples: [{ orderId: 'order_1001' }],
  }),
});

const consumer = text(100).meta({ examples: ['gift-cards.orders'] });

const loggedEvent = z.object({
  position: textLike('1001'),
  stream: textLike('gift_card:0199a3c4-7c1b-7e2d-9a41-5b6c7d8e9f01'),
  streamVersion: z.int(),
  eventId: uuid,
  type: textLike('gift_card.created'),
  schemaVersion: z.int(),
  actor: textLike('user_123'),
  correlationId: z.string(),
  causationId: z.string().nullable(),
  occurredAt: instant,
  payload: jsonObject,
});

/** The event log as operators and other systems see it. */
export const events = context({
  name: 'events',
  noun: 'Event',
  operations: {
    ingest: command({
      summary: 'Take in events of other systems, each once by source and id',
      input: z.strictObject({ events: z.array(cloudEvent).min(1).max(100) }),
      output: z.object({ accepted: z.array(z.boolean()).describe('false: was there already') }),
      errors: [ReservedEventType, UnknownEventType],
      idempotency: 'none',
    }),
    list: query({
      summary: 'Read the log on from a position',
      input: z.strictObject({
        fromPosition: z
          .string()
          .regex(/^\d{1,19}$/)
          .meta({ examples: ['0'] })
          .default('0')
          .describe('Exclusive'),
        types: z
          .array(
            z
              .string()
              .max(200)
              .meta({ examples: ['gift_card.created'] }),
          )
          .max(20)
          .optional(),
        limit: z.int().min(1).max(1000).default(100),
      }),
      output: z.object({ events: z.array(loggedEvent), position: z.string() }),
      errors: [],
    }),
    verify: query({
      summary: 'Prove the log against its seals, or name the first entry that was tampered with',
      input: z
        .strictObject({
          anchorSeal: z
            .int()
            .min(1)
            .optional()
            .describe('Number of a seal that was noted elsewhere; together with anchorHash'),
          anchorHash: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .meta({ examples: ['0'.repeat(64)] })
            .optional(),
          fromAnchor: z
            .boolean()
            .default(false)
            .describe('Begin right after the noted seal, instead of at the beginning of the log'),
        })
        .refine(({ anchorSeal, anchorHash }) => anchorSeal !== undefined || anchorHash === undefined, {
          path: ['anchorSeal'],
          message: 'is required with anchorHash',
        })
        .refine(({ anchorSeal, fromAnchor }) => anchorSeal !== undefined || !fromAnchor, {
          path: ['anchorSeal'],
          message: 'is required with fromAnchor',
        })
        .refine(({ anchorSeal, anchorHash }) => anchorHash !== undefined || anchorSeal === undefined, {
          path: ['anchorHash'],
          message: 'is required with anchorSeal',
        }),
      output: z.object({
        intact: z.boolean(),
        seals: z.int().optional(),
        events: z.int().optional(),
        sealedTo: z.string().optional(),
        hash: z.string().optional(),
        position: z.string().optional(),
        seal: z.int().optional(),
        reason: z.string().optional(),
      }),
      errors: [],
    }),
    listDead: query({
      summary: 'Events that a consumer has given up on',
      input: z.strictObject({ consumer: consumer.optional(), limit: z.int().min(1).max(500).default(50) }),
      output: z.array(
        z.object({
          consumer: z.string(),
          eventId: uuid,
          position: z.string(),
          errorCode: z.string(),
          attempts: z.int(),
          diedAt: instant,
          redriving: z.boolean(),
        }),
      ),
      errors: [],
    }),
    redrive: command({
      summary: 'Let a consumer handle a dead event once more',
      input: z.strictObject({ consumer, eventId: uuid }),
      output: z.object({ redriving: z.boolean() }),
      errors: [DeadEventNotFound],
      idempotency: 'none',
    }),
  },
  events: {},
});
