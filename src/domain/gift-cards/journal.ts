/** Kinds of money movements, as a card's statement shows them. */
export const TRANSACTION_TYPES = [
  'creation',
  'redemption',
  'refund',
  'transfer_in',
  'transfer_out',
  'void',
  'hold',
  'capture',
  'release',
  'reload',
  'expiry',
] as const;
export type TransactionType = (typeof TRANSACTION_TYPES)[number];

/** Accounts outside the cards that money comes from and goes to. */
export const HOUSE_ACCOUNTS = ['settlement', 'sales', 'promotion', 'void', 'breakage'] as const;
export type HouseAccount = (typeof HOUSE_ACCOUNTS)[number];

/**
 * Order settlement, sales clearing, promotion expense, void write-off and breakage income; a card; a hold; and a
 * transfer on its way between two cards, which nets to zero in the commit that makes it.
 */
export type Account = HouseAccount | `card:${string}` | `hold:${string}` | `transfer:${string}`;

/**
 * One movement of money: `amountMinor` leaves the debit account and enters the credit account, so that the journal
 * balances by construction. An account's balance is its credits less its debits.
 */
export interface JournalEntry {
  readonly id: string;
  readonly cardId: string;
  /** Numbers the card's entries from 1 without gaps; two writers can't both take one. */
  readonly entryNumber: number;
  readonly type: TransactionType;
  readonly debit: Account;
  readonly credit: Account;
  readonly amountMinor: bigint;
  readonly currency: string;
  /** The card's balance around the movement; equal where it passes the card by (capture, refund of a voided card). */
  readonly balanceBeforeMinor: bigint;
  readonly balanceAfterMinor: bigint;
  readonly orderId: string | null;
  /** What the movement belongs to: redemption, hold, transfer, refund. */
  readonly referenceId: string | null;
  readonly metadata: { readonly [key: string]: string };
  readonly createdAt: Date;
}
