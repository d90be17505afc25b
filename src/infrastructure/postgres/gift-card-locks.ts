import type { GiftCardKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import type { Locked } from './batch-store.ts';
import { ofTenant, type Send, type Statement } from './statement.ts';

/** What the locks found: cards by id, and the orders whose records belong to the batch. */
export interface GiftCardHandle {
  readonly cardIds: readonly string[];
  readonly orderIds: readonly string[];
}

interface OrderLock {
  readonly order_id: string;
  readonly hold_ids: readonly string[] | null;
  readonly locked: boolean | null;
}

interface CardLock {
  /** The key by which it was found: a card's id, a code's keys, a redemption, a hold, an order. */
  readonly via: string;
  readonly id: string;
  readonly found: boolean;
  readonly locked: boolean;
}

/** The row that is read where nobody has a code: always the same for the same code, as its card would be. */
export const decoyOf = (codeKeys: string): string => `00000000-0000-4000-8000-0000000000${codeKeys.slice(0, 2)}`;

const viaCode = (keys: readonly string[]): string => keys.join(',');

export const cardName = (id: string): string => `card:${id}`;
export const orderName = (orderId: string): string => `order:${orderId}`;

/**
 * Orders first, then cards, each in order of its key: every writer locks in this sequence, so that crossed commands
 * can't deadlock. An order has no row before something is known of it, hence the advisory lock on a hash of its id.
 */
export async function lockGiftCards(
  send: Send,
  tenant: string,
  keys: readonly GiftCardKeys[],
  wait: boolean,
): Promise<Locked<GiftCardHandle>> {
  const [orders, cards] = await send([lockOrders(tenant, keys, wait), lockCards(tenant, keys, wait)]);
  const orderLocks = (orders?.rows ?? []) as OrderLock[];
  const cardLocks = (cards?.rows ?? []) as CardLock[];
  const heldOrders = new Set(orderLocks.filter(({ locked }) => locked === false).map(({ order_id }) => order_id));
  const orderOfHold = new Map(orderLocks.flatMap((row) => (row.hold_ids ?? []).map((id) => [id, row.order_id])));
  const heldCards = new Map(cardLocks.filter(({ found, locked }) => found && !locked).map(({ via, id }) => [via, id]));
  const nothingHeld = heldOrders.size === 0 && heldCards.size === 0;
  return {
    busy: keys.map((each) => (nothingHeld ? undefined : busyKey(each, heldOrders, orderOfHold, heldCards))),
    handle: {
      cardIds: [...new Set(cardLocks.filter(({ locked }) => locked).map(({ id }) => id))],
      orderIds: orderLocks.map(({ order_id }) => order_id),
    },
  };
}

function busyKey(
  keys: GiftCardKeys,
  heldOrders: ReadonlySet<string>,
  orderOfHold: ReadonlyMap<string, string>,
  heldCards: ReadonlyMap<string, string>,
): string | undefined {
  const { cardIds = [], codes = [], redemptionIds = [], holdIds = [], orderIds = [] } = keys;
  const orders = [...orderIds, ...holdIds.flatMap((id) => orderOfHold.get(id) ?? [])];
  const order = orders.find((id) => heldOrders.has(id));
  if (order !== undefined) return orderName(order);
  const vias = [...cardIds, ...codes.map(viaCode), ...redemptionIds, ...holdIds];
  if (keys.cardsOfOrders === true) vias.push(...orderIds.map((id) => `order:${id}`));
  const via = vias.find((key) => heldCards.has(key));
  return via === undefined ? undefined : cardName(heldCards.get(via) as string);
}

function lockOrders(tenant: string, keys: readonly GiftCardKeys[], wait: boolean): Statement {
  const take = wait
    ? 'CASE WHEN pg_advisory_xact_lock(key) IS NULL THEN NULL ELSE true END'
    : 'pg_try_advisory_xact_lock(key)';
  return {
    name: wait ? 'gift-cards-lock-orders-waiting' : 'gift-cards-lock-orders',
    // A subquery with ORDER BY is evaluated before the list that takes the locks.
    text: `SELECT order_id, hold_ids, ${take} AS locked FROM (
        SELECT order_id, hold_ids, hashtextextended('gift_cards.order:' || $1 || ':' || order_id, 0) AS key
        FROM (
          SELECT order_id, array_agg(hold_id) FILTER (WHERE hold_id IS NOT NULL) AS hold_ids
          FROM (SELECT unnest($2::text[]) AS order_id, NULL::uuid AS hold_id
                UNION ALL SELECT order_id, id FROM gift_cards.holds WHERE id = ANY($3::uuid[]) AND ${ofTenant()}) AS named
          GROUP BY order_id) AS orders
        ORDER BY key) AS in_order`,
    values: [tenant, keys.flatMap(({ orderIds = [] }) => orderIds), keys.flatMap(({ holdIds = [] }) => holdIds)],
  };
}

const VIA_RECORDS = `
  UNION ALL SELECT r.id::text, r.card_id FROM gift_cards.redemptions r WHERE r.id = ANY($5::uuid[]) AND ${ofTenant('r.')}
  UNION ALL SELECT h.id::text, h.card_id FROM gift_cards.holds h WHERE h.id = ANY($6::uuid[]) AND ${ofTenant('h.')}
  UNION ALL SELECT 'order:' || r.order_id, r.card_id FROM gift_cards.redemptions r
    WHERE r.tenant = $1 AND r.order_id = ANY($7::text[])
  UNION ALL SELECT 'order:' || h.order_id, h.card_id FROM gift_cards.holds h
    WHERE h.tenant = $1 AND h.order_id = ANY($7::text[])
  UNION ALL SELECT 'order:' || l.order_id, l.card_id FROM gift_cards.refund_legs l
    WHERE l.tenant = $1 AND l.order_id = ANY($7::text[]) AND l.card_id IS NOT NULL`;

function lockCards(tenant: string, keys: readonly GiftCardKeys[], wait: boolean): Statement {
  const codes = keys.flatMap((each) => (each.codes ?? []).map(viaCode));
  const cardIds = keys.flatMap((each) => each.cardIds ?? []);
  const redemptionIds = keys.flatMap((each) => each.redemptionIds ?? []);
  const holdIds = keys.flatMap((each) => each.holdIds ?? []);
  const orderIds = keys.flatMap((each) => (each.cardsOfOrders === true ? (each.orderIds ?? []) : []));
  const records = redemptionIds.length + holdIds.length + orderIds.length > 0;
  return {
    name: `gift-cards-lock-cards${records ? '-of-records' : ''}${wait ? '-waiting' : ''}`,
    // Whatever named them, cards are locked in order of id. A code that nobody has locks a decoy: the same work.
    text: `WITH wanted AS MATERIALIZED (
        SELECT id::text AS via, id FROM unnest($2::uuid[]) AS id
        UNION ALL SELECT code.keys, coalesce(card.id, code.decoy)
          FROM unnest($3::text[], $4::uuid[]) AS code(keys, decoy)
          LEFT JOIN LATERAL (SELECT id FROM gift_cards.cards
            WHERE code_index = ANY(string_to_array(code.keys, ',')::uuid[]) AND ${ofTenant()} LIMIT 1) AS card ON true
        ${records ? VIA_RECORDS : ''}),
      locked AS MATERIALIZED (
        SELECT id FROM gift_cards.cards WHERE id = ANY(ARRAY(SELECT id FROM wanted)) AND (${ofTenant()} OR tenant = '')
        ORDER BY id FOR UPDATE ${wait ? '' : 'SKIP LOCKED'})
      SELECT via, wanted.id, locked.id IS NOT NULL AS locked, locked.id IS NOT NULL OR EXISTS (
        SELECT FROM gift_cards.cards WHERE cards.id = wanted.id AND ${ofTenant('cards.')}) AS found
      FROM wanted LEFT JOIN locked ON locked.id = wanted.id`,
    values: [tenant, cardIds, codes, codes.map(decoyOf), ...(records ? [redemptionIds, holdIds, orderIds] : [])],
  };
}
