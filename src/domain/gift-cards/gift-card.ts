import { Money } from '../shared/money.ts';
import { requireCode, requireCurrency, requireUsable } from './card-guards.ts';
import * as payments from './card-payments.ts';
import type { Payment } from './card-payments.ts';
import {
  availableMinor,
  book,
  decimal,
  hasExpired,
  NO_CHANGES,
  record,
  statusAt,
  type CardChanges,
  type CardProgress,
  type CardStatus,
  type GiftCardSnapshot,
  type Moment,
} from './card-state.ts';
import * as errors from './errors.ts';
import type { Account, HouseAccount } from './journal.ts';
import type { Hold, Redemption } from './records.ts';

/** What a new card is made from. */
export interface Issue {
  readonly id: string;
  readonly codeIndex: string;
  readonly pepperId: string;
  readonly prefix: string;
  readonly lastFour: string;
  readonly amount: Money;
  readonly purchaserId: string;
  readonly holderId?: string | null;
  readonly batchId?: string | null;
  readonly expiresAt: Date | null;
  /** Where the money comes from: sold, or given away. */
  readonly fundedBy: 'sales' | 'promotion';
}

/**
 * A gift card: money in one currency under a secret code. Immutable: each method returns the next card, which
 * remembers in `changes` what happened since it was loaded.
 */
export class GiftCard {
  readonly #at: CardProgress;

  private constructor(at: CardProgress) {
    this.#at = at;
  }

  /** A new card with its first entry and `gift_card.created`. Throws `InvalidExpiry`. */
  static issue(from: Issue, moment: Moment): GiftCard {
    const { amount, fundedBy, holderId = null, batchId = null, ...rest } = from;
    if (from.expiresAt !== null && from.expiresAt <= moment.now) {
      throw new errors.InvalidExpiry('A card must expire in the future.');
    }
    const blank: GiftCardSnapshot = {
      ...rest,
      holderId,
      batchId,
      currency: amount.currency,
      originalMinor: amount.minor,
      balanceMinor: 0n,
      expiredAt: null,
      keptMinor: 0n,
      frozenAt: null,
      voidedAt: null,
      voidedBy: null,
      voidReason: null,
      createdAt: moment.now,
      updatedAt: moment.now,
      version: 0,
      entryCount: 0,
      openHolds: [],
    };
    const funded = book(
      { loaded: undefined, state: blank, changes: NO_CHANGES },
      { type: 'creation', from: fundedBy, to: `card:${from.id}`, amountMinor: amount.minor },
      moment,
    );
    const facts = { amount: amount.toDecimal(), purchaserId: from.purchaserId, holderId, batchId };
    return new GiftCard(record(funded, 'created', { ...facts, expiresAt: from.expiresAt?.toISOString() ?? null }));
  }

  static restore(snapshot: GiftCardSnapshot): GiftCard {
    return new GiftCard({ loaded: snapshot, state: snapshot, changes: NO_CHANGES });
  }

  toSnapshot(): GiftCardSnapshot {
    return this.#at.state;
  }

  /** The card as it was restored, before its changes; undefined for a new one. */
  get loaded(): GiftCardSnapshot | undefined {
    return this.#at.loaded;
  }

  get changes(): CardChanges {
    return this.#at.changes;
  }

  get id(): string {
    return this.#at.state.id;
  }

  get currency(): string {
    return this.#at.state.currency;
  }

  get balance(): Money {
    return Money.ofMinor(this.#at.state.balanceMinor, this.currency);
  }

  get expiresAt(): Date | null {
    return this.#at.state.expiresAt;
  }

  available(now: Date): Money {
    return Money.ofMinor(availableMinor(this.#at.state, now), this.currency);
  }

  status(now: Date): CardStatus {
    return statusAt(this.#at.state, now);
  }

  openHold(orderId: string, purpose: string): Hold | undefined {
    return this.#at.state.openHolds.find((hold) => hold.orderId === orderId && hold.purpose === purpose);
  }

  /** Takes money for an order. Throws what `requireFunds` throws. */
  redeem(payment: Payment, moment: Moment): GiftCard {
    return new GiftCard(payments.redeem(this.#at, payment, moment));
  }

  /** Reserves money for an order until `expiresAt`. Throws what `requireFunds` throws, and `TooManyHolds`. */
  hold(payment: Payment, expiresAt: Date, moment: Moment): GiftCard {
    return new GiftCard(payments.hold(this.#at, payment, expiresAt, moment));
  }

  /**
   * Turns an open hold into a redemption, also after the card's own expiry; what is not captured goes back to the card.
   * Throws `HoldNotFound`, `HoldEnded` (expired) and `CaptureExceedsHold`.
   */
  capture(holdId: string, redemptionId: string, amount: Money | undefined, moment: Moment): GiftCard {
    return new GiftCard(payments.capture(this.#at, holdId, redemptionId, amount, moment));
  }

  /** Gives an open hold's money back to the card. Throws `HoldNotFound`. */
  release(holdId: string, moment: Moment): GiftCard {
    return new GiftCard(payments.release(this.#at, holdId, moment));
  }

  /** Gives back the open holds for one order. */
  releaseOrder(orderId: string, moment: Moment): GiftCard {
    return new GiftCard(payments.releaseWhere(this.#at, (open) => open.orderId === orderId, moment));
  }

  /**
   * Returns money of a redemption of this card. A voided card's money goes to the void account instead; an expired one
   * gets it and is never swept again. Throws `RefundExceedsRedemption`.
   */
  refund(redemption: Redemption, refundId: string, amount: Money, moment: Moment): GiftCard {
    return new GiftCard(payments.refund(this.#at, redemption, refundId, amount, moment));
  }

  /** Adds money that was paid for. */
  reload(amount: Money, referenceId: string, moment: Moment): GiftCard {
    requireUsable(this.#at.state, moment.now);
    requireCurrency(this.#at.state, amount);
    const movement = { type: 'reload', from: 'sales', to: this.#account, amountMinor: amount.minor } as const;
    const loaded = book(this.#at, { ...movement, referenceId }, moment);
    return new GiftCard(record(loaded, 'reloaded', { amount: amount.toDecimal(), reloadId: referenceId }));
  }

  /** The paying half of a transfer. */
  transferOut(transferId: string, toCardId: string, amount: Money, moment: Moment): GiftCard {
    const at = payments.readyToSpend(this.#at, { amount }, moment);
    const movement = { type: 'transfer_out', from: this.#account, to: `transfer:${transferId}` } as const;
    const booked = book(at, { ...movement, amountMinor: amount.minor, referenceId: transferId }, moment);
    const facts = { transferId, direction: 'out', otherCardId: toCardId, amount: amount.toDecimal() };
    return new GiftCard(record(booked, 'transferred', facts));
  }

  /** The receiving half; the card takes the earlier expiry, and `agreed` where that shortens its own money, held or not. */
  transferIn(transferId: string, from: GiftCard, amount: Money, agreed: boolean, moment: Moment): GiftCard {
    requireUsable(this.#at.state, moment.now);
    requireCurrency(this.#at.state, amount);
    const { state } = this.#at;
    const expiresAt = earlier(state.expiresAt, from.expiresAt);
    const hasMoney = state.balanceMinor > 0n || state.openHolds.length > 0;
    const shortens = expiresAt?.getTime() !== state.expiresAt?.getTime();
    if (shortens && hasMoney && !agreed) {
      throw new errors.TransferShortensExpiry('The receiving card would expire earlier than now.');
    }
    const movement = { type: 'transfer_in', from: `transfer:${transferId}`, to: this.#account } as const;
    const details = { amountMinor: amount.minor, referenceId: transferId };
    const booked = book({ ...this.#at, state: { ...state, expiresAt } }, { ...movement, ...details }, moment);
    const facts = { transferId, direction: 'in', otherCardId: from.id, amount: amount.toDecimal() };
    const until = { expiresAt: expiresAt?.toISOString() ?? null };
    return new GiftCard(record(booked, 'transferred', { ...facts, ...until }));
  }

  /** Ends the card for good: open holds are released, the remainder goes to `account`. */
  void(by: { adminId: string; reason: string; account: HouseAccount }, moment: Moment): GiftCard {
    if (this.#at.state.voidedAt !== null) throw new errors.VoidedCard('The card is voided already.');
    let at = payments.releaseWhere(this.#at, () => true, moment);
    const remainder = at.state.balanceMinor;
    if (remainder > 0n) {
      at = book(at, { type: 'void', from: this.#account, to: by.account, amountMinor: remainder }, moment);
    }
    const voided = { voidedAt: moment.now, voidedBy: by.adminId, voidReason: by.reason, updatedAt: moment.now };
    const facts = { adminId: by.adminId, reason: by.reason, account: by.account, amount: decimal(at.state, remainder) };
    return new GiftCard(record({ ...at, state: { ...at.state, ...voided } }, 'voided', facts));
  }

  freeze(reason: string, moment: Moment): GiftCard {
    requireUsable(this.#at.state, moment.now);
    return this.#with({ frozenAt: moment.now, updatedAt: moment.now }, 'frozen', { reason });
  }

  unfreeze(reason: string, moment: Moment): GiftCard {
    if (this.#at.state.voidedAt !== null) throw new errors.VoidedCard('The card is voided.');
    if (this.#at.state.frozenAt === null) throw new errors.CardNotFrozen('The card is not frozen.');
    return this.#with({ frozenAt: null, updatedAt: moment.now }, 'unfrozen', { reason });
  }

  /** Moves the expiry later; `null` takes it away. Possible until the expiry has been booked. */
  extendExpiry(expiresAt: Date | null, reason: string, moment: Moment): GiftCard {
    const { state } = this.#at;
    if (state.voidedAt !== null) throw new errors.VoidedCard('The card is voided.');
    if (state.expiredAt !== null) throw new errors.ExpiryBooked('The expiry of this card has been booked.');
    const earliest = state.expiresAt === null || state.expiresAt < moment.now ? moment.now : state.expiresAt;
    if (expiresAt !== null && (state.expiresAt === null || expiresAt <= earliest)) {
      throw new errors.InvalidExpiry('The new expiry must be later than the present one and in the future.');
    }
    const facts = { expiresAt: expiresAt?.toISOString() ?? null, reason };
    return this.#with({ expiresAt, keptMinor: 0n, updatedAt: moment.now }, 'expiry_extended', facts);
  }

  /** Gives the card another code; the old one is worth nothing from now on. */
  reissueCode(
    code: Pick<GiftCardSnapshot, 'codeIndex' | 'pepperId' | 'prefix' | 'lastFour'>,
    reason: string,
    moment: Moment,
  ): GiftCard {
    if (this.#at.state.voidedAt !== null) throw new errors.VoidedCard('The card is voided.');
    return this.#with({ ...code, updatedAt: moment.now }, 'code_reissued', { lastFour: code.lastFour, reason });
  }

  /** The same code under another look-up key; no event, since nothing about the card changed. */
  rekey(codeIndex: string, pepperId: string): GiftCard {
    return new GiftCard({ ...this.#at, state: { ...this.#at.state, codeIndex, pepperId } });
  }

  /** Books the expiry once: what was there before goes to `account`. Undefined when it isn't due or holds are still open. */
  expire(account: HouseAccount, moment: Moment): GiftCard | undefined {
    const { state } = this.#at;
    if (state.voidedAt !== null || state.expiredAt !== null || !hasExpired(state, moment.now)) return undefined;
    let at = payments.releaseExpired(this.#at, moment);
    if (at.state.openHolds.length > 0) return undefined;
    const unkept = at.state.balanceMinor - at.state.keptMinor;
    // A clock that was set back lets a card spend what it was to keep.
    const remainder = unkept > 0n ? unkept : 0n;
    if (remainder > 0n) {
      at = book(at, { type: 'expiry', from: this.#account, to: account, amountMinor: remainder }, moment);
    }
    const expired = { ...at.state, expiredAt: moment.now, updatedAt: moment.now };
    return new GiftCard(record({ ...at, state: expired }, 'expired', { amount: decimal(expired, remainder), account }));
  }

  /** Throws unless the holder named is the card's; a card without a holder belongs to whoever has its code. */
  requireHolder(holderId: string | undefined): void {
    const { holderId: bound } = this.#at.state;
    if (bound === (holderId ?? null)) return;
    requireCode(this.#at.state);
    throw new errors.HolderMismatch('The card is bound to another holder, or to none.');
  }

  get #account(): Account {
    return `card:${this.id}`;
  }

  #with(next: Partial<GiftCardSnapshot>, type: string, facts: Parameters<typeof record>[2]): GiftCard {
    return new GiftCard(record({ ...this.#at, state: { ...this.#at.state, ...next } }, type, facts));
  }
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}
