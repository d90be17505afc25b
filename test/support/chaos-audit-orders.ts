import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import { expectNone, expectSame } from './chaos-answered.ts';
import type { Ledger } from './chaos-ledger.ts';
import { parkedMinorsOf } from './chaos-outcome.ts';
import { keyOf, legKeyOf, type ShopEvent, type ToldEvents } from './chaos-told-events.ts';

const settleWithinMs = 120_000;

/** As SQL on an entry of the journal: whether an order event refunds by it, or lets a payment do so. */
export const BY_ORDER_EVENT = `(
  EXISTS (SELECT FROM gift_cards.refund_legs l
    WHERE l.order_id = transactions.order_id AND l.refund_id = transactions.metadata ->> 'refundId')
  OR EXISTS (SELECT FROM gift_cards.cancelled_orders o
    WHERE o.order_id = transactions.order_id AND 'cancel:' || o.order_id = transactions.metadata ->> 'refundId'))`;

/**
 * Resolves once every consumer has come to the head of the log, and has done what it had set aside because somebody held
 * a row that it needed. Fails where one gave an event up.
 */
export async function awaitConsumers(ownerUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await awaitHead(client);
  } finally {
    await client.end();
  }
}

async function awaitHead(client: pg.Client): Promise<void> {
  const sql = `SELECT name, head - position AS behind,
      (SELECT count(*) FROM portolan.dead_events WHERE consumer = name AND redriven_at IS NULL) AS aside
    FROM portolan.consumers, (SELECT max(position) AS head FROM portolan.events) AS log
    WHERE position < head
      OR EXISTS (SELECT FROM portolan.dead_events WHERE consumer = name AND redrive_requested_at IS NOT NULL
        AND redriven_at IS NULL)`;
  const deadline = Date.now() + settleWithinMs;
  let { rows } = await client.query(sql);
  while (rows.length > 0 && Date.now() < deadline) {
    await delay(50);
    ({ rows } = await client.query(sql));
  }
  expect(rows, 'consumers behind the log').to.deep.equal([]);
  await expectNone(client, {
    'dead events': `SELECT consumer, error_code, attempts FROM portolan.dead_events
      WHERE redriven_at IS NULL OR error_code <> 'request.resource_busy' OR attempts > 0`,
  });
}

/** Fails unless what was told of orders is in the log once, was handled once, and every cent of it is accounted for. */
export async function expectOrderEvents(client: pg.Client, ledger: Ledger): Promise<void> {
  const { events } = ledger;
  await expectToldOnce(client, events);
  await expectNone(client, ORDERS);
  await expectLegs(client, events);
  const marks = new Map([...events.cancelled].map((orderId) => [orderId, 1]));
  await expectSame(
    client,
    'cancelled orders',
    marks,
    'SELECT order_id AS id, 1 AS amount FROM gift_cards.cancelled_orders',
  );
  const parked = `SELECT order_id || ' ' || ${CARD_OF_LEG} AS id, sum(parked) AS amount FROM gift_cards.refund_legs l
    WHERE parked > 0 AND order_id NOT IN (SELECT order_id FROM gift_cards.cancelled_orders) GROUP BY 1`;
  await expectSame(client, 'refunds that wait', parkedMinorsOf(ledger), parked);
}

async function expectToldOnce(client: pg.Client, told: ToldEvents): Promise<void> {
  const { rows } = await client.query<Pick<ShopEvent, 'id' | 'source' | 'type' | 'data'>>(
    `SELECT payload ->> 'id' AS id, payload ->> 'source' AS source, type, payload -> 'data' AS data
     FROM portolan.events WHERE stream LIKE 'source:%'`,
  );
  const logged = new Map(rows.map((row) => [keyOf(row), { type: row.type, data: row.data }]));
  expect(logged.size, 'events of other systems that are in the log twice').to.equal(rows.length);
  const missing = [...told.events.keys()].filter((key) => !logged.has(key));
  expect(missing.slice(0, 5), 'events told but not in the log').to.deep.equal([]);
  const strange = [...logged.keys()].filter((key) => !told.events.has(key));
  expect(strange.slice(0, 5), 'events in the log that nobody told').to.deep.equal([]);
  for (const [key, { type, data }] of told.events) expect(logged.get(key), key).to.deep.equal({ type, data });
}

async function expectLegs(client: pg.Client, told: ToldEvents): Promise<void> {
  const legs = new Map([...told.legs].map(([key, { minor }]) => [key, minor]));
  const stored = `SELECT refund_id || '#' || leg AS id, amount FROM gift_cards.refund_legs`;
  await expectSame(client, 'legs', legs, stored);
  const { rows } = await client.query<{ refund_id: string; leg: number; order_id: string; card_id: string }>(
    `SELECT refund_id, leg, order_id, ${CARD_OF_LEG} AS card_id FROM gift_cards.refund_legs l`,
  );
  const astray = rows.filter(({ refund_id: refundId, leg, order_id: orderId, card_id: cardId }) => {
    const known = told.legs.get(legKeyOf({ refundId, leg }));
    return known?.orderId !== orderId || known.cardId !== cardId;
  });
  expect(astray.slice(0, 5), 'legs of another order or card').to.deep.equal([]);
}

/** The card of a leg `l`, as text: the one it names, or that of its redemption. */
const CARD_OF_LEG = `coalesce(l.card_id, (SELECT r.card_id FROM gift_cards.redemptions r WHERE r.id = l.redemption_id))::text`;

/** Entries that refund an order by what was told. */
const REFUNDS = `(SELECT * FROM gift_cards.transactions WHERE transaction_type = 'refund') AS t`;

/** None may find a row. */
const ORDERS = {
  'events of other systems that were not handled, or whose ids are not kept': `
    SELECT e.event_id FROM portolan.events e
    LEFT JOIN portolan.consumed c ON c.event_id = e.event_id AND c.consumer = 'gift-cards.orders'
    LEFT JOIN portolan.ingested i ON i.source = e.payload ->> 'source' AND i.id = e.payload ->> 'id'
    WHERE e.stream LIKE 'source:%' AND (c.event_id IS NULL OR i.id IS NULL)`,
  'ids of events that are not in the log': `
    SELECT i.source, i.id FROM portolan.ingested i WHERE NOT EXISTS (
      SELECT FROM portolan.events WHERE stream = 'source:' || i.source AND payload ->> 'id' = i.id)`,
  'sources whose version is not that of their last event': `
    SELECT s.source, s.version, count(e.*) FROM portolan.sources s
    LEFT JOIN portolan.events e ON e.stream = 'source:' || s.source
    GROUP BY s.source, s.version HAVING s.version <> coalesce(max(e.stream_version), 0)`,
  // By refund, order and card: the journal doesn't tell several legs for one card apart.
  'refunds that were not given as often as they were told': `
    SELECT * FROM (
      SELECT order_id, refund_id, ${CARD_OF_LEG} AS card, sum(amount - parked) AS given
      FROM gift_cards.refund_legs l GROUP BY 1, 2, 3) AS legs
    FULL JOIN (
      SELECT order_id, metadata ->> 'refundId' AS refund_id, gift_card_id::text AS card, sum(amount) AS entered
      FROM ${REFUNDS} WHERE (order_id, metadata ->> 'refundId') IN (SELECT order_id, refund_id FROM gift_cards.refund_legs)
      GROUP BY 1, 2, 3) AS entries USING (order_id, refund_id, card)
    WHERE coalesce(given, 0) <> coalesce(entered, 0)`,
  'legs that wait though there is something to refund': `
    SELECT l.refund_id, l.leg FROM gift_cards.refund_legs l
    JOIN gift_cards.redemptions r ON r.order_id = l.order_id AND r.card_id::text = ${CARD_OF_LEG}
    WHERE l.parked > 0 AND r.refunded < r.amount`,
  'legs that are closed, or not, unlike their orders': `
    SELECT l.refund_id, l.leg, l.closed FROM gift_cards.refund_legs l
    WHERE l.closed <> (l.parked > 0 AND EXISTS (
      SELECT FROM gift_cards.cancelled_orders o WHERE o.order_id = l.order_id))`,
  'cancelled orders that keep money, or hold some': `
    SELECT order_id FROM gift_cards.cancelled_orders o
    WHERE EXISTS (SELECT FROM gift_cards.redemptions r WHERE r.order_id = o.order_id AND r.refunded <> r.amount)
      OR EXISTS (SELECT FROM gift_cards.holds h WHERE h.order_id = o.order_id AND h.status = 'open')`,
  'redemptions that a cancellation refunded twice': `
    SELECT reference_id FROM ${REFUNDS} WHERE metadata ->> 'refundId' = 'cancel:' || order_id
    GROUP BY reference_id HAVING count(*) > 1`,
} as const;
