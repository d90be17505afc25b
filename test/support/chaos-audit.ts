import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import type { Courier } from './chaos-courier.ts';
import type { Ledger } from './chaos-ledger.ts';
import { ADMIN_TOKEN } from './chaos-server.ts';

const settleWithinMs = 30_000;

/** Fails unless the database holds what the clients were told, no less and no more, and all of it adds up. */
export async function audit(ownerUrl: string, serverUrl: string, ledger: Ledger): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await expectSoundBooks(client);
    await expectWhatWasAnswered(client, ledger);
    await expectHouseAccounts(client, ledger);
    await expectSoundLog(client, ledger);
  } finally {
    await client.end();
  }
  const report = await ask(serverUrl, 'gift-cards/reconcile');
  expect(report, 'reconciliation').to.include({ consistent: true });
  const proof = await ask(serverUrl, 'events/verify');
  expect(proof, 'seals').to.include({ intact: true });
}

/**
 * Sends answered commands once more, accepted and refused ones: each must be answered as before, whatever could be done
 * by now, and change nothing.
 */
export async function repeatSample(courier: Courier, { sample }: Ledger): Promise<void> {
  for (const kind of ['accepted', 'refused'] as const) {
    const all = sample.filter(({ verdict }) => kind in verdict);
    const some = all.sort(() => Math.random() - 0.5).slice(0, 200);
    const again = await Promise.all(some.map(({ command }) => courier.deliver(command, 0)));
    expect(again, `${kind} commands repeated`).to.deep.equal(some.map(({ verdict }) => verdict));
  }
}

/** Each names what is wrong; none may find a row. Not the server's own checks: those are asked as well. */
const SOUND = {
  'balances below zero': `SELECT id FROM gift_cards.cards WHERE current_balance < 0`,
  'balances that are not the sum of the journal': `
    SELECT c.id, c.current_balance, sum(t.amount * (
        (t.credit_account = 'card:' || c.id)::int - (t.debit_account = 'card:' || c.id)::int)) AS journal
    FROM gift_cards.cards c LEFT JOIN gift_cards.transactions t ON t.gift_card_id = c.id
    WHERE c.tenant <> '' GROUP BY c.id
    HAVING c.current_balance <> coalesce(sum(t.amount * (
        (t.credit_account = 'card:' || c.id)::int - (t.debit_account = 'card:' || c.id)::int)), 0)`,
  'entries that do not follow from the one before': `
    SELECT * FROM (SELECT gift_card_id, entry_number, balance_before,
        lag(balance_after, 1, 0::bigint) OVER card AS before, row_number() OVER card AS number
      FROM gift_cards.transactions WINDOW card AS (PARTITION BY gift_card_id ORDER BY entry_number)) AS chain
    WHERE balance_before <> before OR entry_number <> number`,
  // Holds as long as a row of the journal has both sides and one amount: it is for the day on which that changes. That
  // money came from where it should and went where it should is proved by the house accounts below, and by the
  // accounts of holds and transfers.
  'currencies whose accounts do not add up to zero': `
    SELECT currency, sum(amount) FROM (
      SELECT currency, credit_account AS account, amount FROM gift_cards.transactions
      UNION ALL SELECT currency, debit_account, -amount FROM gift_cards.transactions) AS sides
    GROUP BY currency HAVING sum(amount) <> 0`,
  'accounts of holds and transfers that are not as they should be': `
    SELECT account, balance, h.status FROM (
      SELECT account, sum(amount) AS balance FROM (
        SELECT credit_account AS account, amount FROM gift_cards.transactions
        UNION ALL SELECT debit_account, -amount FROM gift_cards.transactions) AS sides
      WHERE account LIKE 'hold:%' OR account LIKE 'transfer:%' GROUP BY account) AS accounts
    LEFT JOIN gift_cards.holds h ON account = 'hold:' || h.id
    WHERE balance <> CASE h.status WHEN 'open' THEN h.amount ELSE 0 END`,
  'redemptions refunded otherwise than the journal says': `
    SELECT r.id FROM gift_cards.redemptions r LEFT JOIN (
      SELECT reference_id, sum(amount) AS refunded FROM gift_cards.transactions
      WHERE transaction_type = 'refund' GROUP BY reference_id) AS refunds ON refunds.reference_id = r.id::text
    WHERE r.refunded <> coalesce(refunds.refunded, 0) OR r.refunded > r.amount`,
  'streams with gaps, doublets or versions out of order': `
    SELECT stream, stream_version FROM (
      SELECT stream, stream_version, row_number() OVER (PARTITION BY tenant, stream ORDER BY position) AS number
      FROM portolan.events) AS numbered
    WHERE stream_version <> number`,
  'cards whose version is not that of their last event': `
    SELECT c.id, c.version, e.version FROM gift_cards.cards c LEFT JOIN (
      SELECT stream, max(stream_version) AS version FROM portolan.events GROUP BY stream) AS e
      ON e.stream = 'gift_card:' || c.id
    WHERE c.version <> coalesce(e.version, 0)`,
} as const;

async function expectSoundBooks(client: pg.Client): Promise<void> {
  for (const [what, sql] of Object.entries(SOUND)) {
    expect((await client.query(`${sql} LIMIT 5`)).rows, what).to.deep.equal([]);
  }
}

async function expectWhatWasAnswered(client: pg.Client, ledger: Ledger): Promise<void> {
  await expectSame(client, 'redemptions', ledger.redemptions, `SELECT id, amount FROM gift_cards.redemptions`);
  await expectSame(client, 'holds', ledger.holds, `SELECT id, amount FROM gift_cards.holds`);
  const ended = new Map([...ledger.endedHolds].map(([id, how]) => [id, how === 'captured' ? 1 : 2]));
  const endings = `CASE status WHEN 'captured' THEN 1 WHEN 'released' THEN 2 END`;
  const endedHolds = `SELECT id, ${endings} AS amount FROM gift_cards.holds WHERE status <> 'open'`;
  await expectSame(client, 'ended holds', ended, endedHolds);
  const entries = (type: string, id: string): string =>
    `SELECT ${id} AS id, amount FROM gift_cards.transactions WHERE transaction_type = '${type}'`;
  await expectSame(client, 'refunds', ledger.refunds, entries('refund', `metadata ->> 'refundId'`));
  await expectSame(client, 'transfers out', ledger.transfers, entries('transfer_out', 'reference_id'));
  await expectSame(client, 'transfers in', ledger.transfers, entries('transfer_in', 'reference_id'));
  const reloads = await one(
    client,
    `SELECT count(*), coalesce(sum(amount), 0) AS sum
    FROM gift_cards.transactions WHERE transaction_type = 'reload'`,
  );
  const { count, sumMinor } = ledger.reloads;
  expect(reloads, 'reloads').to.deep.equal({ count: `${count}`, sum: `${sumMinor}` });
  const receipts = await one(client, 'SELECT count(*) FROM portolan.receipts');
  expect(receipts['count'], 'receipts').to.equal(`${ledger.answered}`);
}

/** Fails unless money came from where it was issued and went where it was spent, by what the clients were told. */
async function expectHouseAccounts(client: pg.Client, ledger: Ledger): Promise<void> {
  const { rows } = await client.query<{ account: string; balance: string }>(
    `SELECT CASE WHEN account IN ('sales', 'promotion') THEN 'funding' ELSE account END AS account,
       sum(amount)::text AS balance
     FROM (SELECT credit_account AS account, amount FROM gift_cards.transactions
           UNION ALL SELECT debit_account, -amount FROM gift_cards.transactions) AS sides
     WHERE account !~ '^(card|hold|transfer):' GROUP BY 1`,
  );
  const balances = new Map(rows.map(({ account, balance }) => [account, Number(balance)]));
  const sum = (amounts: ReadonlyMap<string, number>): number => [...amounts.values()].reduce((a, b) => a + b, 0);
  const spent = sum(ledger.redemptions) - sum(ledger.refunds);
  expect(balances.get('settlement') ?? 0, 'settlement').to.equal(spent);
  expect(balances.get('funding') ?? 0, 'sales and promotion').to.equal(-(ledger.issuedMinor + ledger.reloads.sumMinor));
  expect([...balances.keys()].sort(), 'house accounts').to.deep.equal(
    spent === 0 ? ['funding'] : ['funding', 'settlement'],
  );
}

/** Fails unless the query gives these ids with these amounts, each once, and nothing else. */
async function expectSame(
  client: pg.Client,
  what: string,
  answered: ReadonlyMap<string, number>,
  sql: string,
): Promise<void> {
  const { rows } = await client.query<{ id: string; amount: string }>({ text: sql });
  const stored = new Map(rows.map(({ id, amount }) => [id, Number(amount)]));
  expect(stored.size, `${what} stored twice`).to.equal(rows.length);
  const differing = (one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): string[] =>
    [...one].filter(([id, amount]) => other.get(id) !== amount).map(([id, amount]) => `${id} ${amount}`);
  expect(differing(answered, stored).slice(0, 5), `${what} answered but not stored`).to.deep.equal([]);
  expect(differing(stored, answered).slice(0, 5), `${what} stored but not answered`).to.deep.equal([]);
}

async function expectSoundLog(client: pg.Client, ledger: Ledger): Promise<void> {
  const events = await one(
    client,
    `SELECT
      count(*) FILTER (WHERE type IN ('gift_card.redeemed', 'gift_card.captured')) AS paid,
      count(*) FILTER (WHERE type = 'gift_card.captured') AS captured,
      count(*) FILTER (WHERE type = 'gift_card.refunded') AS refunded,
      count(*) FILTER (WHERE type = 'gift_card.held') AS held,
      count(*) FILTER (WHERE type = 'gift_card.released') AS released,
      count(*) FILTER (WHERE type = 'gift_card.reloaded') AS reloaded,
      count(*) FILTER (WHERE type = 'gift_card.transferred') AS transferred,
      count(DISTINCT event_id) - count(*) AS doublets
    FROM portolan.events`,
  );
  const ended = [...ledger.endedHolds.values()];
  const captured = ended.filter((how) => how === 'captured').length;
  expect(events, 'events').to.deep.equal({
    ...{ paid: `${ledger.redemptions.size}`, captured: `${captured}`, refunded: `${ledger.refunds.size}` },
    ...{ held: `${ledger.holds.size}`, released: `${ended.length - captured}` },
    ...{ reloaded: `${ledger.reloads.count}`, transferred: `${ledger.transfers.size * 2}`, doublets: '0' },
  });
  await expectConsumersAtHead(client);
}

async function expectConsumersAtHead(client: pg.Client): Promise<void> {
  const sql = `SELECT name, head - position AS behind
    FROM portolan.consumers, (SELECT max(position) AS head FROM portolan.events) AS log
    WHERE position < head`;
  const deadline = Date.now() + settleWithinMs;
  let { rows } = await client.query(sql);
  while (rows.length > 0 && Date.now() < deadline) {
    await delay(50);
    ({ rows } = await client.query(sql));
  }
  expect(rows, 'consumers behind the log').to.deep.equal([]);
  expect(
    (await client.query('SELECT consumer, error_code FROM portolan.dead_events')).rows,
    'dead events',
  ).to.deep.equal([]);
}

async function one(client: pg.Client, sql: string): Promise<Record<string, unknown>> {
  const { rows } = await client.query<Record<string, unknown>>(sql);
  return rows[0] ?? {};
}

async function ask(serverUrl: string, path: string): Promise<unknown> {
  const answer = await fetch(`${serverUrl}/v1/${path}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  const text = await answer.text();
  expect(answer.status, text).to.equal(200);
  return (JSON.parse(text) as { data: unknown }).data;
}
