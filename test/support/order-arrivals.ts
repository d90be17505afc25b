import { expect } from 'chai';
import type { Json } from '../../src/domain/shared/domain-error.ts';
import { usd, type GiftCardWorld } from './gift-card-world.ts';

/** A payment, a refund or a cancellation on its way. */
export type Arrival =
  | {
      readonly kind: 'pay';
      readonly card: number;
      readonly purpose: string;
      readonly cents: number;
      readonly held: boolean;
    }
  | { readonly kind: 'refund'; readonly refundId: string; readonly legs: readonly Leg[] }
  | { readonly kind: 'cancel' };
export interface Leg {
  readonly card: number;
  readonly cents: number;
  /** Names the card's first payment in place of the card. */
  readonly byRedemption: boolean;
}

/** Where they arrive: gift cards on some adapter, for one tenant. */
export interface ArrivalWorld extends Pick<GiftCardWorld, 'call' | 'receive'> {
  /** The payloads of a card's events `gift_card.refunded`. */
  refundsOf(cardId: string): Promise<readonly { readonly [field: string]: Json }[]>;
  /** Fails unless everything adds up. */
  verify(): Promise<void>;
}

/** How it ended, in cents. */
export interface ArrivalEnd {
  readonly balances: readonly number[];
  readonly parked: number;
  readonly refunded: number;
}

const ORDER = 'o1';
const text = (cents: number): string => (cents / 100).toFixed(2);
const centsOf = (amount: Json | undefined): number => Math.round(Number(amount) * 100);
const total = (cents: readonly number[]): number => cents.reduce((sum, each) => sum + each, 0);

/** Lets everything arrive for one order of two cards of 100.00; a payment of a cancelled order is refused. */
export async function arrive(world: ArrivalWorld, arrivals: readonly Arrival[]): Promise<ArrivalEnd> {
  const create = () => world.call('create', { amount: usd('100.00'), purchaserId: 'buyer' });
  const cards = [await create(), await create()] as const;
  const firstPayments = new Map<number, string>();
  const waiting: (Arrival & { kind: 'refund' })[] = [];

  const pay = async ({ card, purpose, cents, held }: Arrival & { kind: 'pay' }) => {
    const input = { code: cards[card]?.code ?? '', orderId: ORDER, purpose, amount: usd(text(cents)) };
    const paid = held
      ? await world.call('capture', { holdId: (await world.call('hold', input)).holdId })
      : await world.call('redeem', input);
    if (!firstPayments.has(card)) firstPayments.set(card, paid.redemptionId);
  };
  /** False when a leg names a payment that nobody can know yet. */
  const refund = async ({ refundId, legs }: Arrival & { kind: 'refund' }): Promise<boolean> => {
    if (legs.some((leg) => leg.byRedemption && !firstPayments.has(leg.card))) return false;
    const target = ({ card, byRedemption }: Leg) =>
      byRedemption ? { redemptionId: firstPayments.get(card) ?? '' } : { cardId: cards[card]?.id ?? '' };
    const named = legs.map((leg) => ({ ...target(leg), amount: usd(text(leg.cents)) }));
    await world.receive('order.refunded', { orderId: ORDER, refundId, legs: named });
    return true;
  };

  for (const arrival of arrivals) {
    if (arrival.kind === 'cancel') await world.receive('order.cancelled', { orderId: ORDER });
    else if (arrival.kind === 'refund') {
      if (!(await refund(arrival))) waiting.push(arrival);
    } else {
      await pay(arrival).catch((error: { code: string }) => expect(error.code).to.equal('gift_cards.order_cancelled'));
      for (const late of waiting.splice(0)) if (!(await refund(late))) waiting.push(late);
    }
  }
  await world.verify();
  const ids = cards.map(({ id }) => id);
  const views = await Promise.all(ids.map((cardId) => world.call('getCard', { cardId })));
  const refunds = (await Promise.all(ids.map((id) => world.refundsOf(id)))).flat();
  const legs = await world.call('listParkedRefunds', { orderId: ORDER });
  return {
    balances: views.map(({ currentBalance }) => centsOf(currentBalance.amount)),
    parked: total(legs.map(({ parked }) => centsOf(parked.amount))),
    refunded: total(refunds.map(({ amount }) => centsOf(amount))),
  };
}

/** All orders of some items. */
export function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

/** Two payments of one card, the second by a hold. */
export const PAYMENTS: readonly Arrival[] = [
  { kind: 'pay', card: 0, purpose: 'payment', cents: 3000, held: false },
  { kind: 'pay', card: 0, purpose: 'shipping', cents: 1000, held: true },
];

/** Two refunds for them, of which one also names a card that never pays. */
export const REFUNDS: readonly Arrival[] = [
  { kind: 'refund', refundId: 'r1', legs: [{ card: 0, cents: 1500, byRedemption: false }] },
  {
    kind: 'refund',
    refundId: 'r2',
    legs: [
      { card: 0, cents: 2000, byRedemption: false },
      { card: 1, cents: 700, byRedemption: false },
    ],
  },
];

/** Where `PAYMENTS` and `REFUNDS` end, in whatever order they arrive. */
export const END: ArrivalEnd = { balances: [9500, 10_000], parked: 700, refunded: 3500 };
