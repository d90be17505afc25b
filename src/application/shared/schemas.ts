import { z } from 'zod';
import { isSupportedCurrency } from '../../domain/shared/money.ts';

/** Text that every store can keep: no NUL, no lone surrogate. Length counts UTF-16 units. */
export const text = (max: number, min = 1) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be well-formed text without NUL');

/** An identifier that another system gave: short text without blanks at its ends. */
export const foreignId = text(200).refine((value) => value === value.trim(), 'must not begin or end with blanks');

/** An identifier that Portolan gave; capitals are read as small letters, so that it is one text everywhere. */
export const uuid = z.uuid().toLowerCase();

/** An instant as ISO 8601 in UTC, `2027-01-31T12:00:00Z`. */
export const instant = z.iso.datetime();

/** A currency by its ISO 4217 code. */
export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .refine(isSupportedCurrency, 'must be a supported ISO 4217 currency')
  .describe('ISO 4217 code');

/** Decimal text, never a JSON number. */
export const decimalText = z
  .string()
  .max(24)
  .regex(/^(0|[1-9]\d*)(\.\d+)?$/, 'must be decimal text such as "25.00"')
  .describe('Decimal text such as "25.00"');

/** An amount of money as it is sent: decimal text and currency. */
export const money = z.strictObject({ amount: decimalText, currency });

/** An amount in whatever currency the card has; only for callers in the same process. */
export const moneyOfCard = z.strictObject({ amount: decimalText, currency: currency.optional() });

/** Paging of a list: `cursor` is the `nextCursor` of the page before. */
export const paging = {
  limit: z.int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional(),
};
