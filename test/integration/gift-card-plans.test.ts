import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { newIssue, type Scenario } from '../../src/contracts/gift-cards/scenario.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { CARDS_CHANGED, CARDS_PAID } from '../../src/infrastructure/postgres/gift-card-tables.ts';
import { createCommandPool } from '../../src/infrastructure/postgres/pools.ts';
import { instancesSite, scenarioOf, type InstancesSite } from '../support/chaos-instances.ts';

const ROWS = 20_000;
/** Rows of one table that a command may read, however many there are. Cards are 256 decoys and one. */
const READ_AT_MOST = 20;
const COMMANDS = 4 * 3;
/** Statistics of a connection show after at most a second, when it does something again. */
const STATISTICS_MS = 1_100;

const FILL = `
  INSERT INTO gift_cards.redemptions (id, tenant, card_id, order_id, purpose, currency, amount, balance_after, created_at)
    SELECT gen_random_uuid(), $1, gen_random_uuid(), 'old-' || n, 'payment', 'USD', 1, 0, now() FROM generate_series(1, ${ROWS}) n;
  INSERT INTO gift_cards.holds (id, tenant, card_id, order_id, purpose, currency, amount, status, balance_after, expires_at, created_at)
    SELECT gen_random_uuid(), $1, gen_random_uuid(), 'old-' || n, 'payment', 'USD', 1, 'open', 0, 'infinity', now() FROM generate_series(1, ${ROWS}) n;
  INSERT INTO gift_cards.refund_legs (tenant, order_id, refund_id, leg, currency, amount, parked, closed, received_at)
    SELECT $1, 'old-' || n, 'refund', 0, 'USD', 1, 1, false, now() FROM generate_series(1, ${ROWS}) n;
  INSERT INTO gift_cards.cancelled_orders (tenant, order_id, cancelled_at, marks_until)
    SELECT $1, 'old-' || n, now(), 'infinity' FROM generate_series(1, ${ROWS}) n;
  INSERT INTO portolan.receipts (id, tenant, operation, fingerprint, outcome)
    SELECT gen_random_uuid(), $1, 'old', gen_random_uuid(), '{"a":null}' FROM generate_series(1, ${ROWS}) n`;

/** Connections keep their plans; those of empty tables have to do for full ones, until somebody analyses them. */
describe('plans that were made while the tables were empty', function () {
  this.timeout(60_000);
  let site: InstancesSite;
  let owner: pg.Client;

  before(async () => {
    site = await instancesSite();
    owner = new pg.Client({ connectionString: site.ownerUrl });
    await owner.connect();
  });
  after(async () => {
    await owner.end();
    await site.close();
  });

  const pay = async (scenario: Scenario, cardId: string, order: string): Promise<void> => {
    const redemptionId = await scenario.redeem(cardId, order, 10n);
    await scenario.hold(cardId, `${order} later`, 10n);
    await scenario.update({ redemptionIds: [redemptionId ?? ''], cardIds: [cardId] }, () => ({
      ...{ kind: 'accepted', answer: null, changes: {}, events: [] },
    }));
  };

  /** Rows read so far, by table (whole) and by index. */
  async function rowsRead(): Promise<ReadonlyMap<string, number>> {
    const { rows } = await owner.query<{ name: string; read: string }>(
      `SELECT relname AS name, seq_tup_read AS read FROM pg_stat_user_tables
       WHERE schemaname = 'gift_cards' OR relname = 'receipts'
       UNION ALL SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes
       WHERE schemaname = 'gift_cards' OR relname = 'receipts'`,
    );
    return new Map(rows.map(({ name, read }) => [name, Number(read)]));
  }

  // First of all, since tables that were never analysed are those which the planner thinks smallest.
  it('join the cards of a batch by a hash, not each with each', async () => {
    const pool = createCommandPool({ connectionString: site.applicationUrl, max: 1, onError: () => undefined });
    const card = GiftCard.issue(newIssue(), { now: new Date(), newId: randomUUID }).toSnapshot();
    for (const table of [CARDS_PAID, CARDS_CHANGED]) {
      const [{ text } = { text: '' }] = table.write('default', [{ before: card, after: card }]);
      const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${text}`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).to.include('Hash Join').and.not.to.include('Nested Loop');
    }
    await pool.end();
  });

  it('still look everything up by its key when they are full', async () => {
    await owner.query(
      'VACUUM (ANALYZE) gift_cards.cards, gift_cards.redemptions, gift_cards.holds, gift_cards.refund_legs',
    );
    await owner.query('VACUUM (ANALYZE) gift_cards.cancelled_orders, portolan.receipts');
    const scenario = scenarioOf(site, site.open({ maxBatches: 1 }));
    const cardId = await scenario.issue();
    await pay(scenario, cardId, 'first');
    for (const sql of FILL.split(';')) await owner.query(sql, [scenario.tenant]);
    await delay(STATISTICS_MS);
    await pay(scenario, cardId, 'second');
    const before = await rowsRead();
    for (const order of ['third', 'fourth', 'fifth']) await pay(scenario, cardId, order);
    await delay(STATISTICS_MS);
    await pay(scenario, cardId, 'sixth');
    await delay(100);
    const read = [...(await rowsRead())].map(([name, rows]) => [name, rows - (before.get(name) ?? 0)] as const);
    expect(read.filter(([, rows]) => rows > COMMANDS * READ_AT_MOST)).to.deep.equal([]);
  });
});
