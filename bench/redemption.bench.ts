import pg from 'pg';
import { CALLER, drive, openGiftCards, pgbench, type GiftCardBench } from './gift-card-site.ts';

const CARDS = 100_000;

/** The rows that a redemption writes, by the best single statement: card, journal, event, receipt. */
const statement = (batchId: string, card: string): string => `
WITH card AS (
  UPDATE gift_cards.cards SET current_balance = current_balance - 1, status = 'partially_redeemed',
    version = version + 1, entry_count = entry_count + 1, updated_at = clock_timestamp()
  WHERE batch_id = '${batchId}' AND batch_index = ${card} AND current_balance >= 1 AND voided_at IS NULL
  RETURNING id, current_balance, version, entry_count),
journal AS (
  INSERT INTO gift_cards.transactions (tenant, gift_card_id, entry_number, id, transaction_type, debit_account,
    credit_account, amount, currency, balance_before, balance_after, order_id, reference_id, metadata, created_at)
  SELECT 'default', id, entry_count, gen_random_uuid(), 'redemption', 'card' || chr(58) || id, 'settlement', 1, 'USD',
    current_balance + 1, current_balance, 'order-' || version, cast(gen_random_uuid() AS text),
    jsonb_build_object('purpose', 'payment'), clock_timestamp() FROM card),
event AS (
  INSERT INTO portolan.events (tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
  SELECT 'default', 'gift_card' || chr(58) || id, version, gen_random_uuid(), 'gift_card.redeemed', 'system-bench', 'bench',
    json_build_object('cardId', id, 'redemptionId', gen_random_uuid(), 'orderId', 'order-' || version, 'purpose',
      'payment', 'amount', '0.01', 'balance', cast(current_balance AS text), 'currency', 'USD') FROM card RETURNING position)
INSERT INTO portolan.receipts (id, tenant, operation, fingerprint, outcome, position)
SELECT gen_random_uuid(), 'default', 'GiftCard.redeem', gen_random_uuid(), json_build_object('a', json_build_object(
  'redemptionId', gen_random_uuid(), 'giftCard', json_build_object('id', id, 'status', 'partially_redeemed'),
  'redeemedAmount', json_build_object('amount', '0.01', 'currency', 'USD'),
  'remainingBalance', json_build_object('amount', cast(current_balance AS text), 'currency', 'USD'))), position
FROM card, event;`;

let orders = 0;

const redeem = (site: GiftCardBench, code: string): Promise<unknown> => {
  orders += 1;
  const input = { code, orderId: `order-${orders}`, amount: { amount: '0.01', currency: 'USD' } };
  const operation = site.operations.get('GiftCard.redeem');
  if (operation === undefined) throw new Error('GiftCard.redeem is not there');
  return operation.invoke(input, { ...CALLER, idempotencyKey: `key-${orders}` });
};

/** The plain way, from the same process: a transaction of three statements per redemption, one caller. */
async function plainTransaction(site: GiftCardBench, client: pg.Client): Promise<void> {
  const index = Math.floor(Math.random() * CARDS);
  await client.query('BEGIN');
  const { rows } = await client.query<{ id: string; current_balance: string; version: string; entry_count: string }>({
    name: 'lock',
    text: `SELECT id, current_balance, version, entry_count FROM gift_cards.cards
      WHERE batch_id = $1 AND batch_index = $2 FOR UPDATE`,
    values: [site.batchId, index],
  });
  const card = rows[0] as { id: string; current_balance: string; version: string; entry_count: string };
  await client.query({
    name: 'update',
    text: `UPDATE gift_cards.cards SET current_balance = current_balance - 1, version = version + 1,
      status = 'partially_redeemed', entry_count = entry_count + 1, updated_at = clock_timestamp() WHERE id = $1`,
    values: [card.id],
  });
  await client.query({
    name: 'insert',
    text: `WITH journal AS (
        INSERT INTO gift_cards.transactions (tenant, gift_card_id, entry_number, id, transaction_type, debit_account,
          credit_account, amount, currency, balance_before, balance_after, order_id, reference_id, created_at)
        VALUES ('default', $1::uuid, $2::bigint + 1, gen_random_uuid(), 'redemption', 'card:' || $1::uuid, 'settlement',
          1, 'USD', $3::bigint, $3::bigint - 1, 'order', gen_random_uuid()::text, clock_timestamp())),
      event AS (
        INSERT INTO portolan.events (tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
        VALUES ('default', 'gift_card:' || $1::uuid, $4::bigint + 1, gen_random_uuid(), 'gift_card.redeemed',
          'system:bench', 'bench', json_build_object('cardId', $1::uuid, 'amount', '0.01')) RETURNING position)
      INSERT INTO portolan.receipts (id, tenant, operation, fingerprint, outcome, position)
      SELECT gen_random_uuid(), 'default', 'GiftCard.redeem', gen_random_uuid(),
        json_build_object('a', json_build_object('redemptionId', gen_random_uuid())), position FROM event`,
    values: [card.id, card.entry_count, card.current_balance, card.version],
  });
  await client.query('COMMIT');
}

export interface RedemptionResult {
  /** Ratios are medians over the rounds; the rest is of the median round. */
  readonly spreadRatio: number;
  readonly hotRatio: number;
  readonly loneRatio: number;
  readonly spreadPerSecond: number;
  readonly hotPerSecond: number;
  readonly pgbenchSpreadPerSecond: number;
  readonly pgbenchHotPerSecond: number;
  readonly p99Ms: number;
  readonly lonePlainP50Ms: number;
  readonly loneP50Ms: number;
  /** Share of one processor that this process, load and use case in one, took. */
  readonly processShare: number;
}

/** Redemptions per second against pgbench, spread and hot, and one lone caller against a plain transaction. */
export async function benchRedemption({ rounds = 3, seconds = 5 } = {}): Promise<RedemptionResult> {
  const site = await openGiftCards(CARDS, { RATE_LIMIT_PER_MINUTE: '0' });
  const owner = new pg.Client(site.ownerUrl);
  await owner.connect();
  await owner.query('VACUUM ANALYZE');
  const milliseconds = seconds * 1000;
  const any = (): string => site.codes[Math.floor(Math.random() * CARDS)] as string;
  const hot = site.codes[0] as string;
  const oneLine = (sql: string): string => `${sql.replaceAll('\n', ' ')}\n`;
  const spreadScript = `\\set n random(0, ${CARDS - 1})\n${oneLine(statement(site.batchId, ':n'))}`;
  const hotScript = oneLine(statement(site.batchId, '1'));
  const results: RedemptionResult[] = [];
  try {
    await drive(256, 1000, () => redeem(site, any()));
    for (let round = 0; round < rounds; round += 1) {
      const pgbenchSpreadPerSecond = await pgbench(site.ownerUrl, spreadScript, 16, seconds);
      const before = process.cpuUsage();
      const spread = await drive(256, milliseconds, () => redeem(site, any()));
      const { user, system } = process.cpuUsage(before);
      const pgbenchHotPerSecond = await pgbench(site.ownerUrl, hotScript, 16, seconds);
      const hotOurs = await drive(256, milliseconds, () => redeem(site, hot));
      const plain = await drive(1, milliseconds / 2, () => plainTransaction(site, owner));
      const lone = await drive(1, milliseconds / 2, () => redeem(site, any()));
      results.push({
        ...{ pgbenchSpreadPerSecond, spreadPerSecond: spread.perSecond, p99Ms: spread.p99Ms },
        ...{ pgbenchHotPerSecond, hotPerSecond: hotOurs.perSecond },
        ...{ lonePlainP50Ms: plain.p50Ms, loneP50Ms: lone.p50Ms, loneRatio: lone.p50Ms / plain.p50Ms },
        spreadRatio: spread.perSecond / pgbenchSpreadPerSecond,
        hotRatio: hotOurs.perSecond / pgbenchHotPerSecond,
        processShare: (user + system) / 1e6 / seconds,
      });
    }
  } finally {
    await owner.end();
    await site.close();
  }
  const median = (of: (result: RedemptionResult) => number): number =>
    results.map(of).sort((a, b) => a - b)[Math.floor(results.length / 2)] ?? Number.NaN;
  const names = Object.keys(results[0] ?? {}) as (keyof RedemptionResult)[];
  return Object.fromEntries(
    names.map((name) => [name, median((result) => result[name])]),
  ) as unknown as RedemptionResult;
}
