import type { NewEvent } from '../shared/decision.ts';
import type { Json } from '../shared/domain-error.ts';
import { Money } from '../shared/money.ts';
import type { Account, JournalEntry, TransactionType } from './journal.ts';
import type { Hold, Redemption } from './records.ts';

export const CARD_STATUSES = ['active', 'partially_redeemed', 'fully_redeemed', 'expired', 'voided', 'frozen'] as const;
export type CardStatus = (typeof CARD_STATUSES)[number];

/** The most open holds that a card carries. */
export const MAX_OPEN_HOLDS = 100;

/** All that is stored of a card, its open holds included. */
export interface GiftCardSnapshot {
  readonly id: string;
  /** Keyed hash of the code: what look-up goes by. */
  readonly codeIndex: string;
  /** Which key `codeIndex` was made with. */
  readonly pepperId: string;
  readonly prefix: string;
  readonly lastFour: string;
  readonly currency: string;
  readonly originalMinor: bigint;
  /** The sum of the card's journal. */
  readonly balanceMinor: bigint;
  readonly purchaserId: string;
  readonly holderId: string | null;
  readonly batchId: string | null;
  readonly expiresAt: Date | null;
  /** When the expiry was booked; never again after that. */
  readonly expiredAt: Date | null;
  /** The part of the balance that was refunded after the expiry, which its booking leaves alone. */
  readonly keptMinor: bigint;
  readonly frozenAt: Date | null;
  readonly voidedAt: Date | null;
  readonly voidedBy: string | null;
  readonly voidReason: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Number of events in the card's stream. */
  readonly version: number;
  /** Number of entries in the card's journal. */
  readonly entryCount: number;
  readonly openHolds: readonly Hold[];
}

/** What a decision brings in from outside: the database's time, and ids. */
export interface Moment {
  readonly now: Date;
  readonly newId: () => string;
}

/** What happened to a card since it was loaded. */
export interface CardChanges {
  readonly entries: readonly JournalEntry[];
  readonly redemptions: readonly Redemption[];
  readonly holds: readonly Hold[];
  readonly events: readonly NewEvent[];
}

export const NO_CHANGES: CardChanges = { entries: [], redemptions: [], holds: [], events: [] };

/** A movement of money as a card's method states it; numbers, balances and time are filled in. */
export interface Movement {
  readonly type: TransactionType;
  readonly from: Account;
  readonly to: Account;
  readonly amountMinor: bigint;
  readonly orderId?: string;
  readonly referenceId?: string;
  readonly metadata?: { readonly [key: string]: string };
}

/** The state and what led to it: the working part of `GiftCard`, immutable like the card itself. */
export interface CardProgress {
  /** As it was restored; undefined for a card that is new. */
  readonly loaded: GiftCardSnapshot | undefined;
  readonly state: GiftCardSnapshot;
  readonly changes: CardChanges;
}

/**
 * Books one movement: the card's balance follows from the accounts that the movement names. Throws `InvalidAmount` where
 * new money would make balance and holds together more than an amount can be: a release then always has room.
 */
export function book({ loaded, state, changes }: CardProgress, movement: Movement, moment: Moment): CardProgress {
  const own: Account = `card:${state.id}`;
  const { from, to, amountMinor } = movement;
  const balanceMinor = state.balanceMinor + (to === own ? amountMinor : 0n) - (from === own ? amountMinor : 0n);
  if (amountMinor <= 0n || balanceMinor < 0n) throw new RangeError('A movement must be positive and covered');
  if (to === own && movement.type !== 'release') Money.ofMinor(balanceMinor + heldMinor(state), state.currency);
  const entry: JournalEntry = {
    id: moment.newId(),
    cardId: state.id,
    entryNumber: state.entryCount + 1,
    type: movement.type,
    debit: from,
    credit: to,
    amountMinor,
    currency: state.currency,
    balanceBeforeMinor: state.balanceMinor,
    balanceAfterMinor: balanceMinor,
    orderId: movement.orderId ?? null,
    referenceId: movement.referenceId ?? null,
    metadata: movement.metadata ?? {},
    createdAt: moment.now,
  };
  return {
    loaded,
    state: { ...state, balanceMinor, entryCount: entry.entryNumber, updatedAt: moment.now },
    changes: { ...changes, entries: [...changes.entries, entry] },
  };
}

/** Records an event with the card's id, currency and balance beside its own facts. */
export function record(
  { loaded, state, changes }: CardProgress,
  type: string,
  facts: { readonly [key: string]: Json },
): CardProgress {
  const version = state.version + 1;
  const event: NewEvent = {
    stream: `gift_card:${state.id}`,
    streamVersion: version,
    type: `gift_card.${type}`,
    payload: { cardId: state.id, ...facts, balance: decimal(state, state.balanceMinor), currency: state.currency },
  };
  return { loaded, state: { ...state, version }, changes: { ...changes, events: [...changes.events, event] } };
}

/** Stores a hold beside the card and keeps the list of open ones. */
export function putHold({ loaded, state, changes }: CardProgress, hold: Hold): CardProgress {
  const others = state.openHolds.filter((open) => open.id !== hold.id);
  return {
    loaded,
    state: { ...state, openHolds: hold.status === 'open' ? [...others, hold] : others },
    changes: { ...changes, holds: [...changes.holds.filter((changed) => changed.id !== hold.id), hold] },
  };
}

export function putRedemption({ loaded, state, changes }: CardProgress, redemption: Redemption): CardProgress {
  const others = changes.redemptions.filter((changed) => changed.id !== redemption.id);
  return { loaded, state, changes: { ...changes, redemptions: [...others, redemption] } };
}

/** Decimal text of an amount in the card's currency. */
export const decimal = (state: Pick<GiftCardSnapshot, 'currency'>, minor: bigint): string =>
  Money.ofMinor(minor, state.currency).toDecimal();

/** The status at an instant; the card, not the caller, decides it. */
export function statusAt(state: GiftCardSnapshot, now: Date): CardStatus {
  if (state.voidedAt !== null) return 'voided';
  if (hasExpired(state, now)) return 'expired';
  if (state.frozenAt !== null) return 'frozen';
  if (state.balanceMinor >= state.originalMinor) return 'active';
  return state.balanceMinor === 0n && state.openHolds.length === 0 ? 'fully_redeemed' : 'partially_redeemed';
}

export const hasExpired = (state: GiftCardSnapshot, now: Date): boolean =>
  state.expiredAt !== null || (state.expiresAt !== null && state.expiresAt <= now);

const heldMinor = (state: GiftCardSnapshot): bigint =>
  state.openHolds.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);

/** The balance and what expired holds will give back as soon as anybody looks. */
export function availableMinor(state: GiftCardSnapshot, now: Date): bigint {
  let available = state.balanceMinor;
  for (const hold of state.openHolds) if (hold.expiresAt <= now) available += hold.amountMinor;
  return available;
}
