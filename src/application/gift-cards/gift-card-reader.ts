import type { CardStatus } from '../../domain/gift-cards/card-state.ts';
import type { CodeKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { JournalEntry, TransactionType } from '../../domain/gift-cards/journal.ts';
import type { Batch, Delivery, Recipient, RefundLeg } from '../../domain/gift-cards/records.ts';

/** A page of a list: `cursor` is opaque and comes from the page before. */
export interface Page {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface Paged<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | undefined;
}

/** Everything that is left out doesn't restrict. */
export interface CardFilter {
  readonly purchaserId?: string | undefined;
  readonly holderId?: string | undefined;
  /** Purchaser or holder. */
  readonly ownerId?: string | undefined;
  readonly lastFour?: string | undefined;
  readonly status?: CardStatus | undefined;
  readonly batchId?: string | undefined;
}

/**
 * What is owed in one currency at the end of a period, and the movements in it by type, in minor units. A period
 * begins with its first instant and ends before its last.
 */
export interface Liability {
  readonly currency: string;
  /** Balances and open holds. */
  readonly outstandingMinor: bigint;
  /** How many cards it is owed on. */
  readonly cards: number;
  readonly movementsMinor: { readonly [T in TransactionType]?: bigint };
}

/** Something that doesn't add up. */
export interface Finding {
  readonly kind: 'balance' | 'batch' | 'chain' | 'hold' | 'receipt' | 'redemption' | 'trial_balance' | 'void';
  readonly id: string;
  readonly detail: string;
}

export interface Reconciliation {
  readonly cards: number;
  readonly entries: number;
  readonly trialBalance: readonly {
    readonly currency: string;
    readonly debitsMinor: bigint;
    readonly creditsMinor: bigint;
    /** Sum over all accounts of credits less debits; zero unless the journal is broken. */
    readonly differenceMinor: bigint;
  }[];
  /** At most 100; none when all is well. */
  readonly findings: readonly Finding[];
}

/** A card of a batch, and what tells whether the code that it was issued with is still its code. */
export interface BatchCard {
  readonly id: string;
  /** By which its code is looked up now. */
  readonly codeIndex: string;
  readonly isVoided: boolean;
}

/** What can be read for the decision of a command: all but the reports. */
export type CommandReader = Omit<GiftCardReader, 'within' | 'liability' | 'reconcile'>;

/** Which refund legs are looked for. */
export interface ParkedLegFilter {
  readonly orderId?: string | undefined;
  readonly closed: boolean;
}

/** Reads gift cards for answers and reports, without locks; `now` is the store's own clock. */
export interface GiftCardReader {
  /**
   * The same in a transaction of the caller's, as `CommandContext.unit` has it: sees what that has stored so far, and
   * needs no other connection.
   */
  within(unit: unknown): CommandReader;
  now(): Promise<Date>;
  find(tenant: string, by: { cardId: string } | { code: CodeKeys }): Promise<GiftCard | undefined>;
  /** Newest first; the status is judged at the store's present. */
  list(tenant: string, filter: CardFilter, page: Page): Promise<Paged<GiftCard>>;
  /** A card's journal, newest first. */
  transactions(tenant: string, cardId: string, page: Page): Promise<Paged<JournalEntry>>;
  batch(tenant: string, batchId: string): Promise<Batch | undefined>;
  /** A batch's cards by their index in it, in order, from an index on. */
  batchCards(tenant: string, batchId: string, fromIndex: number, limit: number): Promise<readonly BatchCard[]>;
  /** Refund legs of which something is parked, and still waits unless they are `closed`; oldest first. */
  parkedLegs(tenant: string, filter: ParkedLegFilter, page: Page): Promise<Paged<RefundLeg>>;
  recipient(tenant: string, cardId: string): Promise<Recipient | undefined>;
  delivery(tenant: string, deliveryId: string): Promise<Delivery | undefined>;
  /** The newest delivery of a card. */
  deliveryOfCard(tenant: string, cardId: string): Promise<Delivery | undefined>;
  /** Cards of all tenants that have expired holds, or an expiry that is due, not booked and waits for no hold; oldest first. */
  due(limit: number): Promise<readonly { readonly tenant: string; readonly cardId: string }[]>;
  /** Batches of all tenants that are still being created, oldest first. */
  runningBatches(limit: number): Promise<readonly { readonly tenant: string; readonly batchId: string }[]>;
  /** Batches of all tenants whose codes' time is over and whose seed is still kept. */
  batchesToDestroy(limit: number): Promise<readonly { readonly tenant: string; readonly batchId: string }[]>;
  /** Deliveries of all tenants that were made at `until` or before and are still pending, oldest first. */
  deliveriesToDrop(
    until: Date,
    limit: number,
  ): Promise<readonly { readonly tenant: string; readonly deliveryId: string }[]>;
  liability(tenant: string, from: Date | undefined, to: Date | undefined): Promise<readonly Liability[]>;
  /**
   * Proves cards, holds, redemptions, transfers, voids and batches against the journal, and the receipts of commands too
   * where they are stored apart, as on PostgreSQL. A receipt that names no card (of a void) proves nothing by itself.
   */
  reconcile(tenant: string): Promise<Reconciliation>;
}
