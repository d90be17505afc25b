import type { GiftCardKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import type { Held } from './batch-store.ts';
import { CARD_COLUMNS, type CardCells } from './gift-card-rows.ts';
import { BY_ID_UNINDEXED, named, ofTenant, type NamedText, type Statement } from './statement.ts';

/** A card that is there, and the key by which it was found: its id, a code's keys, a redemption, a hold, an order. */
export interface FoundCard {
  readonly via: string;
  readonly id: string;
}

interface OrderLock {
  readonly order_id: string;
  readonly hold_ids: readonly string[] | null;
  readonly locked: boolean | null;
}

/** A card's lock as text: the key by which it was found, whether it is there, and its columns if it is locked. */
type CardLock = readonly [via: string, wantedId: string, found: 't' | 'f', ...cells: CardCells | null[]];

/** A delivery or a batch that somebody else holds. */
interface HeldRecord {
  readonly name: string;
}

/** What the locks of a batch have brought to light. */
export interface FoundCards {
  readonly found: readonly FoundCard[];
  readonly locked: readonly CardCells[];
  /** For each command in order: what it needs and somebody else holds, if there is something. */
  readonly busy: readonly (Held | undefined)[];
}

/** The same code always meets the same decoy, as it would always meet the same card. */
export const decoyOf = (codeKeys: string): string => `00000000-0000-4000-8000-0000000000${codeKeys.slice(0, 2)}`;

/** A code as the key of a look-up. */
export const viaCode = (keys: readonly string[]): string => keys.join(',');

export const cardName = (id: string): string => `card:${id}`;
export const orderName = (tenant: string, orderId: string): string => `order:${tenant}:${orderId}`;

export const deliveryName = (id: string): string => `delivery:${id}`;
export const batchName = (id: string): string => `batch:${id}`;

/** The advisory lock of an order, by SQL expressions for tenant and id. */
const orderLock = (tenant: string, orderId: string): string =>
  `hashtextextended('gift_cards.order:' || ${tenant} || ':' || ${orderId}, 0)`;

const WAIT_FOR_ORDER = named(`SELECT pg_advisory_xact_lock(${orderLock('$1', '$2')})`);

const heldOrder = (tenant: string, orderId: string): Held => ({
  name: orderName(tenant, orderId),
  wait: { ...WAIT_FOR_ORDER, values: [tenant, orderId] },
});

const heldRow = (table: 'cards' | 'deliveries' | 'batches', name: string, id: string): Held => ({
  name,
  wait: { ...named(`SELECT FROM gift_cards.${table} WHERE id = $1 FOR UPDATE`), values: [id] },
});

const heldCard = (id: string): Held => heldRow('cards', cardName(id), id);
const heldDelivery = (id: string): Held => heldRow('deliveries', deliveryName(id), id);
const heldBatch = (id: string): Held => heldRow('batches', batchName(id), id);

/**
 * Orders first, then cards, then deliveries and batches, each in order of its key: every writer locks in this sequence,
 * so that crossed commands can't deadlock. An order has no row before something is known of it, hence the advisory lock
 * on a hash of its id.
 */
export const lockGiftCards = (tenant: string, keys: readonly GiftCardKeys[], wait: boolean): readonly Statement[] => [
  ...(keys.some(namesOrders) ? [lockOrders(tenant, keys, wait)] : []),
  lockCards(tenant, keys, wait),
  ...(keys.some(namesRecords) ? [lockRecords(tenant, keys, wait)] : []),
];

const namesOrders = ({ orderIds = [], holdIds = [] }: GiftCardKeys): boolean => orderIds.length + holdIds.length > 0;
const namesRecords = ({ deliveryIds = [], batchIds = [] }: GiftCardKeys): boolean =>
  deliveryIds.length + batchIds.length > 0;

/** Reads the answers to `lockGiftCards`. */
export function readLocks(
  tenant: string,
  keys: readonly GiftCardKeys[],
  locks: readonly (readonly unknown[])[],
): FoundCards {
  const rows = [...locks];
  const orderLocks = (keys.some(namesOrders) ? rows.shift() : []) as readonly OrderLock[];
  const cards = rows.shift() as readonly CardLock[];
  const heldRecords = new Set((rows.shift() as readonly HeldRecord[] | undefined)?.map(({ name }) => name));
  const heldOrders = new Set(orderLocks.filter(({ locked }) => locked === false).map(({ order_id }) => order_id));
  const orderOfHold = new Map(orderLocks.flatMap((row) => (row.hold_ids ?? []).map((id) => [id, row.order_id])));
  const found: FoundCard[] = [];
  const locked = new Map<string, CardCells>();
  const heldCards = new Map<string, string>();
  for (const [via, id, isFound, ...cells] of cards) {
    if (isFound === 't') found.push({ via, id });
    if (isLocked(cells)) locked.set(id, cells);
    else if (isFound === 't') heldCards.set(via, id);
  }
  const orderHeldFor = ({ orderIds = [], holdIds = [] }: GiftCardKeys): string | undefined =>
    [...orderIds, ...holdIds.flatMap((id) => orderOfHold.get(id) ?? [])].find((id) => heldOrders.has(id));
  const heldFor = (each: GiftCardKeys): Held | undefined => {
    const orderId = orderHeldFor(each);
    if (orderId !== undefined) return heldOrder(tenant, orderId);
    const cardId = waysOf(each)
      .map((via) => heldCards.get(via))
      .find((id) => id !== undefined);
    if (cardId !== undefined) return heldCard(cardId);
    const records = [...(each.deliveryIds ?? []).map(heldDelivery), ...(each.batchIds ?? []).map(heldBatch)];
    return records.find(({ name }) => heldRecords.has(name));
  };
  const nothingHeld = heldOrders.size + heldCards.size + heldRecords.size === 0;
  return { found, locked: [...locked.values()], busy: keys.map((each) => (nothingHeld ? undefined : heldFor(each))) };
}

const isLocked = (cells: CardCells | null[]): cells is CardCells => cells[0] !== null;

/** All keys by which a command's cards are looked up, as `CardLock.via` has them. */
function waysOf({ cardIds = [], codes = [], redemptionIds = [], holdIds = [], ...keys }: GiftCardKeys): string[] {
  const viaOrders = keys.cardsOfOrders === true ? (keys.orderIds ?? []).map((id) => `order:${id}`) : [];
  return [...cardIds, ...codes.map(viaCode), ...redemptionIds, ...holdIds, ...viaOrders];
}

/** A subquery with ORDER BY is evaluated before the list that takes the locks. */
const orderLocks = (take: string): NamedText =>
  named(`SELECT order_id, hold_ids, ${take} AS locked FROM (
    SELECT order_id, hold_ids, ${orderLock('$1', 'order_id')} AS key
    FROM (
      SELECT order_id, array_agg(hold_id) FILTER (WHERE hold_id IS NOT NULL) AS hold_ids
      FROM (SELECT unnest($2::text[]) AS order_id, NULL::uuid AS hold_id
            UNION ALL SELECT order_id, id FROM gift_cards.holds WHERE id = ANY($3::uuid[]) AND ${ofTenant()}) AS named
      GROUP BY order_id) AS orders
    ORDER BY key) AS in_order`);

const TRY_ORDERS = orderLocks('pg_try_advisory_xact_lock(key)');
const AWAIT_ORDERS = orderLocks('CASE WHEN pg_advisory_xact_lock(key) IS NULL THEN NULL ELSE true END');

function lockOrders(tenant: string, keys: readonly GiftCardKeys[], wait: boolean): Statement {
  const orderIds = keys.flatMap((each) => each.orderIds ?? []);
  const holdIds = keys.flatMap((each) => each.holdIds ?? []);
  return { ...(wait ? AWAIT_ORDERS : TRY_ORDERS), values: [tenant, orderIds, holdIds] };
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

/** The setting of the transaction that tells later statements of the same round trip which cards are locked. */
const LOCKED_CARDS = 'portolan.locked_cards';

/** The SQL expression for the ids of the cards that `lockGiftCards` has locked in this transaction. */
export const LOCKED_CARD_IDS = `nullif(current_setting('${LOCKED_CARDS}', true), '')::uuid[]`;

/**
 * Whatever named them, cards are locked in order of id. A code that nobody has locks a decoy: the same work. Decoys are
 * shared, so that one which somebody holds is not waited for, as a card would be. OFFSET keeps the planner from reading
 * all cards into a hash table.
 */
const cardLocks = (viaRecords: string, skip: string): NamedText =>
  named(`WITH wanted AS MATERIALIZED (
      SELECT id::text AS via, id FROM unnest($2::uuid[]) AS id
      UNION ALL SELECT code.keys, coalesce(card.id, code.decoy)
        FROM unnest($3::text[], $4::uuid[]) AS code(keys, decoy)
        LEFT JOIN LATERAL (SELECT id FROM gift_cards.cards
          WHERE code_index = ANY(string_to_array(code.keys, ',')::uuid[]) AND ${ofTenant()} LIMIT 1) AS card ON true
      ${viaRecords}),
    c AS MATERIALIZED (
      SELECT * FROM gift_cards.cards WHERE id = ANY(ARRAY(SELECT id FROM wanted)) AND (${ofTenant()} OR tenant = '')
      ORDER BY ${BY_ID_UNINDEXED} FOR UPDATE ${skip})
    SELECT via, wanted.id, c.id IS NOT NULL OR EXISTS (
      SELECT FROM gift_cards.cards WHERE cards.id = wanted.id AND ${ofTenant('cards.')} OFFSET 0), ${CARD_COLUMNS}
    FROM wanted LEFT JOIN c ON c.id = wanted.id
    WHERE (SELECT set_config('${LOCKED_CARDS}', coalesce(array_agg(id)::text, ''), true) FROM c) IS NOT NULL`);

const SKIP = 'SKIP LOCKED';
const CARDS = { try: cardLocks('', SKIP), await: cardLocks('', '') };
const CARDS_OF_RECORDS = { try: cardLocks(VIA_RECORDS, SKIP), await: cardLocks(VIA_RECORDS, '') };

function lockCards(tenant: string, keys: readonly GiftCardKeys[], wait: boolean): Statement {
  const codes = [...new Set(keys.flatMap((each) => (each.codes ?? []).map(viaCode)))];
  const cardIds = [...new Set(keys.flatMap((each) => each.cardIds ?? []))];
  const redemptionIds = keys.flatMap((each) => each.redemptionIds ?? []);
  const holdIds = keys.flatMap((each) => each.holdIds ?? []);
  const orderIds = keys.flatMap((each) => (each.cardsOfOrders === true ? (each.orderIds ?? []) : []));
  const records = redemptionIds.length + holdIds.length + orderIds.length > 0;
  return {
    ...(records ? CARDS_OF_RECORDS : CARDS)[wait ? 'await' : 'try'],
    values: [tenant, cardIds, codes, codes.map(decoyOf), ...(records ? [redemptionIds, holdIds, orderIds] : [])],
    raw: true,
  };
}

/** Answers with the names of those that are there and not locked. */
const recordLocks = (skip: string): NamedText => {
  const locked = (table: string, ids: string): string => `(SELECT id FROM gift_cards.${table}
      WHERE id = ANY(${ids}) AND ${ofTenant()} ORDER BY ${BY_ID_UNINDEXED} FOR UPDATE ${skip})`;
  const held = (name: string, table: string, ids: string): string => `SELECT '${name}' || id AS name
      FROM gift_cards.${table} WHERE id = ANY(${ids}) AND ${ofTenant()} AND id NOT IN (SELECT id FROM locked_${table})`;
  return named(`WITH locked_deliveries AS MATERIALIZED ${locked('deliveries', '$2::uuid[]')},
    locked_batches AS MATERIALIZED ${locked('batches', '$3::uuid[]')}
    ${held(deliveryName(''), 'deliveries', '$2::uuid[]')} UNION ALL ${held(batchName(''), 'batches', '$3::uuid[]')}`);
};

const TRY_RECORDS = recordLocks(SKIP);
const AWAIT_RECORDS = recordLocks('');

function lockRecords(tenant: string, keys: readonly GiftCardKeys[], wait: boolean): Statement {
  const deliveryIds = keys.flatMap((each) => each.deliveryIds ?? []);
  const batchIds = keys.flatMap((each) => each.batchIds ?? []);
  return { ...(wait ? AWAIT_RECORDS : TRY_RECORDS), values: [tenant, deliveryIds, batchIds] };
}
