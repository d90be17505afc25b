import type { JournalEntry } from '../../domain/gift-cards/journal.ts';
import { instantOf } from './gift-card-rows.ts';

/** A row of `gift_cards.transactions` as a JSON object. */
export const ENTRY_JSON = `json_build_object('gift_card_id', gift_card_id, 'entry_number', entry_number, 'id', id,
  'transaction_type', transaction_type, 'debit_account', debit_account, 'credit_account', credit_account,
  'amount', amount::text, 'currency', currency, 'balance_before', balance_before::text,
  'balance_after', balance_after::text, 'order_id', order_id, 'reference_id', reference_id, 'metadata', metadata,
  'created_at', created_at)`;

export interface EntryRow {
  readonly gift_card_id: string;
  readonly entry_number: number;
  readonly id: string;
  readonly transaction_type: JournalEntry['type'];
  readonly debit_account: JournalEntry['debit'];
  readonly credit_account: JournalEntry['credit'];
  readonly amount: string;
  readonly currency: string;
  readonly balance_before: string;
  readonly balance_after: string;
  readonly order_id: string | null;
  readonly reference_id: string | null;
  readonly metadata: JournalEntry['metadata'];
  readonly created_at: string;
}

export const entryOf = (row: EntryRow): JournalEntry => ({
  id: row.id,
  cardId: row.gift_card_id,
  entryNumber: row.entry_number,
  type: row.transaction_type,
  debit: row.debit_account,
  credit: row.credit_account,
  amountMinor: BigInt(row.amount),
  currency: row.currency,
  balanceBeforeMinor: BigInt(row.balance_before),
  balanceAfterMinor: BigInt(row.balance_after),
  orderId: row.order_id,
  referenceId: row.reference_id,
  metadata: row.metadata,
  createdAt: instantOf(row.created_at),
});
