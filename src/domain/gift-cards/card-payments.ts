import { Money } from '../shared/money.ts';
import { requireCurrency, requireFunds } from './card-guards.ts';
import {
  book,
  decimal,
  hasExpired,
  MAX_OPEN_HOLDS,
  putHold,
  putRedemption,
  record,
  type CardProgress,
  type Moment,
} from './card-state.ts';
import * as errors from './errors.ts';
import type { Account } from './journal.ts';
import type { Hold, Redemption } from './records.ts';

/** A payment for an order: a redemption or a hold. */
export interface Payment {
  readonly id: string;
  readonly orderId: string;
  readonly purpose: string;
  readonly amount: Money;
  /** What the card has paid or holds for the same purpose already, if that was something else than this. */
  readonly earlier?: Redemption | Hold | undefined;
}

const accountOf = ({ state }: CardProgress): Account => `card:${state.id}`;

/** Books back the holds whose time is over, and throws unless the card can then pay the amount. */
export function readyToSpend(
  at: CardProgress,
  payment: Pick<Payment, 'amount' | 'earlier'>,
  moment: Moment,
): CardProgress {
  requireFunds(at.state, payment, moment.now);
  return releaseExpired(at, moment);
}

export function redeem(at: CardProgress, payment: Payment, moment: Moment): CardProgress {
  const ready = readyToSpend(at, payment, moment);
  const paid = book(ready, { type: 'redemption', from: accountOf(at), ...toSettlement(payment) }, moment);
  return redeemed(paid, payment, 'redeemed', {}, moment);
}

export function hold(at: CardProgress, payment: Payment, expiresAt: Date, moment: Moment): CardProgress {
  if (expiresAt <= moment.now) throw new errors.InvalidExpiry('A hold must expire in the future.');
  const ready = readyToSpend(at, payment, moment);
  if (ready.state.openHolds.length >= MAX_OPEN_HOLDS) {
    throw new errors.TooManyHolds(`A card carries at most ${MAX_OPEN_HOLDS} open holds.`);
  }
  const { id, orderId, purpose, amount } = payment;
  const movement = { type: 'hold', from: accountOf(at), to: `hold:${id}`, amountMinor: amount.minor } as const;
  const booked = book(ready, { ...movement, orderId, referenceId: id }, moment);
  const { id: cardId, currency, balanceMinor } = booked.state;
  const reserved: Hold = {
    ...{ id, cardId, orderId, purpose, currency, amountMinor: amount.minor, balanceAfterMinor: balanceMinor },
    ...{ status: 'open', expiresAt, createdAt: moment.now, endedAt: null },
  };
  const facts = { holdId: id, orderId, purpose, amount: amount.toDecimal(), expiresAt: expiresAt.toISOString() };
  return record(putHold(booked, reserved), 'held', facts);
}

export function capture(
  at: CardProgress,
  holdId: string,
  redemptionId: string,
  amount: Money | undefined,
  moment: Moment,
): CardProgress {
  const open = openHold(at, holdId);
  if (open.expiresAt <= moment.now) throw new errors.HoldEnded('The hold has expired.', { status: 'expired' });
  const captured = amount ?? Money.ofMinor(open.amountMinor, open.currency);
  requireCurrency(at.state, captured);
  if (captured.minor > open.amountMinor) throw new errors.CaptureExceedsHold('The hold is smaller than that.');
  const payment: Payment = { id: redemptionId, orderId: open.orderId, purpose: open.purpose, amount: captured };
  const settled = book(at, { type: 'capture', from: `hold:${holdId}`, ...toSettlement(payment) }, moment);
  const rest = open.amountMinor - captured.minor;
  const returned = rest === 0n ? settled : book(settled, toCard(at, open, rest), moment);
  const ended = putHold(returned, { ...open, status: 'captured', endedAt: moment.now });
  return redeemed(ended, payment, 'captured', { holdId }, moment);
}

export function release(at: CardProgress, holdId: string, moment: Moment): CardProgress {
  return released(at, openHold(at, holdId), moment);
}

export function releaseExpired(at: CardProgress, moment: Moment): CardProgress {
  return releaseWhere(at, (open) => open.expiresAt <= moment.now, moment);
}

export function releaseWhere(at: CardProgress, wanted: (open: Hold) => boolean, moment: Moment): CardProgress {
  return at.state.openHolds.filter(wanted).reduce((next, open) => released(next, open, moment), at);
}

export function refund(
  at: CardProgress,
  redemption: Redemption,
  refundId: string,
  amount: Money,
  moment: Moment,
): CardProgress {
  requireCurrency(at.state, amount);
  const refundedMinor = redemption.refundedMinor + amount.minor;
  if (refundedMinor > redemption.amountMinor) {
    const refundable = decimal(at.state, redemption.amountMinor - redemption.refundedMinor);
    const details = { refundable, currency: at.state.currency };
    throw new errors.RefundExceedsRedemption('The refunds would exceed the redemption.', details);
  }
  const toVoidAccount = at.state.voidedAt !== null;
  const to: Account = toVoidAccount ? 'void' : accountOf(at);
  const { id: redemptionId, orderId } = redemption;
  const movement = { type: 'refund', from: 'settlement', to, amountMinor: amount.minor } as const;
  const booked = book(at, { ...movement, orderId, referenceId: redemptionId, metadata: { refundId } }, moment);
  const facts = { refundId, redemptionId, orderId, amount: amount.toDecimal(), toVoidAccount };
  const afterExpiry = hasExpired(at.state, moment.now);
  // Expiry ends spending, never a refund: its booking will leave this money alone.
  const keptMinor = booked.state.keptMinor + (afterExpiry && !toVoidAccount ? amount.minor : 0n);
  const kept = putRedemption({ ...booked, state: { ...booked.state, keptMinor } }, { ...redemption, refundedMinor });
  return record(kept, 'refunded', { ...facts, afterExpiry });
}

function openHold({ state }: CardProgress, holdId: string): Hold {
  const open = state.openHolds.find(({ id }) => id === holdId);
  if (open === undefined) throw new errors.HoldNotFound('The card has no such open hold.');
  return open;
}

function released(at: CardProgress, open: Hold, moment: Moment): CardProgress {
  const status = open.expiresAt <= moment.now ? 'expired' : 'released';
  const booked = book(at, toCard(at, open, open.amountMinor), moment);
  const facts = { holdId: open.id, orderId: open.orderId, amount: decimal(at.state, open.amountMinor), status };
  return record(putHold(booked, { ...open, status, endedAt: moment.now }), 'released', facts);
}

function toCard(at: CardProgress, { id, orderId }: Hold, amountMinor: bigint) {
  return { type: 'release', from: `hold:${id}`, to: accountOf(at), amountMinor, orderId, referenceId: id } as const;
}

function toSettlement({ id, orderId, purpose, amount }: Payment) {
  return { to: 'settlement', amountMinor: amount.minor, orderId, referenceId: id, metadata: { purpose } } as const;
}

function redeemed(
  at: CardProgress,
  { id, orderId, purpose, amount }: Payment,
  event: 'redeemed' | 'captured',
  facts: { readonly holdId?: string },
  moment: Moment,
): CardProgress {
  const { id: cardId, currency, balanceMinor } = at.state;
  const redemption: Redemption = {
    ...{ id, cardId, orderId, purpose, currency, amountMinor: amount.minor, refundedMinor: 0n },
    ...{ balanceAfterMinor: balanceMinor, createdAt: moment.now },
  };
  const paid = { redemptionId: id, ...facts, orderId, purpose, amount: amount.toDecimal() };
  return record(putRedemption(at, redemption), event, paid);
}
