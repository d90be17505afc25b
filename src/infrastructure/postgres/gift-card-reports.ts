import type { Pool, PoolClient } from 'pg';
import type { Finding, Liability, Reconciliation } from '../../application/gift-cards/gift-card-reader.ts';
import type { TransactionType } from '../../domain/gift-cards/journal.ts';
import { checkOut } from './pools.ts';

/** Reads several statements from one snapshot, so that they tell of the same instant. */
async function inSnapshot<T>(pool: Pool, read: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await checkOut(pool);
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // Reports join whole tables. Where statistics are missing or old the planner may take them for a few rows.
    await client.query('SET LOCAL enable_nestloop = off');
    const result = await read(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    client.release(error instanceof Error ? error : true);
    throw error;
  }
}

/** What is owed: the credits less the debits of all card and hold accounts, from the journal alone. */
export async function liability(
  pool: Pool,
  tenant: string,
  from: Date | undefined,
  to: Date | undefined,
): Promise<readonly Liability[]> {
  const { rows } = await pool.query<{ currency: string; outstanding: string; cards: number; movements: object | null }>(
    `WITH entries AS (
       SELECT * FROM gift_cards.transactions WHERE tenant = $1 AND ($3::timestamptz IS NULL OR created_at < $3)),
     owed_by_card AS (
       SELECT currency, gift_card_id, sum(
           CASE WHEN credit_account ~ '^(card|hold):' THEN amount ELSE 0 END
           - CASE WHEN debit_account ~ '^(card|hold):' THEN amount ELSE 0 END) AS outstanding
       FROM entries GROUP BY currency, gift_card_id),
     owed AS (
       SELECT currency, (count(*) FILTER (WHERE outstanding <> 0))::integer AS cards,
         sum(outstanding)::text AS outstanding
       FROM owed_by_card GROUP BY currency),
     moved AS (
       SELECT currency, transaction_type, sum(amount)::text AS amount FROM entries
       WHERE $2::timestamptz IS NULL OR created_at >= $2 GROUP BY currency, transaction_type)
     SELECT currency, outstanding, cards, (SELECT json_object_agg(transaction_type, amount) FROM moved
       WHERE moved.currency = owed.currency) AS movements
     FROM owed ORDER BY currency`,
    [tenant, from ?? null, to ?? null],
  );
  return rows.map(({ currency, outstanding, cards, movements }) => ({
    currency,
    cards,
    outstandingMinor: BigInt(outstanding),
    movementsMinor: Object.fromEntries(
      Object.entries(movements ?? {}).map(([type, amount]: [string, string]) => [type, BigInt(amount)]),
    ) as { readonly [T in TransactionType]?: bigint },
  }));
}

/** What enters (positive) and leaves the accounts of one kind, which begin with its name and a colon. */
function sidesOf(kind: 'hold' | 'transfer'): string {
  return `SELECT credit_account AS account, amount, currency FROM gift_cards.transactions
      WHERE tenant = $1 AND credit_account LIKE '${kind}:%'
    UNION ALL SELECT debit_account, -amount, currency FROM gift_cards.transactions
      WHERE tenant = $1 AND debit_account LIKE '${kind}:%'`;
}

/**
 * What answers that receipts keep promise of the journal, as rows of SQL: an operation, the type of its entry, and where
 * its answer has the entry's key and amount. Reloads and batches are looked for otherwise; answers of other operations
 * name no entry, that of a void not even its card.
 */
const PROMISES = [
  ['GiftCard.create', 'creation', 'id', 'originalAmount'],
  ['GiftCard.redeem', 'redemption', 'redemptionId', 'redeemedAmount'],
  ['GiftCard.hold', 'hold', 'holdId', 'amount'],
  ['GiftCard.capture', 'redemption', 'redemptionId', 'redeemedAmount'],
  ['GiftCard.refundToCard', 'refund', 'refundId', 'refundedAmount'],
  ['GiftCard.transfer', 'transfer_out', 'transferId', 'amount'],
]
  .map((promise) => `('${promise.join("', '")}')`)
  .join(', ');

/** What receipts of one operation answered, by the names of columns: `answer` is JSON. */
function answersOf(operation: 'GiftCard.reload' | 'GiftCard.bulkCreate', columns: string): string {
  return `SELECT id, ${columns} FROM (
    SELECT id, outcome -> 'a' AS answer FROM portolan.receipts
    WHERE tenant = $1 AND operation = '${operation}' AND outcome -> 'a' IS NOT NULL) AS kept`;
}

/** The minor units of an amount in an answer, which is written with all its decimals. */
const minorOf = (money: string): string => `replace(${money} ->> 'amount', '.', '')::bigint`;

/** Each check names what breaks it; all are silent on a sound journal. */
const CHECKS: readonly { readonly kind: Finding['kind']; readonly sql: string }[] = [
  {
    kind: 'balance',
    sql: `SELECT c.id::text, format('balance %s, journal %s', c.current_balance, coalesce(j.sum, 0)) AS detail
      FROM gift_cards.cards c LEFT JOIN (
        SELECT gift_card_id, sum(balance_after - balance_before) AS sum, count(*) AS entries
        FROM gift_cards.transactions WHERE tenant = $1 GROUP BY gift_card_id) j ON j.gift_card_id = c.id
      WHERE c.tenant = $1 AND (c.current_balance <> coalesce(j.sum, 0) OR c.entry_count <> coalesce(j.entries, 0))`,
  },
  {
    kind: 'chain',
    sql: `SELECT id, format('entry %s %s', entry_number, fault) AS detail
      FROM (SELECT t.gift_card_id::text AS id, entry_number, CASE
          WHEN c.id IS NULL THEN 'has no card'
          WHEN t.currency <> c.currency THEN 'is in another currency than its card'
          WHEN t.debit_account LIKE 'card:%' AND t.debit_account <> 'card:' || c.id
            OR t.credit_account LIKE 'card:%' AND t.credit_account <> 'card:' || c.id THEN 'moves money of another card'
          WHEN balance_after <> balance_before + CASE WHEN t.credit_account LIKE 'card:%' THEN amount ELSE 0 END
            - CASE WHEN t.debit_account LIKE 'card:%' THEN amount ELSE 0 END THEN 'does not add up'
          WHEN balance_before <> lag(balance_after, 1, 0::bigint) OVER card
            OR entry_number <> lag(entry_number, 1, 0::bigint) OVER card + 1 THEN 'does not follow from the one before'
          END AS fault
        FROM gift_cards.transactions t LEFT JOIN gift_cards.cards c ON c.id = t.gift_card_id AND c.tenant = $1
        WHERE t.tenant = $1
        WINDOW card AS (PARTITION BY t.gift_card_id ORDER BY entry_number)) AS chain
      WHERE fault IS NOT NULL`,
  },
  {
    kind: 'trial_balance',
    sql: `SELECT account AS id, format('the two halves of the transfer differ by %s', abs(sum(amount))) AS detail
      FROM (${sidesOf('transfer')}) AS sides
      GROUP BY account HAVING sum(amount) <> 0 OR min(currency) <> max(currency)`,
  },
  {
    kind: 'hold',
    sql: `SELECT coalesce(h.id::text, substr(a.account, 6)) AS id,
        format('account %s, hold %s', coalesce(a.sum, 0), coalesce(h.status || ' ' || h.amount, 'missing')) AS detail
      FROM (SELECT id, status, amount FROM gift_cards.holds WHERE tenant = $1) h FULL JOIN (
        SELECT account, sum(amount) AS sum FROM (${sidesOf('hold')}) AS sides GROUP BY account) a
        ON a.account = 'hold:' || h.id
      WHERE coalesce(a.sum, 0) <> CASE h.status WHEN 'open' THEN h.amount ELSE 0 END`,
  },
  {
    kind: 'redemption',
    sql: `SELECT coalesce(r.id::text, j.reference_id) AS id,
        format('paid %s and refunded %s by the journal, %s and %s by the record',
          coalesce(j.paid, 0), coalesce(j.refunded, 0), coalesce(r.amount, 0), coalesce(r.refunded, 0)) AS detail
      FROM (SELECT id, amount, refunded FROM gift_cards.redemptions WHERE tenant = $1) r FULL JOIN (
        SELECT reference_id,
          sum(amount) FILTER (WHERE transaction_type IN ('redemption', 'capture')) AS paid,
          sum(amount) FILTER (WHERE transaction_type = 'refund') AS refunded
        FROM gift_cards.transactions
        WHERE tenant = $1 AND transaction_type IN ('redemption', 'capture', 'refund') GROUP BY reference_id) j
        ON j.reference_id = r.id::text
      WHERE coalesce(r.amount, 0) <> coalesce(j.paid, 0) OR coalesce(r.refunded, 0) <> coalesce(j.refunded, 0)`,
  },
  {
    kind: 'receipt',
    sql: `SELECT p.id::text,
        format('the receipt of %s promises %s, the journal has %s', p.operation, coalesce(p.amount, 0),
          coalesce(j.amount, 0)) AS detail
      FROM (
        SELECT p.id, operation, of.type, outcome -> 'a' ->> of.key AS key,
          ${minorOf("outcome -> 'a' -> of.money")} AS amount
        FROM portolan.receipts p JOIN (VALUES ${PROMISES}) AS of(operation, type, key, money) USING (operation)
        WHERE tenant = $1 AND outcome -> 'a' IS NOT NULL) AS p
      LEFT JOIN (
        SELECT CASE transaction_type WHEN 'capture' THEN 'redemption' ELSE transaction_type END AS type,
          CASE transaction_type WHEN 'creation' THEN gift_card_id::text WHEN 'refund' THEN metadata ->> 'refundId'
            ELSE reference_id END AS key,
          sum(amount) AS amount
        FROM gift_cards.transactions WHERE tenant = $1 GROUP BY 1, 2) AS j USING (type, key)
      WHERE p.amount IS NULL OR p.amount IS DISTINCT FROM j.amount`,
  },
  {
    kind: 'receipt',
    // A reload is answered with its card: by the balance that its entry left there. The chain proves the amount.
    sql: `SELECT id::text, format('the receipt of GiftCard.reload promises a balance of %s, no reload left that', balance)
          AS detail
      FROM (${answersOf('GiftCard.reload', `answer ->> 'id' AS card, ${minorOf("answer -> 'currentBalance'")} AS balance`)}) p
      WHERE NOT EXISTS (SELECT FROM gift_cards.transactions t WHERE t.tenant = $1 AND t.transaction_type = 'reload'
        AND t.gift_card_id::text = p.card AND t.balance_after = p.balance)`,
  },
  {
    kind: 'receipt',
    sql: `SELECT p.id::text, format('the receipt of GiftCard.bulkCreate promises %s cards of %s, the batch has %s of %s',
          p.count, p.amount, coalesce(b.card_count, 0), coalesce(b.amount, 0)) AS detail
      FROM (${answersOf(
        'GiftCard.bulkCreate',
        `answer ->> 'batchId' AS batch, (answer ->> 'count')::integer AS count, ${minorOf("answer -> 'amount'")} AS amount`,
      )}) p
      LEFT JOIN gift_cards.batches b ON b.id::text = p.batch AND b.tenant = $1
      WHERE b.id IS NULL OR p.count IS DISTINCT FROM b.card_count OR p.amount IS DISTINCT FROM b.amount`,
  },
  {
    kind: 'void',
    sql: `SELECT c.id::text, CASE WHEN c.voided_at IS NULL THEN 'the journal voids a card that is not voided'
          ELSE format('voided, with a balance of %s', c.current_balance) END AS detail
      FROM gift_cards.cards c LEFT JOIN (
        SELECT DISTINCT gift_card_id FROM gift_cards.transactions
        WHERE tenant = $1 AND transaction_type = 'void') v ON v.gift_card_id = c.id
      WHERE c.tenant = $1
        AND (c.voided_at IS NOT NULL AND c.current_balance <> 0 OR c.voided_at IS NULL AND v.gift_card_id IS NOT NULL)`,
  },
  {
    kind: 'batch',
    sql: `SELECT coalesce(b.id, c.batch_id)::text AS id,
        format('%s cards, %s by the record', coalesce(c.cards, 0), coalesce(b.created_count::text, 'none')) AS detail
      FROM (SELECT id, created_count FROM gift_cards.batches WHERE tenant = $1) b FULL JOIN (
        SELECT batch_id, count(*) AS cards FROM gift_cards.cards
        WHERE tenant = $1 AND batch_id IS NOT NULL GROUP BY batch_id) c ON c.batch_id = b.id
      WHERE b.created_count IS DISTINCT FROM coalesce(c.cards, 0)`,
  },
];

const MAX_FINDINGS = 100;

/** Proves cards, holds, transfers, redemptions, batches and receipts against the journal, and that against itself. */
export function reconcile(pool: Pool, tenant: string): Promise<Reconciliation> {
  return inSnapshot(pool, async (client) => {
    const counts = await client.query<{ cards: number; entries: number }>(
      `SELECT (SELECT count(*) FROM gift_cards.cards WHERE tenant = $1)::integer AS cards,
         (SELECT count(*) FROM gift_cards.transactions WHERE tenant = $1)::integer AS entries`,
      [tenant],
    );
    const balance = await client.query<{ currency: string; debits: string; credits: string; difference: string }>(
      `SELECT currency, sum(debit)::text AS debits, sum(credit)::text AS credits, sum(credit - debit)::text AS difference
       FROM (SELECT currency, debit_account AS account, amount AS debit, 0 AS credit
               FROM gift_cards.transactions WHERE tenant = $1
             UNION ALL SELECT currency, credit_account, 0, amount
               FROM gift_cards.transactions WHERE tenant = $1) AS sides
       GROUP BY currency ORDER BY currency`,
      [tenant],
    );
    const findings: Finding[] = [];
    for (const { kind, sql } of CHECKS) {
      const left = MAX_FINDINGS - findings.length;
      const { rows } = await client.query<{ id: string; detail: string }>(`${sql} LIMIT ${left}`, [tenant]);
      findings.push(...rows.map((row) => ({ kind, ...row })));
    }
    const { cards = 0, entries = 0 } = counts.rows[0] ?? {};
    const trialBalance = balance.rows.map(({ currency, debits, credits, difference }) => ({
      currency,
      debitsMinor: BigInt(debits),
      creditsMinor: BigInt(credits),
      differenceMinor: BigInt(difference),
    }));
    return { cards, entries, trialBalance, findings };
  });
}
