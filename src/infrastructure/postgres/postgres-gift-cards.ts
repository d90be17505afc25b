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
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import type { Part } from './merged-statement.ts';
import { ofTenant } from './statement.ts';

type Store = BatchStore<GiftCardKeys, LoadedBook, GiftCardChanges>;

/** What one batch reads, each set as one JSON value. */
interface LoadedRows {
  /** Open holds of the cards, whatever their orders. */
  readonly open: readonly HoldRow[] | null;
  readonly redemptions: readonly RedemptionRow[] | null;
  readonly holds: readonly HoldRow[] | null;
  readonly legs: readonly LegRow[] | null;
  readonly marks: readonly { order_id: string; cancelled_at: string; marks_until: string }[] | null;
  readonly deliveries: readonly DeliveryRow[] | null;
  readonly batches: readonly BatchRow[] | null;
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
   * until he commits. Locks are taken call by call: who changes several cards names them in order of id, or retries on
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

const all = (json: string, from: string): string => `(SELECT json_agg(${json}) FROM ${from})`;

function readRecords(tenant: string, keys: readonly GiftCardKeys[]): Part {
  const orderIds = keys.flatMap((each) => each.orderIds ?? []);
  const redemptionIds = keys.flatMap((each) => each.redemptionIds ?? []);
  const holdIds = keys.flatMap((each) => each.holdIds ?? []);
  const deliveryIds = keys.flatMap((each) => each.deliveryIds ?? []);
  const batchIds = keys.flatMap((each) => each.batchIds ?? []);
  return {
    name: 'gift-cards',
    text: `${all(HOLD_JSON, `gift_cards.holds WHERE card_id = ANY(${LOCKED_CARD_IDS}) AND status = $7`)} AS open,
      ${all(REDEMPTION_JSON, recordsOf('redemptions', '$3'))} AS redemptions,
      ${all(HOLD_JSON, recordsOf('holds', '$4'))} AS holds,
      ${all(LEG_JSON, `gift_cards.refund_legs WHERE tenant = $1 AND order_id = ANY(${ORDER_IDS})`)} AS legs,
      ${all('cancelled_orders', `gift_cards.cancelled_orders WHERE tenant = $1 AND order_id = ANY(${ORDER_IDS})`)} AS marks,
      ${all(DELIVERY_JSON, `gift_cards.deliveries WHERE id = ANY($5::uuid[]) AND ${ofTenant()}`)} AS deliveries,
      ${all(BATCH_JSON, `gift_cards.batches WHERE id = ANY($6::uuid[]) AND ${ofTenant()}`)} AS batches`,
    // The status is a parameter, so that no plan can choose a partial index of open holds and read all of it.
    values: [tenant, orderIds, redemptionIds, holdIds, deliveryIds, batchIds, 'open' satisfies HoldStatus],
  };
}

/** The orders that are named, and those of the holds that are. */
const ORDER_IDS = `$2::text[] || ARRAY(
  SELECT order_id FROM gift_cards.holds WHERE id = ANY($4::uuid[]) AND ${ofTenant()})`;

/** A record that is named in both ways comes twice, which the book doesn't mind. */
const recordsOf = (table: string, ids: string): string => `(
  SELECT * FROM gift_cards.${table} WHERE tenant = $1 AND order_id = ANY(${ORDER_IDS})
  UNION ALL SELECT * FROM gift_cards.${table} WHERE id = ANY(${ids}::uuid[]) AND ${ofTenant()}) AS records`;

function bookOf(now: Date, cards: readonly CardCells[], rows: LoadedRows): LoadedBook {
  const book = new LoadedBook(now);
  const openHolds = Map.groupBy((rows.open ?? []).map(holdOf), ({ cardId }) => cardId);
  for (const cells of cards) {
    const card = cardOf(cells, (openHolds.get(cells[0]) ?? []).sort(byAge));
    // Decoys belong to no tenant: they are read like any card and never seen.
    if (cells[1] !== '') book.putCard(card);
  }
  for (const row of rows.redemptions ?? []) book.putRedemption(redemptionOf(row));
  for (const row of rows.holds ?? []) book.putHold(holdOf(row));
  for (const row of rows.legs ?? []) book.putLeg(legOf(row));
  for (const row of rows.marks ?? []) book.putMark(markOf(row));
  for (const row of rows.deliveries ?? []) book.putDelivery(deliveryOf(row));
  for (const row of rows.batches ?? []) book.putBatch(batchOf(row));
  return book;
}

const byAge = (a: Hold, b: Hold): number => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
