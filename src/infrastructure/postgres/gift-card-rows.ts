import type { GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Batch, Delivery, Hold, OrderMark, Redemption, RefundLeg } from '../../domain/gift-cards/records.ts';

/*
 * Rows but those of cards are read as JSON objects, one value for a whole set. PostgreSQL writes bigint as a JSON number,
 * which JavaScript would round, so that every amount is read as text.
 */

type Text = string;

export interface HoldRow {
  readonly id: Text;
  readonly card_id: Text;
  readonly order_id: Text;
  readonly purpose: Text;
  readonly currency: Text;
  readonly amount: Text;
  readonly status: Hold['status'];
  readonly balance_after: Text;
  readonly expires_at: Text;
  readonly created_at: Text;
  readonly ended_at: Text | null;
}

/** A card as text, column by column as in `CARD_COLUMNS`: the widest and most frequent row isn't worth JSON. */
export type CardCells = [
  id: Text,
  tenant: Text,
  codeIndex: Text,
  pepperId: Text,
  prefix: Text,
  lastFour: Text,
  currency: Text,
  originalAmount: Text,
  currentBalance: Text,
  purchaserId: Text,
  holderId: Text | null,
  batchId: Text | null,
  expiresAt: Text | null,
  expiredAt: Text | null,
  keptAmount: Text,
  frozenAt: Text | null,
  voidedAt: Text | null,
  voidedBy: Text | null,
  voidReason: Text | null,
  createdAt: Text,
  updatedAt: Text,
  version: Text,
  entryCount: Text,
];

/** The columns of `gift_cards.cards c` in the order of `CardCells`. */
export const CARD_COLUMNS = `c.id, c.tenant, c.code_index, c.pepper_id, c.prefix, c.last_four, c.currency,
  c.original_amount, c.current_balance, c.purchaser_id, c.holder_id, c.batch_id, c.expires_at, c.expired_at,
  c.kept_amount, c.frozen_at, c.voided_at, c.voided_by, c.void_reason, c.created_at, c.updated_at, c.version,
  c.entry_count`;

/** A row of `gift_cards.holds` as a JSON object. */
export const HOLD_JSON = `json_build_object('id', id, 'card_id', card_id, 'order_id', order_id, 'purpose', purpose,
  'currency', currency, 'amount', amount::text, 'status', status, 'balance_after', balance_after::text,
  'expires_at', expires_at, 'created_at', created_at, 'ended_at', ended_at)`;

/** A row of `gift_cards.redemptions` as a JSON object. */
export const REDEMPTION_JSON = `json_build_object('id', id, 'card_id', card_id, 'order_id', order_id,
  'purpose', purpose, 'currency', currency, 'amount', amount::text, 'refunded', refunded::text,
  'balance_after', balance_after::text, 'created_at', created_at)`;

/** A row of `gift_cards.refund_legs` as a JSON object. */
export const LEG_JSON = `json_build_object('order_id', order_id, 'refund_id', refund_id, 'leg', leg,
  'card_id', card_id, 'redemption_id', redemption_id, 'currency', currency, 'amount', amount::text,
  'parked', parked::text, 'closed', closed, 'received_at', received_at)`;

/** A row of `gift_cards.deliveries` as a JSON object. */
export const DELIVERY_JSON = `json_build_object('id', id, 'card_id', card_id, 'sealed_code', sealed_code,
  'status', status, 'created_at', created_at, 'delivered_at', delivered_at)`;

/** A row of `gift_cards.batches` as a JSON object. */
export const BATCH_JSON = `json_build_object('id', id, 'card_count', card_count, 'created_count', created_count,
  'amount', amount::text, 'currency', currency, 'prefix', prefix, 'code_length', code_length,
  'purchaser_id', purchaser_id, 'expires_at', expires_at, 'sealed_seed', sealed_seed, 'status', status,
  'codes_until', codes_until, 'created_at', created_at)`;

export function holdOf(row: HoldRow): Hold {
  return {
    id: row.id,
    cardId: row.card_id,
    orderId: row.order_id,
    purpose: row.purpose,
    currency: row.currency,
    amountMinor: BigInt(row.amount),
    status: row.status,
    balanceAfterMinor: BigInt(row.balance_after),
    expiresAt: instantOf(row.expires_at),
    createdAt: instantOf(row.created_at),
    endedAt: instant(row.ended_at),
  };
}

/**
 * PostgreSQL writes `2026-11-21 03:57:52.123+00`; ECMAScript reads it with a T, minutes of the offset, and six digits of
 * a year above 9999, which the end of 9999 is on a connection of a caller's whose time zone is ahead. Throws a
 * `TypeError` for times in another style.
 */
export function instantOf(text: string): Date {
  const iso = text.replace(' ', 'T').replace(/^\d{5}-/, '+0$&');
  const instant = new Date(/[+-]\d\d$/.test(iso) ? `${iso}:00` : iso);
  if (Number.isNaN(instant.getTime())) throw new TypeError('Times are not written as with the DateStyle ISO.');
  return instant;
}

const instant = (text: string | null): Date | null => (text === null ? null : instantOf(text));

export function cardOf(cells: CardCells, openHolds: readonly Hold[]): GiftCard {
  const [id, , codeIndex, pepperId, prefix, lastFour, currency, original, balance, purchaserId, ...rest] = cells;
  const [holderId, batchId, expiresAt, expiredAt, kept, frozenAt, voidedAt, voidedBy, voidReason, ...last] = rest;
  const [createdAt, updatedAt, version, entryCount] = last;
  return GiftCard.restore({
    id,
    codeIndex,
    pepperId,
    prefix,
    lastFour,
    currency,
    originalMinor: BigInt(original),
    balanceMinor: BigInt(balance),
    purchaserId,
    holderId,
    batchId,
    expiresAt: instant(expiresAt),
    expiredAt: instant(expiredAt),
    keptMinor: BigInt(kept),
    frozenAt: instant(frozenAt),
    voidedAt: instant(voidedAt),
    voidedBy,
    voidReason,
    createdAt: instantOf(createdAt),
    updatedAt: instantOf(updatedAt),
    version: Number(version),
    entryCount: Number(entryCount),
    openHolds,
  });
}

export interface RedemptionRow {
  readonly id: Text;
  readonly card_id: Text;
  readonly order_id: Text;
  readonly purpose: Text;
  readonly currency: Text;
  readonly amount: Text;
  readonly refunded: Text;
  readonly balance_after: Text;
  readonly created_at: Text;
}

export function redemptionOf(row: RedemptionRow): Redemption {
  return {
    id: row.id,
    cardId: row.card_id,
    orderId: row.order_id,
    purpose: row.purpose,
    currency: row.currency,
    amountMinor: BigInt(row.amount),
    refundedMinor: BigInt(row.refunded),
    balanceAfterMinor: BigInt(row.balance_after),
    createdAt: instantOf(row.created_at),
  };
}

export interface LegRow {
  readonly order_id: Text;
  readonly refund_id: Text;
  readonly leg: number;
  readonly card_id: Text | null;
  readonly redemption_id: Text | null;
  readonly currency: Text;
  readonly amount: Text;
  readonly parked: Text;
  readonly closed: boolean;
  readonly received_at: Text;
}

export function legOf(row: LegRow): RefundLeg {
  return {
    orderId: row.order_id,
    refundId: row.refund_id,
    leg: row.leg,
    cardId: row.card_id,
    redemptionId: row.redemption_id,
    currency: row.currency,
    amountMinor: BigInt(row.amount),
    parkedMinor: BigInt(row.parked),
    closed: row.closed,
    receivedAt: instantOf(row.received_at),
  };
}

export const markOf = (row: { order_id: Text; cancelled_at: Text; marks_until: Text }): OrderMark => ({
  orderId: row.order_id,
  cancelledAt: instantOf(row.cancelled_at),
  marksUntil: instantOf(row.marks_until),
});

export interface DeliveryRow {
  readonly id: Text;
  readonly card_id: Text;
  readonly sealed_code: Text | null;
  readonly status: Delivery['status'];
  readonly created_at: Text;
  readonly delivered_at: Text | null;
}

export const deliveryOf = (row: DeliveryRow): Delivery => ({
  id: row.id,
  cardId: row.card_id,
  sealedCode: row.sealed_code,
  status: row.status,
  createdAt: instantOf(row.created_at),
  deliveredAt: instant(row.delivered_at),
});

export interface BatchRow {
  readonly id: Text;
  readonly card_count: number;
  readonly created_count: number;
  readonly amount: Text;
  readonly currency: Text;
  readonly prefix: Text;
  readonly code_length: number;
  readonly purchaser_id: Text;
  readonly expires_at: Text | null;
  readonly sealed_seed: Text | null;
  readonly status: Batch['status'];
  readonly codes_until: Text;
  readonly created_at: Text;
}

export const batchOf = (row: BatchRow): Batch => ({
  id: row.id,
  count: row.card_count,
  createdCount: row.created_count,
  amountMinor: BigInt(row.amount),
  currency: row.currency,
  prefix: row.prefix,
  codeLength: row.code_length,
  purchaserId: row.purchaser_id,
  expiresAt: instant(row.expires_at),
  sealedSeed: row.sealed_seed,
  status: row.status,
  codesUntil: instantOf(row.codes_until),
  createdAt: instantOf(row.created_at),
});

const CHANGED_BY_PAYMENTS: ReadonlySet<string> = new Set<keyof GiftCardSnapshot>([
  'balanceMinor',
  'updatedAt',
  'version',
  'entryCount',
  'openHolds',
]);

/** Whether nothing differs but what payments change. */
export function isOnlyPaid(before: GiftCardSnapshot, after: GiftCardSnapshot): boolean {
  for (const field in before) {
    const name = field as keyof GiftCardSnapshot;
    if (before[name] !== after[name] && !CHANGED_BY_PAYMENTS.has(field)) return false;
  }
  return true;
}
