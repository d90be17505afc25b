import type pg from 'pg';
import { expectNone, expectSame } from './chaos-answered.ts';
import type { Ledger } from './chaos-ledger.ts';
import { cardSumsOf } from './chaos-outcome.ts';

/** Fails unless cards were stopped, thawed and ended as answered, and each has the money that the answers leave it. */
export async function expectCards(client: pg.Client, ledger: Ledger): Promise<void> {
  const perCard = (type: string): string =>
    `SELECT payload ->> 'cardId' AS id, count(*) AS amount FROM portolan.events WHERE type = '${type}' GROUP BY 1`;
  await expectSame(client, 'freezes', ledger.freezes, perCard('gift_card.frozen'));
  await expectSame(client, 'unfreezes', ledger.unfreezes, perCard('gift_card.unfrozen'));

  const accounts = [...new Set(ledger.voided.values())];
  const voided = new Map([...ledger.voided].map(([id, account]) => [id, accounts.indexOf(account)]));
  const byLog = `SELECT payload ->> 'cardId' AS id, array_position('{${accounts.join(',')}}', payload ->> 'account') - 1
    AS amount FROM portolan.events WHERE type = 'gift_card.voided'`;
  await expectSame(client, 'voids', voided, byLog);
  const byRecord = `SELECT id, 1 AS amount FROM gift_cards.cards WHERE voided_at IS NOT NULL`;
  await expectSame(client, 'voided cards', new Map([...voided.keys()].map((id) => [id, 1])), byRecord);

  await expectNone(client, CARDS);
  const sums = [...cardSumsOf(ledger)];
  const alive = new Map(sums.filter(([id]) => !voided.has(id)));
  const balances = `SELECT id, current_balance AS amount FROM gift_cards.cards WHERE tenant <> '' AND voided_at IS NULL`;
  await expectSame(client, 'balances', alive, balances);
  // What its void took, and what was refunded since.
  const taken = `SELECT c.id, coalesce(sum(t.amount), 0) AS amount FROM gift_cards.cards c
    LEFT JOIN gift_cards.transactions t ON t.gift_card_id = c.id AND t.credit_account IN ('void', 'breakage')
    WHERE voided_at IS NOT NULL GROUP BY c.id`;
  await expectSame(client, 'what voids took', new Map(sums.filter(([id]) => voided.has(id))), taken);
}

/** Counts the events of a type up to each event of its card. */
const soFar = (type: string): string => `count(*) FILTER (WHERE type = 'gift_card.${type}') OVER card`;

/** The log of each card, with what it was in before each event. */
const LIVES = `(SELECT position, type, payload, ${soFar('frozen')} - ${soFar('unfrozen')} AS frozen,
    ${soFar('voided')} AS voided
  FROM portolan.events WHERE stream LIKE 'gift_card:%'
  WINDOW card AS (PARTITION BY tenant, stream ORDER BY stream_version
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS lives`;

/** None may find a row. */
const CARDS = {
  'frozen twice, or thawed when they were not frozen': `SELECT position, type FROM ${LIVES}
    WHERE type = 'gift_card.frozen' AND frozen <> 0 OR type = 'gift_card.unfrozen' AND frozen <> 1`,
  'spent from, or loaded, while they were frozen': `SELECT position, type FROM ${LIVES}
    WHERE frozen > 0 AND type IN ('gift_card.redeemed', 'gift_card.held', 'gift_card.reloaded', 'gift_card.transferred')`,
  'changed after their void, except by refunds, which the void account takes': `SELECT position, type FROM ${LIVES}
    WHERE voided > 0 AND (type <> 'gift_card.refunded' OR NOT (payload ->> 'toVoidAccount')::boolean)
      OR voided = 0 AND (payload ->> 'toVoidAccount')::boolean`,
  'still frozen, though all were thawed': `SELECT id FROM gift_cards.cards
    WHERE frozen_at IS NOT NULL AND voided_at IS NULL`,
  'voided, with money, open holds or an entry that leaves some': `SELECT c.id FROM gift_cards.cards c
    WHERE voided_at IS NOT NULL AND (current_balance <> 0
      OR EXISTS (SELECT FROM gift_cards.holds WHERE card_id = c.id AND status = 'open')
      OR EXISTS (SELECT FROM gift_cards.transactions
        WHERE gift_card_id = c.id AND transaction_type = 'void' AND balance_after <> 0))`,
} as const;
