import type { ClientBase, Pool, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type {
  BatchCard,
  CardFilter,
  CommandReader,
  GiftCardReader,
  Liability,
  Page,
  Paged,
  Reconciliation,
  ParkedLegFilter,
} from '../../application/gift-cards/gift-card-reader.ts';
import type { CodeKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { JournalEntry } from '../../domain/gift-cards/journal.ts';
import type { Batch, Delivery, Recipient, RefundLeg } from '../../domain/gift-cards/records.ts';
import { ENTRY_JSON, entryOf, type EntryRow } from './gift-card-entries.ts';
import { decoyOf } from './gift-card-locks.ts';
import { liability, reconcile } from './gift-card-reports.ts';
import {
  BATCH_JSON,
  batchOf,
  CARD_COLUMNS,
  cardOf,
  DELIVERY_JSON,
  deliveryOf,
  HOLD_JSON,
  holdOf,
  LEG_JSON,
  legOf,
  type BatchRow,
  type CardCells,
  type DeliveryRow,
  type HoldRow,
  type LegRow,
} from './gift-card-rows.ts';
import { fromCursor, paged } from './paging.ts';
import { inTurn, queryOf } from './statement.ts';

/** The status that a card has now, whatever it was at its last change. */
const STATUS_NOW = `CASE WHEN c.status IN ('voided', 'expired') THEN c.status
  WHEN c.expires_at <= clock_timestamp() THEN 'expired' ELSE c.status END`;

/** The open holds of a card, in one statement with it: else a hold that is placed in between would be counted twice. */
const OPEN_HOLDS = `(SELECT coalesce(json_agg(${HOLD_JSON} ORDER BY created_at, id), '[]') FROM gift_cards.holds
  WHERE card_id = c.id AND status = 'open')`;

/** Reads gift cards from PostgreSQL. */
export class PostgresGiftCardReader implements GiftCardReader {
  readonly #pool: Pool;
  /** The connection of the transaction that is read in. */
  readonly #client: ClientBase | undefined;

  /** With `client` everything but the reports is read there. */
  constructor(pool: Pool, client?: ClientBase) {
    this.#pool = pool;
    this.#client = client;
  }

  within(unit: unknown): CommandReader {
    return new PostgresGiftCardReader(this.#pool, unit as ClientBase);
  }

  async now(): Promise<Date> {
    const [row] = await this.#rows<{ now: Date }>('SELECT clock_timestamp() AS now', []);
    return (row as { now: Date }).now;
  }

  async find(tenant: string, by: { cardId: string } | { code: CodeKeys }): Promise<GiftCard | undefined> {
    if ('cardId' in by) return (await this.#cards('c.id = $2 AND c.tenant = $1', [tenant, by.cardId]))[0]?.card;
    // A code that nobody has reads a decoy: the same work.
    const [found] = await this.#cards(
      `c.id = coalesce((SELECT id FROM gift_cards.cards WHERE code_index = ANY($2::uuid[]) AND tenant = $1 LIMIT 1), $3)`,
      [tenant, by.code, decoyOf(by.code.join(','))],
    );
    return found?.tenant === tenant ? found.card : undefined;
  }

  async list(tenant: string, filter: CardFilter, page: Page): Promise<Paged<GiftCard>> {
    const values: unknown[] = [tenant];
    const conditions = ['c.tenant = $1'];
    const where = (value: unknown, condition: (parameter: string) => string): void => {
      if (value !== undefined) conditions.push(condition(`$${values.push(value)}`));
    };
    where(filter.purchaserId, (p) => `c.purchaser_id = ${p}`);
    where(filter.holderId, (p) => `c.holder_id = ${p}`);
    where(filter.ownerId, (p) => `(c.purchaser_id = ${p} OR c.holder_id = ${p})`);
    where(filter.lastFour, (p) => `c.last_four = ${p}`);
    where(filter.status, (p) => `${STATUS_NOW} = ${p}`);
    where(filter.batchId, (p) => `c.batch_id = ${p}`);
    const found = await fromCursor(page.cursor, 2, (after) => {
      if (after !== undefined) {
        conditions.push(
          `(c.created_at, c.id) < ($${values.push(after[0])}::timestamptz, $${values.push(after[1])}::uuid)`,
        );
      }
      const limit = `$${values.push(page.limit + 1)}`;
      return this.#cards(`${conditions.join(' AND ')} ORDER BY c.created_at DESC, c.id DESC LIMIT ${limit}`, values);
    });
    return paged(
      found,
      page.limit,
      ({ card }) => card,
      ({ createdAt, card }) => [createdAt, card.id],
    );
  }

  async transactions(tenant: string, cardId: string, page: Page): Promise<Paged<JournalEntry>> {
    const rows = await fromCursor(page.cursor, 1, ([before = null] = []) =>
      this.#rows<{ entry: EntryRow }>(
        `SELECT ${ENTRY_JSON} AS entry FROM gift_cards.transactions
         WHERE gift_card_id = $2 AND tenant = $1 AND ($3::bigint IS NULL OR entry_number < $3)
         ORDER BY entry_number DESC LIMIT $4`,
        [tenant, cardId, before, page.limit + 1],
      ),
    );
    return paged(
      rows,
      page.limit,
      ({ entry }) => entryOf(entry),
      ({ entry }) => [`${entry.entry_number}`],
    );
  }

  async batch(tenant: string, batchId: string): Promise<Batch | undefined> {
    const from = 'gift_cards.batches WHERE id = $2 AND tenant = $1';
    const [row] = await this.#rows<{ batch: BatchRow }>(`SELECT ${BATCH_JSON} AS batch FROM ${from}`, [
      tenant,
      batchId,
    ]);
    return row === undefined ? undefined : batchOf(row.batch);
  }

  async batchCards(tenant: string, batchId: string, fromIndex: number, limit: number): Promise<readonly BatchCard[]> {
    return this.#rows<BatchCard>(
      `SELECT id, code_index AS "codeIndex", voided_at IS NOT NULL AS "isVoided" FROM gift_cards.cards
       WHERE batch_id = $2 AND batch_index >= $3 AND tenant = $1
       ORDER BY batch_index LIMIT $4`,
      [tenant, batchId, fromIndex, limit],
    );
  }

  async parkedLegs(tenant: string, { orderId, closed }: ParkedLegFilter, page: Page): Promise<Paged<RefundLeg>> {
    const rows = await fromCursor(page.cursor, 4, (after) =>
      this.#rows<{ leg: LegRow; at: string }>(
        `SELECT ${LEG_JSON} AS leg, received_at::text AS at FROM gift_cards.refund_legs
         WHERE tenant = $1 AND closed = $2 AND parked > 0 AND ($3::text IS NULL OR order_id = $3)
           AND ($4::timestamptz IS NULL
             OR (received_at, order_id, refund_id, refund_legs.leg) > ($4, $5, $6, $7::integer))
         ORDER BY received_at, order_id, refund_id, refund_legs.leg LIMIT $8`,
        [tenant, closed, orderId ?? null, ...(after ?? [null, null, null, null]), page.limit + 1],
      ),
    );
    const position = ({ leg, at }: { leg: LegRow; at: string }) => [at, leg.order_id, leg.refund_id, `${leg.leg}`];
    return paged(rows, page.limit, ({ leg }) => legOf(leg), position);
  }

  async recipient(tenant: string, cardId: string): Promise<Recipient | undefined> {
    const [row] = await this.#rows<{ email: string | null; message: string | null }>(
      'SELECT recipient_email AS email, message FROM gift_cards.recipients WHERE card_id = $2 AND tenant = $1',
      [tenant, cardId],
    );
    return row === undefined ? undefined : { cardId, ...row };
  }

  delivery(tenant: string, deliveryId: string): Promise<Delivery | undefined> {
    return this.#delivery('id = $2 AND tenant = $1', [tenant, deliveryId]);
  }

  deliveryOfCard(tenant: string, cardId: string): Promise<Delivery | undefined> {
    return this.#delivery('card_id = $2 AND tenant = $1 ORDER BY created_at DESC, id DESC LIMIT 1', [tenant, cardId]);
  }

  /*
   * The sweeps below ask for statement_timestamp(): clock_timestamp() is another with each row, so that no index can be
   * searched for it.
   */
  async due(limit: number): Promise<readonly { tenant: string; cardId: string }[]> {
    return this.#rows(
      `SELECT tenant, card_id AS "cardId" FROM (
         (SELECT tenant, id AS card_id, expires_at FROM gift_cards.cards c
          WHERE expires_at <= statement_timestamp() AND expired_at IS NULL AND voided_at IS NULL
            AND NOT EXISTS (SELECT FROM gift_cards.holds h
              WHERE h.card_id = c.id AND h.status = 'open' AND h.expires_at > statement_timestamp())
          ORDER BY expires_at LIMIT $1)
         UNION ALL
         (SELECT tenant, card_id, expires_at FROM gift_cards.holds
          WHERE status = 'open' AND expires_at <= statement_timestamp() ORDER BY expires_at LIMIT $1)) AS due
       GROUP BY tenant, card_id ORDER BY min(expires_at) LIMIT $1`,
      [limit],
    );
  }

  runningBatches(limit: number): Promise<readonly { tenant: string; batchId: string }[]> {
    return this.#rows(
      `SELECT tenant, id AS "batchId" FROM gift_cards.batches WHERE status = 'running' ORDER BY created_at, id LIMIT $1`,
      [limit],
    );
  }

  async batchesToDestroy(limit: number): Promise<readonly { tenant: string; batchId: string }[]> {
    return this.#rows(
      `SELECT tenant, id AS "batchId" FROM gift_cards.batches
       WHERE sealed_seed IS NOT NULL AND codes_until <= statement_timestamp() ORDER BY codes_until LIMIT $1`,
      [limit],
    );
  }

  deliveriesToDrop(until: Date, limit: number): Promise<readonly { tenant: string; deliveryId: string }[]> {
    return this.#rows(
      `SELECT tenant, id AS "deliveryId" FROM gift_cards.deliveries
       WHERE status = 'pending' AND created_at <= $1 ORDER BY created_at LIMIT $2`,
      [until, limit],
    );
  }

  liability(tenant: string, from: Date | undefined, to: Date | undefined): Promise<readonly Liability[]> {
    return liability(this.#pool, tenant, from, to);
  }

  reconcile(tenant: string): Promise<Reconciliation> {
    return reconcile(this.#pool, tenant);
  }

  /** Cards with their open holds, and the time of their creation as exactly as it is stored. */
  async #cards(
    condition: string,
    values: unknown[],
  ): Promise<{ readonly card: GiftCard; readonly tenant: string; readonly createdAt: string }[]> {
    const query = queryOf({
      text: `SELECT ${OPEN_HOLDS}, ${CARD_COLUMNS} FROM gift_cards.cards c WHERE ${condition}`,
      values,
      raw: true,
    });
    const { rows } = (await this.#query(query)) as unknown as { rows: [openHolds: string, ...CardCells][] };
    return rows.map(([openHolds, ...cells]) => {
      const holds = (JSON.parse(openHolds) as readonly HoldRow[]).map(holdOf);
      return { card: cardOf(cells, holds), tenant: cells[1], createdAt: cells[19] };
    });
  }

  async #delivery(condition: string, values: readonly unknown[]): Promise<Delivery | undefined> {
    const sql = `SELECT ${DELIVERY_JSON} AS delivery FROM gift_cards.deliveries WHERE ${condition}`;
    const [row] = await this.#rows<{ delivery: DeliveryRow }>(sql, values);
    return row === undefined ? undefined : deliveryOf(row.delivery);
  }

  async #rows<Row extends QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    return (await this.#query<Row>({ text, values: [...values] })).rows;
  }

  /** A connection of the caller's may be busy with a command of his. */
  #query<Row extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<Row>> {
    const client = this.#client;
    return client === undefined ? this.#pool.query<Row>(query) : inTurn(client, () => client.query<Row>(query));
  }
}
