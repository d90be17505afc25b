import type { GiftCardChanges } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { Hold, Redemption } from '../../domain/gift-cards/records.ts';
import { entryRow } from './gift-card-entries.ts';
import { cardRow, isOnlyPaid, paidCardRow } from './gift-card-rows.ts';
import { ofTenant, type Statement } from './statement.ts';

/** All changes of a batch, merged: of several states of a row the last one is stored. */
export function writeGiftCards(tenant: string, batch: readonly GiftCardChanges[]): readonly Statement[] {
  const cards = batch.flatMap((changes) => changes.cards ?? []);
  const redemptions = cards.flatMap(({ changes }) => changes.redemptions);
  const holds = cards.flatMap(({ changes }) => changes.holds);
  return [
    ...writeCards(tenant, cards),
    ...writeAll(tenant, ENTRIES, cards.flatMap(({ changes }) => changes.entries).map(entryRow)),
    ...writeAll(tenant, REDEMPTIONS, lastOf(redemptions).map(redemptionRow)),
    ...writeAll(tenant, HOLDS, lastOf(holds).map(holdRow)),
    ...writeAll(
      tenant,
      LEGS,
      lastOf(
        batch
          .flatMap(({ legs = [] }) => legs)
          .map((leg) => ({ ...leg, id: `${leg.orderId}\0${leg.refundId}\0${leg.leg}` })),
      ).map((leg) => ({
        ...{ order_id: leg.orderId, refund_id: leg.refundId, leg: leg.leg, card_id: leg.cardId },
        ...{ redemption_id: leg.redemptionId, currency: leg.currency, amount: `${leg.amountMinor}` },
        ...{ parked: `${leg.parkedMinor}`, received_at: leg.receivedAt },
      })),
    ),
    ...writeAll(
      tenant,
      MARKS,
      lastOf(batch.flatMap(({ marks = [] }) => marks).map((mark) => ({ ...mark, id: mark.orderId }))).map((mark) => ({
        ...{ order_id: mark.orderId, cancelled_at: mark.cancelledAt, marks_until: mark.marksUntil },
      })),
    ),
    ...writeAll(
      tenant,
      RECIPIENTS,
      batch
        .flatMap(({ recipients = [] }) => recipients)
        .map(({ cardId, email, message }) => ({ card_id: cardId, recipient_email: email, message })),
    ),
    ...writeAll(
      tenant,
      DELIVERIES,
      lastOf(batch.flatMap(({ deliveries = [] }) => deliveries)).map((delivery) => ({
        ...{ id: delivery.id, card_id: delivery.cardId, sealed_code: delivery.sealedCode, status: delivery.status },
        ...{ created_at: delivery.createdAt, delivered_at: delivery.deliveredAt },
      })),
    ),
    ...writeAll(
      tenant,
      BATCHES,
      lastOf(batch.flatMap(({ batches = [] }) => batches)).map((each) => ({
        ...{ id: each.id, card_count: each.count, created_count: each.createdCount, amount: `${each.amountMinor}` },
        ...{ currency: each.currency, prefix: each.prefix, code_length: each.codeLength },
        ...{ purchaser_id: each.purchaserId, expires_at: each.expiresAt, sealed_seed: each.sealedSeed },
        ...{ status: each.status, codes_until: each.codesUntil, created_at: each.createdAt },
      })),
    ),
  ];
}

/** One table's set-based write: `$1` is the tenant, `$2` the rows as JSON. */
interface TableWrite {
  readonly name: string;
  readonly text: string;
}

const writeAll = (tenant: string, { name, text }: TableWrite, rows: readonly object[]): readonly Statement[] =>
  rows.length === 0 ? [] : [{ name, text, values: [tenant, JSON.stringify(rows)] }];

const lastOf = <T extends { readonly id: string }>(rows: readonly T[]): readonly T[] => [
  ...new Map(rows.map((row) => [row.id, row])).values(),
];

const CARD_COLUMNS = `id uuid, code_index uuid, pepper_id text, prefix text, last_four text, currency text,
  original_amount bigint, current_balance bigint, status text, purchaser_id text, holder_id text, batch_id uuid,
  expires_at timestamptz, expired_at timestamptz, kept_amount bigint, frozen_at timestamptz, voided_at timestamptz, voided_by text,
  void_reason text, created_at timestamptz, updated_at timestamptz, version bigint, entry_count bigint`;

const CARDS_NEW: TableWrite = {
  name: 'gift-cards-insert',
  text: `INSERT INTO gift_cards.cards (tenant, id, code_index, pepper_id, prefix, last_four, currency, original_amount,
      current_balance, status, purchaser_id, holder_id, batch_id, expires_at, expired_at, kept_amount, frozen_at, voided_at,
      voided_by, void_reason, created_at, updated_at, version, entry_count)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(${CARD_COLUMNS})`,
};

/** What a payment changes, and nothing else: most commands are payments. */
const CARDS_PAID: TableWrite = {
  name: 'gift-cards-update-paid',
  text: `WITH changed AS (
      UPDATE gift_cards.cards AS card SET current_balance = row.current_balance, status = row.status,
        updated_at = row.updated_at, version = row.version, entry_count = row.entry_count
      FROM json_to_recordset($2::json) AS row(id uuid, current_balance bigint, status text, updated_at timestamptz,
        version bigint, entry_count bigint, was_version bigint, was_entry_count bigint)
      WHERE card.id = row.id AND ${ofTenant('card.')}
        AND card.version = row.was_version AND card.entry_count = row.was_entry_count
      RETURNING 1)
    SELECT portolan.ensure(count(*) = json_array_length($2::json), 'a card was changed by somebody else') FROM changed`,
};

const CARDS_CHANGED: TableWrite = {
  name: 'gift-cards-update',
  // The guard: a row that isn't as it was loaded breaks the write, and with it the commit.
  text: `WITH changed AS (
      UPDATE gift_cards.cards AS card SET current_balance = row.current_balance, status = row.status,
        code_index = row.code_index, pepper_id = row.pepper_id, prefix = row.prefix, last_four = row.last_four,
        holder_id = row.holder_id, expires_at = row.expires_at, expired_at = row.expired_at,
        kept_amount = row.kept_amount,
        frozen_at = row.frozen_at, voided_at = row.voided_at, voided_by = row.voided_by,
        void_reason = row.void_reason, updated_at = row.updated_at, version = row.version,
        entry_count = row.entry_count
      FROM json_to_recordset($2::json) AS row(${CARD_COLUMNS}, was_version bigint, was_entry_count bigint)
      WHERE card.id = row.id AND ${ofTenant('card.')}
        AND card.version = row.was_version AND card.entry_count = row.was_entry_count
      RETURNING 1)
    SELECT portolan.ensure(count(*) = json_array_length($2::json), 'a card was changed by somebody else') FROM changed`,
};

/** A card as it was before the first change of the batch, and after the last. */
interface CardWrite {
  readonly before: GiftCardSnapshot | undefined;
  readonly card: GiftCard;
}

/** New cards are inserted; of changed ones the row must be as the first change of the batch found it. */
function writeCards(tenant: string, cards: readonly GiftCard[]): readonly Statement[] {
  const writes = new Map<string, CardWrite>();
  for (const card of cards) {
    const earlier = writes.get(card.id);
    writes.set(card.id, { before: earlier === undefined ? card.loaded : earlier.before, card });
  }
  const [added, paid, changed]: [object[], object[], object[]] = [[], [], []];
  for (const { before, card } of writes.values()) {
    if (before === undefined) {
      added.push(cardRow(card));
      continue;
    }
    const was = { was_version: before.version, was_entry_count: before.entryCount };
    if (isOnlyPaid(before, card.toSnapshot())) paid.push({ ...paidCardRow(card), ...was });
    else changed.push({ ...cardRow(card), ...was });
  }
  return [
    ...writeAll(tenant, CARDS_NEW, added),
    ...writeAll(tenant, CARDS_PAID, paid),
    ...writeAll(tenant, CARDS_CHANGED, changed),
  ];
}

const ENTRIES: TableWrite = {
  name: 'gift-cards-entries',
  text: `INSERT INTO gift_cards.transactions (tenant, gift_card_id, entry_number, id, transaction_type, debit_account,
      credit_account, amount, currency, balance_before, balance_after, order_id, reference_id, metadata, created_at)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(gift_card_id uuid, entry_number bigint, id uuid,
      transaction_type text, debit_account text, credit_account text, amount bigint, currency text,
      balance_before bigint, balance_after bigint, order_id text, reference_id text, metadata jsonb,
      created_at timestamptz)`,
};

const REDEMPTIONS: TableWrite = {
  name: 'gift-cards-redemptions',
  text: `INSERT INTO gift_cards.redemptions AS stored (tenant, id, card_id, order_id, purpose, currency, amount, refunded,
      balance_after, created_at)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(id uuid, card_id uuid, order_id text, purpose text,
      currency text, amount bigint, refunded bigint, balance_after bigint, created_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET refunded = excluded.refunded`,
};

const HOLDS: TableWrite = {
  name: 'gift-cards-holds',
  text: `INSERT INTO gift_cards.holds AS stored (tenant, id, card_id, order_id, purpose, currency, amount, status,
      balance_after, expires_at, created_at, ended_at)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(id uuid, card_id uuid, order_id text, purpose text,
      currency text, amount bigint, status text, balance_after bigint, expires_at timestamptz,
      created_at timestamptz, ended_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, ended_at = excluded.ended_at`,
};

const LEGS: TableWrite = {
  name: 'gift-cards-legs',
  text: `INSERT INTO gift_cards.refund_legs (tenant, order_id, refund_id, leg, card_id, redemption_id, currency, amount,
      parked, received_at)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(order_id text, refund_id text, leg integer, card_id uuid,
      redemption_id uuid, currency text, amount bigint, parked bigint, received_at timestamptz)
    ON CONFLICT (tenant, order_id, refund_id, leg) DO UPDATE SET parked = excluded.parked`,
};

const MARKS: TableWrite = {
  name: 'gift-cards-marks',
  text: `INSERT INTO gift_cards.cancelled_orders (tenant, order_id, cancelled_at, marks_until)
    SELECT $1, row.* FROM json_to_recordset($2::json)
      AS row(order_id text, cancelled_at timestamptz, marks_until timestamptz)
    ON CONFLICT (tenant, order_id) DO UPDATE SET marks_until = excluded.marks_until`,
};

const RECIPIENTS: TableWrite = {
  name: 'gift-cards-recipients',
  text: `INSERT INTO gift_cards.recipients (tenant, card_id, recipient_email, message)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(card_id uuid, recipient_email text, message text)
    ON CONFLICT (card_id) DO UPDATE SET recipient_email = excluded.recipient_email, message = excluded.message`,
};

const DELIVERIES: TableWrite = {
  name: 'gift-cards-deliveries',
  text: `INSERT INTO gift_cards.deliveries (tenant, id, card_id, sealed_code, status, created_at, delivered_at)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(id uuid, card_id uuid, sealed_code text, status text,
      created_at timestamptz, delivered_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET sealed_code = excluded.sealed_code, status = excluded.status,
      created_at = excluded.created_at, delivered_at = excluded.delivered_at`,
};

const BATCHES: TableWrite = {
  name: 'gift-cards-batches',
  text: `INSERT INTO gift_cards.batches (tenant, id, card_count, created_count, amount, currency, prefix, code_length,
      purchaser_id, expires_at, sealed_seed, status, codes_until, created_at)
    SELECT $1, row.* FROM json_to_recordset($2::json) AS row(id uuid, card_count integer, created_count integer,
      amount bigint, currency text, prefix text, code_length integer, purchaser_id text, expires_at timestamptz,
      sealed_seed text, status text, codes_until timestamptz, created_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET created_count = excluded.created_count, sealed_seed = excluded.sealed_seed,
      status = excluded.status`,
};

const redemptionRow = (redemption: Redemption) => ({
  ...{ id: redemption.id, card_id: redemption.cardId, order_id: redemption.orderId, purpose: redemption.purpose },
  ...{ currency: redemption.currency, amount: `${redemption.amountMinor}`, refunded: `${redemption.refundedMinor}` },
  ...{ balance_after: `${redemption.balanceAfterMinor}`, created_at: redemption.createdAt },
});

const holdRow = (hold: Hold) => ({
  ...{ id: hold.id, card_id: hold.cardId, order_id: hold.orderId, purpose: hold.purpose, currency: hold.currency },
  ...{ amount: `${hold.amountMinor}`, status: hold.status, balance_after: `${hold.balanceAfterMinor}` },
  ...{ expires_at: hold.expiresAt, created_at: hold.createdAt, ended_at: hold.endedAt },
});
