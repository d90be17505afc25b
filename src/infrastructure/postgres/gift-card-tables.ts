import { statusAt, type GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import type { JournalEntry } from '../../domain/gift-cards/journal.ts';
import type {
  Batch,
  Delivery,
  Hold,
  OrderMark,
  Recipient,
  Redemption,
  RefundLeg,
} from '../../domain/gift-cards/records.ts';
import type { Write } from './merged-statement.ts';
import { RowSet, type Columns } from './row-set.ts';
import { ofTenant } from './statement.ts';

interface TableWriteOptions<Row> {
  /** The statement, given the FROM item of the rows and the names of their columns. */
  readonly text: (rows: string, names: string) => string;
  /** What tells rows apart: of several states of one the last is stored. Left out where none comes twice. */
  readonly key?: (row: Row) => string;
  /** Said when fewer rows were written than given; the first column is a UUID then. Left out where that is no fault. */
  readonly otherwise?: string;
}

/** One table's set-based write: `$1` is the tenant, the rows follow. */
class TableWrite<Row> {
  readonly #name: string;
  readonly #text: string;
  readonly #rows: RowSet<Row>;
  readonly #key: ((row: Row) => string) | undefined;
  readonly #counted: Pick<Write, 'counted'>;

  constructor(name: string, columns: Columns<Row>, { text, key, otherwise }: TableWriteOptions<Row>) {
    this.#name = name;
    this.#rows = new RowSet(columns, 2);
    this.#text = text(this.#rows.text, this.#rows.names);
    this.#key = key;
    this.#counted = otherwise === undefined ? {} : { counted: { by: 'cardinality($2::uuid[])', otherwise } };
  }

  write(tenant: string, rows: readonly Row[]): readonly Write[] {
    if (rows.length === 0) return [];
    const last = this.#key === undefined ? rows : lastOf(rows, this.#key);
    return [{ name: this.#name, text: this.#text, values: [tenant, ...this.#rows.values(last)], ...this.#counted }];
  }
}

const lastOf = <Row>(rows: readonly Row[], keyOf: (row: Row) => string): readonly Row[] =>
  rows.length < 2 ? rows : [...new Map(rows.map((row) => [keyOf(row), row])).values()];

const insertInto =
  (table: string, onConflict = '') =>
  (rows: string, names: string): string =>
    `INSERT INTO gift_cards.${table} (tenant, ${names}) SELECT $1, row.* FROM ${rows} ${onConflict}`;

const idOf = ({ id }: { readonly id: string }): string => id;

/** A card as it was before the first change of the batch, and after the last. */
export interface CardWrite {
  readonly before: GiftCardSnapshot;
  readonly after: GiftCardSnapshot;
}

/** What a payment changes, and nothing else: most commands are payments. */
const PAID_COLUMNS = {
  current_balance: ['bigint', ({ balanceMinor }) => balanceMinor],
  status: ['text', (card) => statusAt(card, card.updatedAt)],
  updated_at: ['timestamptz', ({ updatedAt }) => updatedAt],
  version: ['bigint', ({ version }) => version],
  entry_count: ['bigint', ({ entryCount }) => entryCount],
} as const satisfies Columns<GiftCardSnapshot>;

const CHANGEABLE_COLUMNS = {
  ...PAID_COLUMNS,
  code_index: ['uuid', ({ codeIndex }) => codeIndex],
  pepper_id: ['text', ({ pepperId }) => pepperId],
  prefix: ['text', ({ prefix }) => prefix],
  last_four: ['text', ({ lastFour }) => lastFour],
  holder_id: ['text', ({ holderId }) => holderId],
  expires_at: ['timestamptz', ({ expiresAt }) => expiresAt],
  expired_at: ['timestamptz', ({ expiredAt }) => expiredAt],
  kept_amount: ['bigint', ({ keptMinor }) => keptMinor],
  frozen_at: ['timestamptz', ({ frozenAt }) => frozenAt],
  voided_at: ['timestamptz', ({ voidedAt }) => voidedAt],
  voided_by: ['text', ({ voidedBy }) => voidedBy],
  void_reason: ['text', ({ voidReason }) => voidReason],
} as const satisfies Columns<GiftCardSnapshot>;

export const CARDS_NEW = new TableWrite<GiftCardSnapshot>(
  'cards_new',
  {
    id: ['uuid', idOf],
    ...CHANGEABLE_COLUMNS,
    currency: ['text', ({ currency }) => currency],
    original_amount: ['bigint', ({ originalMinor }) => originalMinor],
    purchaser_id: ['text', ({ purchaserId }) => purchaserId],
    batch_id: ['uuid', ({ batchId }) => batchId],
    created_at: ['timestamptz', ({ createdAt }) => createdAt],
  },
  { text: insertInto('cards') },
);

export const CARDS_PAID = updateOf('cards_paid', PAID_COLUMNS);
export const CARDS_CHANGED = updateOf('cards_changed', CHANGEABLE_COLUMNS);

/**
 * The guard: a row that isn't as it was loaded breaks the write, and with it the commit. The ids are named besides the
 * join: while the table is small the planner would rather read all of it than look up each row of the join.
 */
function updateOf(name: string, columns: Columns<GiftCardSnapshot>): TableWrite<CardWrite> {
  const after = Object.entries(columns).map(([column, [type, of]]) => [
    column,
    [type, (write: CardWrite) => of(write.after)] as const,
  ]);
  const guarded: Columns<CardWrite> = {
    id: ['uuid', (write) => write.after.id],
    was_version: ['bigint', ({ before }) => before.version],
    was_entry_count: ['bigint', ({ before }) => before.entryCount],
    ...(Object.fromEntries(after) as Columns<CardWrite>),
  };
  const assignments = Object.keys(columns).map((column) => `${column} = row.${column}`);
  const text = (rows: string): string => `UPDATE gift_cards.cards AS card SET ${assignments.join(', ')} FROM ${rows}
    WHERE card.id = row.id AND card.id = ANY($2::uuid[]) AND ${ofTenant('card.')}
      AND card.version = row.was_version AND card.entry_count = row.was_entry_count
    RETURNING 1`;
  return new TableWrite(name, guarded, { text, otherwise: 'a card was changed by somebody else' });
}

export const ENTRIES = new TableWrite<JournalEntry>(
  'entries',
  {
    gift_card_id: ['uuid', ({ cardId }) => cardId],
    entry_number: ['bigint', ({ entryNumber }) => entryNumber],
    id: ['uuid', idOf],
    transaction_type: ['text', ({ type }) => type],
    debit_account: ['text', ({ debit }) => debit],
    credit_account: ['text', ({ credit }) => credit],
    amount: ['bigint', ({ amountMinor }) => amountMinor],
    currency: ['text', ({ currency }) => currency],
    balance_before: ['bigint', ({ balanceBeforeMinor }) => balanceBeforeMinor],
    balance_after: ['bigint', ({ balanceAfterMinor }) => balanceAfterMinor],
    order_id: ['text', ({ orderId }) => orderId],
    reference_id: ['text', ({ referenceId }) => referenceId],
    metadata: ['jsonb', ({ metadata }) => JSON.stringify(metadata)],
    created_at: ['timestamptz', ({ createdAt }) => createdAt],
  },
  { text: insertInto('transactions') },
);

export const REDEMPTIONS = new TableWrite<Redemption>(
  'redemptions',
  {
    id: ['uuid', idOf],
    card_id: ['uuid', ({ cardId }) => cardId],
    order_id: ['text', ({ orderId }) => orderId],
    purpose: ['text', ({ purpose }) => purpose],
    currency: ['text', ({ currency }) => currency],
    amount: ['bigint', ({ amountMinor }) => amountMinor],
    refunded: ['bigint', ({ refundedMinor }) => refundedMinor],
    balance_after: ['bigint', ({ balanceAfterMinor }) => balanceAfterMinor],
    created_at: ['timestamptz', ({ createdAt }) => createdAt],
  },
  { text: insertInto('redemptions', 'ON CONFLICT (id) DO UPDATE SET refunded = excluded.refunded'), key: idOf },
);

export const HOLDS = new TableWrite<Hold>(
  'holds',
  {
    id: ['uuid', idOf],
    card_id: ['uuid', ({ cardId }) => cardId],
    order_id: ['text', ({ orderId }) => orderId],
    purpose: ['text', ({ purpose }) => purpose],
    currency: ['text', ({ currency }) => currency],
    amount: ['bigint', ({ amountMinor }) => amountMinor],
    status: ['text', ({ status }) => status],
    balance_after: ['bigint', ({ balanceAfterMinor }) => balanceAfterMinor],
    expires_at: ['timestamptz', ({ expiresAt }) => expiresAt],
    created_at: ['timestamptz', ({ createdAt }) => createdAt],
    ended_at: ['timestamptz', ({ endedAt }) => endedAt],
  },
  {
    text: insertInto('holds', 'ON CONFLICT (id) DO UPDATE SET status = excluded.status, ended_at = excluded.ended_at'),
    key: idOf,
  },
);

export const LEGS = new TableWrite<RefundLeg>(
  'legs',
  {
    order_id: ['text', ({ orderId }) => orderId],
    refund_id: ['text', ({ refundId }) => refundId],
    leg: ['integer', ({ leg }) => leg],
    card_id: ['uuid', ({ cardId }) => cardId],
    redemption_id: ['uuid', ({ redemptionId }) => redemptionId],
    currency: ['text', ({ currency }) => currency],
    amount: ['bigint', ({ amountMinor }) => amountMinor],
    parked: ['bigint', ({ parkedMinor }) => parkedMinor],
    closed: ['boolean', ({ closed }) => closed],
    received_at: ['timestamptz', ({ receivedAt }) => receivedAt],
  },
  {
    text: insertInto(
      'refund_legs',
      'ON CONFLICT (tenant, order_id, refund_id, leg) DO UPDATE SET parked = excluded.parked, closed = excluded.closed',
    ),
    key: ({ orderId, refundId, leg }) => JSON.stringify([orderId, refundId, leg]),
  },
);

export const MARKS = new TableWrite<OrderMark>(
  'marks',
  {
    order_id: ['text', ({ orderId }) => orderId],
    cancelled_at: ['timestamptz', ({ cancelledAt }) => cancelledAt],
    marks_until: ['timestamptz', ({ marksUntil }) => marksUntil],
  },
  {
    text: insertInto(
      'cancelled_orders',
      'ON CONFLICT (tenant, order_id) DO UPDATE SET marks_until = excluded.marks_until',
    ),
    key: ({ orderId }) => orderId,
  },
);

export const RECIPIENTS = new TableWrite<Recipient>(
  'recipients',
  {
    card_id: ['uuid', ({ cardId }) => cardId],
    recipient_email: ['text', ({ email }) => email],
    message: ['text', ({ message }) => message],
  },
  {
    text: insertInto(
      'recipients',
      'ON CONFLICT (card_id) DO UPDATE SET recipient_email = excluded.recipient_email, message = excluded.message',
    ),
    key: ({ cardId }) => cardId,
  },
);

export const DELIVERIES = new TableWrite<Delivery>(
  'deliveries',
  {
    id: ['uuid', idOf],
    card_id: ['uuid', ({ cardId }) => cardId],
    sealed_code: ['text', ({ sealedCode }) => sealedCode],
    status: ['text', ({ status }) => status],
    created_at: ['timestamptz', ({ createdAt }) => createdAt],
    delivered_at: ['timestamptz', ({ deliveredAt }) => deliveredAt],
  },
  {
    text: insertInto(
      'deliveries',
      `ON CONFLICT (id) DO UPDATE SET sealed_code = excluded.sealed_code, status = excluded.status,
        created_at = excluded.created_at, delivered_at = excluded.delivered_at`,
    ),
    key: idOf,
  },
);

export const BATCHES = new TableWrite<Batch>(
  'batches',
  {
    id: ['uuid', idOf],
    card_count: ['integer', ({ count }) => count],
    created_count: ['integer', ({ createdCount }) => createdCount],
    amount: ['bigint', ({ amountMinor }) => amountMinor],
    currency: ['text', ({ currency }) => currency],
    prefix: ['text', ({ prefix }) => prefix],
    code_length: ['integer', ({ codeLength }) => codeLength],
    purchaser_id: ['text', ({ purchaserId }) => purchaserId],
    expires_at: ['timestamptz', ({ expiresAt }) => expiresAt],
    sealed_seed: ['text', ({ sealedSeed }) => sealedSeed],
    status: ['text', ({ status }) => status],
    codes_until: ['timestamptz', ({ codesUntil }) => codesUntil],
    created_at: ['timestamptz', ({ createdAt }) => createdAt],
  },
  {
    text: insertInto(
      'batches',
      `ON CONFLICT (id) DO UPDATE SET created_count = excluded.created_count, sealed_seed = excluded.sealed_seed,
        status = excluded.status`,
    ),
    key: idOf,
  },
);
