import { expect } from 'chai';
import pg from 'pg';
import { expectNone, expectSame, one } from './chaos-answered.ts';
import { expectCards } from './chaos-audit-cards.ts';
import { awaitConsumers, BY_ORDER_EVENT, expectOrderEvents } from './chaos-audit-orders.ts';
import type { Courier } from './chaos-courier.ts';
import type { Ledger } from './chaos-ledger.ts';
import { cardSumsOf, endedHoldsOf, spentMinorOf } from './chaos-outcome.ts';
import { ADMIN_TOKEN } from './chaos-server.ts';

/** Fails unless the database holds what the clients were told, no less and no more, and all of it adds up. */
export async function audit(ownerUrl: string, serverUrl: string, ledger: Ledger): Promise<void> {
  // What order events change comes when they are handled.
  await awaitConsumers(ownerUrl);
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await expectNone(client, SOUND);
    await expectWhatWasAnswered(client, ledger);
    await expectOrderEvents(client, ledger);
    await expectCards(client, ledger);
    await expectHouseAccounts(client, ledger);
    await expectLog(client, ledger);
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
 * by now, and change nothing. Events that were told must be known.
 */
export async function repeatSample(courier: Courier, { sample, events: told }: Ledger): Promise<void> {
  for (const kind of ['accepted', 'refused'] as const) {
    const all = sample.filter(({ verdict }) => kind in verdict);
    const some = all.sort(() => Math.random() - 0.5).slice(0, 200);
    const again = await Promise.all(some.map(({ command }) => courier.deliver(command, 0)));
    expect(again, `${kind} commands repeated`).to.deep.equal(some.map(({ verdict }) => verdict));
  }
  const events = [...told.events.values()].sort(() => Math.random() - 0.5).slice(0, 200);
  const again = await Promise.all(events.map((event) => courier.tell([event], 0)));
  const isNew = again.filter((answer) => answer.isNew[0]);
  expect(isNew, 'events that were new once more').to.deep.equal([]);
}

/** What one of two queries finds more often than the other. */
function journalAgainstLog(journal: string, log: string): string {
  return `(SELECT 'in the journal only' AS found, * FROM (${journal} EXCEPT ALL ${log}) AS journal
    UNION ALL SELECT 'in the log only', * FROM (${log} EXCEPT ALL ${journal}) AS log)`;
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
  'refunds of redemptions that are not there, or of another order or card': `
    SELECT t.id FROM gift_cards.transactions t LEFT JOIN gift_cards.redemptions r ON r.id::text = t.reference_id
    WHERE transaction_type = 'refund'
      AND (r.id IS NULL OR r.card_id <> t.gift_card_id OR r.order_id IS DISTINCT FROM t.order_id)`,
  'refunds that the journal and the log tell differently': journalAgainstLog(
    `SELECT gift_card_id::text, metadata ->> 'refundId', reference_id, order_id, amount, credit_account = 'void'
      FROM gift_cards.transactions WHERE transaction_type = 'refund'`,
    `SELECT payload ->> 'cardId', payload ->> 'refundId', payload ->> 'redemptionId', payload ->> 'orderId',
      (payload ->> 'amount')::numeric * 100, (payload ->> 'toVoidAccount')::boolean
      FROM portolan.events WHERE type = 'gift_card.refunded'`,
  ),
  'voids that the journal and the log tell differently': journalAgainstLog(
    `SELECT gift_card_id::text, credit_account, amount
      FROM gift_cards.transactions WHERE transaction_type = 'void'`,
    `SELECT payload ->> 'cardId', payload ->> 'account', (payload ->> 'amount')::numeric * 100
      FROM portolan.events WHERE type = 'gift_card.voided' AND (payload ->> 'amount')::numeric > 0`,
  ),
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

async function expectWhatWasAnswered(client: pg.Client, ledger: Ledger): Promise<void> {
  const minorsOf = (payments: ReadonlyMap<string, { readonly minor: number }>) =>
    new Map([...payments].map(([id, { minor }]) => [id, minor]));
  await expectSame(
    client,
    'redemptions',
    minorsOf(ledger.redemptions),
    `SELECT id, amount FROM gift_cards.redemptions`,
  );
  await expectSame(client, 'holds', minorsOf(ledger.holds), `SELECT id, amount FROM gift_cards.holds`);
  const ended = new Map([...endedHoldsOf(ledger)].map(([id, how]) => [id, how === 'captured' ? 1 : 2]));
  const endings = `CASE status WHEN 'captured' THEN 1 WHEN 'released' THEN 2 END`;
  const endedHolds = `SELECT id, ${endings} AS amount FROM gift_cards.holds WHERE status <> 'open'`;
  await expectSame(client, 'ended holds', ended, endedHolds);
  const entries = (type: string, id: string): string =>
    `SELECT ${id} AS id, amount FROM gift_cards.transactions WHERE transaction_type = '${type}'`;
  // Those of order events bear the refund's own id or that of the cancellation; they are looked at by themselves.
  const byCommand = `${entries('refund', `metadata ->> 'refundId'`)} AND NOT ${BY_ORDER_EVENT}`;
  await expectSame(client, 'refunds by command', minorsOf(ledger.refunds), byCommand);
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
    `SELECT CASE WHEN account IN ('sales', 'promotion') THEN 'funding' WHEN account IN ('void', 'breakage') THEN 'voided'
         ELSE account END AS account,
       sum(amount)::text AS balance
     FROM (SELECT credit_account AS account, amount FROM gift_cards.transactions
           UNION ALL SELECT debit_account, -amount FROM gift_cards.transactions) AS sides
     WHERE account !~ '^(card|hold|transfer):' GROUP BY 1`,
  );
  const balances = new Map(rows.map(({ account, balance }) => [account, Number(balance)]));
  const sums = cardSumsOf(ledger);
  const voided = [...ledger.voided.keys()].reduce((sum, id) => sum + (sums.get(id) ?? 0), 0);
  const funding = -(ledger.issuedMinor + ledger.reloads.sumMinor);
  const expected = { funding, settlement: spentMinorOf(ledger), voided };
  expect(Object.fromEntries([...balances].filter(([, minor]) => minor !== 0)), 'house accounts').to.deep.equal(
    Object.fromEntries(Object.entries(expected).filter(([, minor]) => minor !== 0)),
  );
}

/** Fails unless each change that was answered, and each that an order event made, is one event of the log. */
async function expectLog(client: pg.Client, ledger: Ledger): Promise<void> {
  const events = await one(
    client,
    `SELECT
      count(*) FILTER (WHERE type IN ('gift_card.redeemed', 'gift_card.captured')) AS paid,
      count(*) FILTER (WHERE type = 'gift_card.captured') AS captured,
      count(*) FILTER (WHERE type = 'gift_card.held') AS held,
      count(*) FILTER (WHERE type = 'gift_card.released') AS released,
      count(*) FILTER (WHERE type = 'gift_card.reloaded') AS reloaded,
      count(*) FILTER (WHERE type = 'gift_card.transferred') AS transferred,
      count(DISTINCT event_id) - count(*) AS doublets
    FROM portolan.events`,
  );
  const ended = [...endedHoldsOf(ledger).values()];
  const captured = ended.filter((how) => how === 'captured').length;
  expect(events, 'events').to.deep.equal({
    ...{ paid: `${ledger.redemptions.size}`, captured: `${captured}` },
    ...{ held: `${ledger.holds.size}`, released: `${ended.length - captured}` },
    ...{ reloaded: `${ledger.reloads.count}`, transferred: `${ledger.transfers.size * 2}`, doublets: '0' },
  });
}

async function ask(serverUrl: string, path: string): Promise<unknown> {
  const answer = await fetch(`${serverUrl}/v1/${path}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  const text = await answer.text();
  expect(answer.status, text).to.equal(200);
  return (JSON.parse(text) as { data: unknown }).data;
}
