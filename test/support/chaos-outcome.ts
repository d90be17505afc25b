import { add, type Ledger, type Payment } from './chaos-ledger.ts';

/** What one card paid for one order, what of it came back by command, and what refunds of the order asked for. */
interface CardOfOrder {
  readonly cardId: string;
  readonly orderId: string;
  paidMinor: number;
  refundedMinor: number;
  askedMinor: number;
}

/**
 * What must have become of the orders, by what the clients were told alone: it doesn't depend on what came first. A
 * cancelled order is not among them: all that was paid for it went back.
 */
function openOrdersOf(ledger: Ledger): readonly CardOfOrder[] {
  const { redemptions, refunds, events } = ledger;
  const all = new Map<string, CardOfOrder>();
  const of = ({ cardId, orderId }: Pick<Payment, 'cardId' | 'orderId'>): CardOfOrder => {
    const key = keyOf(orderId, cardId);
    const found = all.get(key) ?? { cardId, orderId, paidMinor: 0, refundedMinor: 0, askedMinor: 0 };
    all.set(key, found);
    return found;
  };
  for (const payment of redemptions.values()) of(payment).paidMinor += payment.minor;
  for (const { redemptionId, minor } of refunds.values()) of(ledger.redemption(redemptionId)).refundedMinor += minor;
  for (const leg of events.legs.values()) of(leg).askedMinor += leg.minor;
  return [...all.values()].filter(({ orderId }) => !events.cancelled.has(orderId));
}

const keyOf = (orderId: string, cardId: string): string => `${orderId} ${cardId}`;

/** Refunds of an order give back what they ask for, up to what is left of the card's payments for it. */
const returnedMinor = ({ paidMinor, refundedMinor, askedMinor }: CardOfOrder): number =>
  Math.min(askedMinor, paidMinor - refundedMinor);

/** What waits for each order and card, above zero, where the order was not cancelled. */
export function parkedMinorsOf(ledger: Ledger): ReadonlyMap<string, number> {
  const parked = openOrdersOf(ledger).map(
    (each) => [keyOf(each.orderId, each.cardId), each.askedMinor - returnedMinor(each)] as const,
  );
  return new Map(parked.filter(([, minor]) => minor > 0));
}

/** What all orders together were paid and kept. */
export function spentMinorOf(ledger: Ledger): number {
  return openOrdersOf(ledger).reduce((sum, each) => sum + each.paidMinor - each.refundedMinor - returnedMinor(each), 0);
}

/** How holds ended: by command, or else released because their orders were cancelled or their cards voided. */
export function endedHoldsOf({ holds, endedHolds, events, voided }: Ledger): ReadonlyMap<string, string> {
  const ended = new Map<string, string>(endedHolds);
  for (const [id, { cardId, orderId }] of holds) {
    if (!ended.has(id) && (events.cancelled.has(orderId) || voided.has(cardId))) ended.set(id, 'released');
  }
  return ended;
}

/** What each card must have in the end; of a voided one, what it had then and what was refunded since. */
export function cardSumsOf(ledger: Ledger): ReadonlyMap<string, number> {
  const { gains, holds, endedHolds, redemptions, refunds, events } = ledger;
  const sums = new Map(gains);
  for (const each of openOrdersOf(ledger)) add(sums, each.cardId, returnedMinor(each));
  // All of a cancelled order goes back: also by commands, which the gains have already.
  for (const { cardId, orderId, minor } of redemptions.values()) {
    if (events.cancelled.has(orderId)) add(sums, cardId, minor);
  }
  for (const { redemptionId, minor } of refunds.values()) {
    const { cardId, orderId } = ledger.redemption(redemptionId);
    if (events.cancelled.has(orderId)) add(sums, cardId, -minor);
  }
  const ended = endedHoldsOf(ledger);
  for (const [id, { cardId, minor }] of holds) if (ended.has(id) && !endedHolds.has(id)) add(sums, cardId, minor);
  return sums;
}
