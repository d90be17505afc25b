import { z } from 'zod';
import type { Json } from '../../domain/shared/domain-error.ts';
import { isSupportedCurrency } from '../../domain/shared/money.ts';

/** Anything that JSON can carry. */
export const json: z.ZodType<Json, Json> = z.json();

/** Text that every store can keep: no NUL, no lone surrogate. Length counts UTF-16 units. */
export const text = (max: number, min = 1) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be well-formed text without NUL');

/** Text of an answer: nothing is promised of it, but an example is told. */
export const textLike = (example: string) => z.string().meta({ examples: [example] });

/** An identifier that another system gave: short text without blanks at its ends. */
export const foreignId = text(200)
  .refine((value) => value === value.trim(), 'must not begin or end with blanks')
  .meta({ examples: ['id_1001'] });
export const orderId = foreignId.meta({ examples: ['order_1001'] });
export const userId = foreignId.meta({ examples: ['user_123'] });

export const email = z
  .email()
  .max(254)
  .meta({ examples: ['ann@example.com'] });

/** An identifier that Portolan gave; capitals are read as small letters, so that it is one text everywhere. */
export const uuid = z
  .uuid()
  .toLowerCase()
  .meta({ examples: ['0199a3c4-7c1b-7e2d-9a41-5b6c7d8e9f01'] });

/** An instant as ISO 8601 in UTC, `2027-01-31T12:00:00Z`. */
export const instant = z.iso.datetime().meta({ examples: ['2027-01-31T12:00:00Z'] });

/** An instant that has to lie ahead; only the operation can tell. */
export const instantAhead = instant.meta({ examples: ['2099-12-31T23:59:59Z'] });

/** A currency by its ISO 4217 code. */
export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .refine(isSupportedCurrency, 'must be a supported ISO 4217 currency')
  .meta({ description: 'ISO 4217 code', examples: ['USD'] });

/** Decimal text, never a JSON number. */
export const decimalText = z
  .string()
  .max(24)
  .regex(/^(0|[1-9]\d*)(\.\d+)?$/, 'must be decimal text such as "25.00"')
  .meta({ description: 'Decimal text such as "25.00"', examples: ['25.00'] });

/** An amount of money as it is sent: decimal text and currency. */
export const money = z.strictObject({ amount: decimalText, currency });

/** An amount in whatever currency the card has; only for callers in the same process. */
export const moneyOfCard = z.strictObject({ amount: decimalText, currency: currency.optional() });

/** Where a list goes on: the `nextCursor` of the page before. */
export const cursor = z
  .string()
  .max(500)
  .meta({
    description: 'The `meta.nextCursor` of the page before',
    examples: ['WyIyMDI3LTAxLTMxVDEyOjAwOjAwLjAwMFoiLCIwMTk5YTNjNC03YzFiLTdlMmQtOWE0MS01YjZjN2Q4ZTlmMDEiXQ'],
  });

export const paging = { limit: z.int().min(1).max(200).default(50), cursor: cursor.optional() };

/** What a decision asks for, as the log keeps it. */
export const jobRequest = z.object({
  type: z.string(),
  payload: json,
  priority: z.enum(['critical', 'high_priority', 'default', 'low_priority']),
  runAt: z.iso.datetime().nullable(),
  concurrencyKey: z.string().nullable(),
});
