import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { ClientBase, Pool } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { BulkCard, BulkIssuer, IssuedSet } from '../../application/gift-cards/bulk-issuer.ts';
import { decidedEvents } from '../../application/shared/decided-events.ts';
import { batchCreated } from '../../domain/gift-cards/batch-created.ts';
import { BatchNotFound, InvalidExpiry } from '../../domain/gift-cards/errors.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import type { CommandContext } from '../../domain/shared/decision.ts';
import { appendEvents } from './append-events.ts';
import { BATCH_JSON, batchOf, type BatchRow } from './gift-card-rows.ts';
import { checkOut } from './pools.ts';

const LINES_PER_CHUNK = 500;

/** Issues batches of cards by COPY into a staging table and two set-based inserts. */
export class PostgresBulkIssuer implements BulkIssuer {
  readonly #pool: Pool;
  readonly #newId: () => string;
  readonly #committed: (position: bigint) => void;

  /** `pool` isn't in pipeline mode: COPY can't share a connection with other statements. */
  constructor(pool: Pool, newId: () => string, committed: (position: bigint) => void = () => undefined) {
    this.#pool = pool;
    this.#newId = newId;
    this.#committed = committed;
  }

  async issue(
    context: CommandContext,
    batch: Batch,
    fromIndex: number,
    pepperId: string,
    cards: readonly BulkCard[],
  ): Promise<IssuedSet> {
    const client = await checkOut(this.#pool);
    try {
      await client.query('BEGIN');
      const present = await lockBatch(client, context.tenant, batch.id);
      if (present.createdCount !== fromIndex || present.status !== 'running') {
        await client.query('ROLLBACK');
        client.release();
        return { batch: present, position: undefined };
      }
      await stage(client, fromIndex, cards);
      await insert(client, context.tenant, present, pepperId);
      const raised = await raise(client, present, cards.length);
      // Positions are taken last, so that readers of the log don't wait for the rows above.
      const position = await this.#append(client, context, present, fromIndex, cards.length);
      await client.query('COMMIT');
      client.release();
      this.#committed(position);
      return { batch: raised, position };
    } catch (error) {
      client.release(error instanceof Error ? error : true);
      throw error;
    }
  }

  async #append(client: ClientBase, context: CommandContext, batch: Batch, fromIndex: number, count: number) {
    const event = batchCreated(batch, fromIndex, count, await nextVersion(client, context.tenant, batch.id));
    const append = appendEvents(decidedEvents(context, [event], [], this.#newId));
    const { rows } = await client.query<{ position: string }>(append);
    return BigInt(rows.at(-1)?.position ?? 0);
  }
}

async function lockBatch(client: ClientBase, tenant: string, batchId: string): Promise<Batch> {
  const { rows } = await client.query<{ batch: BatchRow }>(
    `SELECT ${BATCH_JSON} AS batch FROM gift_cards.batches WHERE id = $2 AND tenant = $1 FOR UPDATE`,
    [tenant, batchId],
  );
  if (rows[0] === undefined) throw new BatchNotFound('There is no such batch.');
  return batchOf(rows[0].batch);
}

async function stage(client: ClientBase, fromIndex: number, cards: readonly BulkCard[]): Promise<void> {
  await client.query(`CREATE TEMPORARY TABLE IF NOT EXISTS staged_cards
    (batch_index integer, id uuid, code_index uuid, last_four text, entry_id uuid) ON COMMIT DELETE ROWS`);
  // Generated values only: identifiers and code symbols, none of which needs escaping in COPY's text format.
  const line = (card: BulkCard, at: number): string =>
    `${fromIndex + at}\t${card.id}\t${card.codeIndex}\t${card.lastFour}\t${card.entryId}\n`;
  const chunks = function* (): Generator<string> {
    for (let at = 0; at < cards.length; at += LINES_PER_CHUNK) {
      yield cards
        .slice(at, at + LINES_PER_CHUNK)
        .map((card, offset) => line(card, at + offset))
        .join('');
    }
  };
  await pipeline(Readable.from(chunks()), client.query(copyFrom('COPY staged_cards FROM STDIN')));
}

async function insert(client: ClientBase, tenant: string, batch: Batch, pepperId: string): Promise<void> {
  const { rows } = await client.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  const now = (rows[0] as { now: Date }).now;
  if (batch.expiresAt !== null && batch.expiresAt <= now) {
    throw new InvalidExpiry('The cards of the batch would be expired from the start.');
  }
  await client.query(
    `INSERT INTO gift_cards.cards (id, tenant, code_index, pepper_id, prefix, last_four, currency, original_amount,
       current_balance, status, purchaser_id, batch_id, batch_index, expires_at, created_at, updated_at, version,
       entry_count)
     SELECT id, $1, code_index, $2, $3, last_four, $4, $5, $5, 'active', $6, $7, batch_index, $8, $9, $9, 0, 1
     FROM staged_cards`,
    [
      ...[tenant, pepperId, batch.prefix, batch.currency, batch.amountMinor, batch.purchaserId, batch.id],
      ...[batch.expiresAt, now],
    ],
  );
  await client.query(
    `INSERT INTO gift_cards.transactions (gift_card_id, entry_number, id, tenant, transaction_type, debit_account,
       credit_account, amount, currency, balance_before, balance_after, created_at)
     SELECT id, 1, entry_id, $1, 'creation', 'promotion', 'card:' || id, $2::bigint, $3, 0, $2::bigint, $4
     FROM staged_cards`,
    [tenant, batch.amountMinor, batch.currency, now],
  );
}

async function raise(client: ClientBase, batch: Batch, by: number): Promise<Batch> {
  const { rows } = await client.query<{ batch: BatchRow }>(
    `UPDATE gift_cards.batches SET created_count = created_count + $2::integer,
       status = CASE WHEN created_count + $2::integer = card_count THEN 'ready' ELSE status END
     WHERE id = $1 RETURNING ${BATCH_JSON} AS batch`,
    [batch.id, by],
  );
  return batchOf((rows[0] as { batch: BatchRow }).batch);
}

/** The batch's row is locked, so that nobody else takes this version. */
async function nextVersion(client: ClientBase, tenant: string, batchId: string): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT coalesce(max(stream_version), 0)::integer + 1 AS version FROM portolan.events
     WHERE tenant = $1 AND stream = 'gift_card_batch:' || $2`,
    [tenant, batchId],
  );
  return rows[0]?.version ?? 1;
}
