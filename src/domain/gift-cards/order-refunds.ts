import { Money } from '../shared/money.ts';
import type { Moment } from './card-state.ts';
import type { GiftCard } from './gift-card.ts';
import type { Redemption, RefundLeg } from './records.ts';

/** What is left of a redemption to be refunded. */
export const refundableMinor = (redemption: Redemption): bigint => redemption.amountMinor - redemption.refundedMinor;

/**
 * Applies the waiting parts of refund legs to the redemptions of one order by one card, the oldest first, each up to what
 * it can still give back. A leg that names a redemption goes there first and then to the others of the same order and card: so the
 * sum that is refunded is the lesser of all legs and all redemptions, whatever order they arrived in.
 * Returns the card after it and the legs that changed.
 */
export function applyLegs(
  card: GiftCard,
  redemptions: readonly Redemption[],
  legs: readonly RefundLeg[],
  moment: Moment,
): { readonly card: GiftCard; readonly legs: readonly RefundLeg[] } {
  const current = new Map(redemptions.map((redemption) => [redemption.id, redemption]));
  const oldestFirst = [...redemptions].sort(byAge).map(({ id }) => id);
  const changed: RefundLeg[] = [];
  let next = card;
  for (const leg of [...legs].sort(byArrival)) {
    if (leg.parkedMinor === 0n || leg.currency !== card.currency) continue;
    let waiting = leg.parkedMinor;
    for (const id of namedFirst(oldestFirst, leg.redemptionId)) {
      const redemption = current.get(id);
      if (redemption === undefined || waiting === 0n) continue;
      const part = waiting < refundableMinor(redemption) ? waiting : refundableMinor(redemption);
      if (part === 0n) continue;
      next = next.refund(redemption, leg.refundId, Money.ofMinor(part, card.currency), moment);
      current.set(id, { ...redemption, refundedMinor: redemption.refundedMinor + part });
      waiting -= part;
    }
    if (waiting !== leg.parkedMinor) changed.push({ ...leg, parkedMinor: waiting });
  }
  return { card: next, legs: changed };
}

/** The legs that concern a card: those that name it, and those that name one of its redemptions. */
export function legsOfCard(
  legs: readonly RefundLeg[],
  cardId: string,
  redemptions: readonly Redemption[],
): readonly RefundLeg[] {
  const own = new Set(redemptions.map(({ id }) => id));
  return legs.filter((leg) => leg.cardId === cardId || (leg.redemptionId !== null && own.has(leg.redemptionId)));
}

const byAge = (a: Redemption, b: Redemption): number =>
  a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);

/** Whatever order a store returns them in. */
const byArrival = (a: RefundLeg, b: RefundLeg): number =>
  a.receivedAt.getTime() - b.receivedAt.getTime() || compare(a.refundId, b.refundId) || a.leg - b.leg;

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

const namedFirst = (ids: readonly string[], named: string | null): readonly string[] =>
  named === null || !ids.includes(named) ? ids : [named, ...ids.filter((id) => id !== named)];
