import type { ClientBase } from 'pg';
import type { DomainErrorClass, Json } from '../../domain/shared/domain-error.ts';
import type { CommandContext, Committed, Decision } from '../../domain/shared/decision.ts';
import type {
  GiftCardBook,
  GiftCardChanges,
  GiftCardKeys,
  GiftCardRepository,
} from '../../domain/gift-cards/gift-card-repository.ts';
import { KeyedBook } from '../../domain/gift-cards/keyed-book.ts';
import { LoadedBook } from '../../domain/gift-cards/loaded-book.ts';
import type { Hold, HoldStatus } from '../../domain/gift-cards/records.ts';
import type { BatchStore } from './batch-store.ts';
import { LOCKED_CARD_IDS, lockGiftCards, readLocks } from './gift-card-locks.ts';
import { GiftCardNames } from './gift-card-names.ts';
import {
  BATCH_JSON,
  batchOf,
  cardOf,
  DELIVERY_JSON,
  deliveryOf,
  HOLD_JSON,
  holdOf,
  LEG_JSON,
  legOf,
  markOf,
  REDEMPTION_JSON,
  redemptionOf,
  type BatchRow,
  type CardCells,
  type DeliveryRow,
  type HoldRow,
  type LegRow,
  type RedemptionRow,
} from './gift-card-rows.ts';
import { writeGiftCards } from './gift-card-writes.ts';
import type { GroupCommitOptions } from './group-commit-options.ts';
import { GroupCommit } from './group-commit.ts';
import type { Part } from './merged-statement.ts';
import { ofTenant } from './statement.ts';

type Store = BatchStore<GiftCardKeys, LoadedBook, GiftCardChanges>;

/** What one batch reads, each set as one JSON value; null when empty, absent when not asked for. */
interface LoadedRows {
  /** Open holds of the cards, whatever their orders. */
  readonly open: readonly HoldRow[] | null;
  readonly redemptions?: readonly RedemptionRow[] | null;
  readonly holds?: readonly HoldRow[] | null;
  readonly legs?: readonly LegRow[] | null;
  readonly marks?: readonly { order_id: string; cancelled_at: string; marks_until: string }[] | null;
  readonly named_redemptions?: readonly RedemptionRow[] | null;
  readonly deliveries?: readonly DeliveryRow[] | null;
  readonly batches?: readonly BatchRow[] | null;
}

/** Gift cards in PostgreSQL, by group commit. */
export class PostgresGiftCards implements GiftCardRepository {
  readonly #commands: GroupCommit<GiftCardKeys, LoadedBook, GiftCardChanges>;

  /** `errors` are the classes by which stored refusals come back. */
  constructor(errors: readonly DomainErrorClass[], options: GroupCommitOptions) {
    this.#commands = new GroupCommit(giftCardStore(errors), options);
  }

  update<Answer extends Json>(
    context: CommandContext,
    keys: GiftCardKeys,
    decide: (book: GiftCardBook) => Decision<Answer, GiftCardChanges>,
  ): Promise<Committed<Answer>> {
    return this.#commands.submit(context, keys, keyed(keys, decide));
  }

  /**
   * The same repository on a transaction of the caller's, of the isolation level read committed. Results are provisional
   * until they commit. Locks are taken call by call: who changes several cards names them in order of id, or retries on
   * deadlock (40P01).
   */
  within(client: ClientBase): GiftCardRepository {
    return { update: (context, keys, decide) => this.#commands.within(client, context, keys, keyed(keys, decide)) };
  }

  /** Takes no more commands and resolves when those under way have ended; closing twice is harmless. */
  close(): Promise<void> {
    return this.#commands.close();
  }
}

/** In a batch the book holds the rows of others as well; a decision sees its own. */
const keyed =
  <D>(keys: GiftCardKeys, decide: (book: GiftCardBook) => D) =>
  (book: GiftCardBook): D =>
    decide(new KeyedBook(book, keys));

function giftCardStore(errors: readonly DomainErrorClass[]): Store {
  const names = new GiftCardNames();
  return {
    errors,
    names: (tenant, keys) => names.of(tenant, keys),
    locks: lockGiftCards,
    reads: readRecords,
    open(tenant, keys, { now, locks, read }) {
      const { found, locked, busy } = readLocks(tenant, keys, locks);
      names.learn(found);
      return { book: bookOf(now, locked, read as LoadedRows), busy };
    },
    apply: (book, changes) => book.apply(changes),
    writes(tenant, changes) {
      names.learnFrom(changes);
      return writeGiftCards(tenant, changes);
    },
  };
}

/** Only what some key names is read: a look-up that finds nothing isn't free either. */
function readRecords(tenant: string, keys: readonly GiftCardKeys[]): readonly Part[] {
  const idsOf = (name: 'orderIds' | 'holdIds' | 'redemptionIds' | 'deliveryIds' | 'batchIds'): readonly string[] =>
    keys.flatMap((each) => each[name] ?? []);
  const [orderIds, holdIds] = [idsOf('orderIds'), idsOf('holdIds')];
  const byId = (part: Omit<Part, 'values'>, ids: readonly string[]): readonly Part[] =>
    ids.length === 0 ? [] : [{ ...part, values: [tenant, ids] }];
  return [
    // The status is a parameter, so that no generic plan can choose a partial index of open holds and read all of it.
    { ...OPEN_HOLDS, values: ['open' satisfies HoldStatus] },
    ...(orderIds.length + holdIds.length === 0 ? [] : [{ ...RECORDS_OF_ORDERS, values: [tenant, orderIds, holdIds] }]),
    ...byId(REDEMPTIONS_BY_ID, idsOf('redemptionIds')),
    ...byId(DELIVERIES_BY_ID, idsOf('deliveryIds')),
    ...byId(BATCHES_BY_ID, idsOf('batchIds')),
  ];
}

const all = (json: string, from: string): string => `(SELECT json_agg(${json}) FROM gift_cards.${from})`;

const OPEN_HOLDS = {
  name: 'open_holds',
  text: `${all(HOLD_JSON, `holds WHERE card_id = ANY(${LOCKED_CARD_IDS}) AND status = $1`)} AS open`,
};

/** Of the orders that are named, and those of the holds that are. */
const OF_ORDERS = `tenant = $1 AND order_id = ANY($2::text[] || ARRAY(
  SELECT order_id FROM gift_cards.holds WHERE id = ANY($3::uuid[]) AND ${ofTenant()}))`;

const RECORDS_OF_ORDERS = {
  name: 'records_of_orders',
  text: `${all(REDEMPTION_JSON, `redemptions WHERE ${OF_ORDERS}`)} AS redemptions,
    ${all(HOLD_JSON, `holds WHERE ${OF_ORDERS}`)} AS holds,
    ${all(LEG_JSON, `refund_legs WHERE ${OF_ORDERS}`)} AS legs,
    ${all('cancelled_orders', `cancelled_orders WHERE ${OF_ORDERS}`)} AS marks`,
};

const BY_ID = `WHERE id = ANY($2::uuid[]) AND ${ofTenant()}`;

const REDEMPTIONS_BY_ID = {
  name: 'redemptions_by_id',
  text: `${all(REDEMPTION_JSON, `redemptions ${BY_ID}`)} AS named_redemptions`,
};
const DELIVERIES_BY_ID = {
  name: 'deliveries_by_id',
  text: `${all(DELIVERY_JSON, `deliveries ${BY_ID}`)} AS deliveries`,
};
const BATCHES_BY_ID = {
  name: 'batches_by_id',
  text: `${all(BATCH_JSON, `batches ${BY_ID}`)} AS batches`,
};

function bookOf(now: Date, cards: readonly CardCells[], rows: LoadedRows): LoadedBook {
  const book = new LoadedBook(now);
  const openHolds = Map.groupBy((rows.open ?? []).map(holdOf), ({ cardId }) => cardId);
  for (const cells of cards) {
    const card = cardOf(cells, (openHolds.get(cells[0]) ?? []).sort(byAge));
    // Decoys belong to no tenant: they are read like any card and never seen.
    if (cells[1] !== '') book.putCard(card);
  }
  for (const row of [...(rows.redemptions ?? []), ...(rows.named_redemptions ?? [])])
    book.putRedemption(redemptionOf(row));
  for (const row of rows.holds ?? []) book.putHold(holdOf(row));
  for (const row of rows.legs ?? []) book.putLeg(legOf(row));
  for (const row of rows.marks ?? []) book.putMark(markOf(row));
  for (const row of rows.deliveries ?? []) book.putDelivery(deliveryOf(row));
  for (const row of rows.batches ?? []) book.putBatch(batchOf(row));
  return book;
}

const byAge = (a: Hold, b: Hold): number => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
