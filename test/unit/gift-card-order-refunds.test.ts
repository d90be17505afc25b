import { expect } from 'chai';
import type { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { applyLegs, legsOfCard, refundableMinor } from '../../src/domain/gift-cards/order-refunds.ts';
import type { Redemption, RefundLeg } from '../../src/domain/gift-cards/records.ts';
import { at, NOW, payment, stored, storedCard } from '../support/gift-card-builder.ts';

/** A card that has paid these amounts for one order, one millisecond after another. */
function paidCard(...amounts: readonly string[]): { card: GiftCard; paid: readonly Redemption[] } {
  let card = storedCard();
  const paid: Redemption[] = [];
  for (const [index, amount] of amounts.entries()) {
    card = card.redeem(payment(amount, { purpose: `part-${index}` }), at(index));
    paid.push(card.changes.redemptions.at(-1) as Redemption);
  }
  return { card: stored(card), paid };
}

const leg = (minor: bigint, differing: Partial<RefundLeg> = {}): RefundLeg => ({
  ...{ orderId: 'order', refundId: 'refund', leg: 0, cardId: null, redemptionId: null, currency: 'USD' },
  ...{ amountMinor: minor, parkedMinor: minor, closed: false, receivedAt: NOW },
  ...differing,
});

/** What each redemption got back, and what each changed leg has left. */
function apply({ card, paid }: ReturnType<typeof paidCard>, ...legs: readonly RefundLeg[]) {
  const applied = applyLegs(card, paid, legs, at(100));
  const changed = new Map(applied.card.changes.redemptions.map((redemption) => [redemption.id, redemption]));
  return {
    card: applied.card,
    refunded: paid.map((redemption) => (changed.get(redemption.id) ?? redemption).refundedMinor),
    parked: applied.legs.map(({ parkedMinor }) => parkedMinor),
  };
}

describe('Refund legs of an order', () => {
  it('go back to the redemption that is there', () => {
    const { card, refunded, parked } = apply(paidCard('30.00'), leg(1000n));
    expect([refunded, parked]).to.deep.equal([[1000n], [0n]]);
    expect(card.balance.toDecimal()).to.equal('80.00');
  });

  it('wait with what exceeds the redemptions', () => {
    const { card, refunded, parked } = apply(paidCard('30.00'), leg(3500n));
    expect([refunded, parked]).to.deep.equal([[3000n], [500n]]);
    expect(card.balance.toDecimal()).to.equal('100.00');
  });

  it('draw on the oldest redemption first', () => {
    expect(apply(paidCard('10.00', '20.00'), leg(1500n)).refunded).to.deep.equal([1000n, 500n]);
  });

  it('draw first on the redemption that they name, then on the others by age', () => {
    const made = paidCard('10.00', '20.00', '5.00');
    const named = made.paid[2]?.id ?? null;
    expect(apply(made, leg(1200n, { redemptionId: named })).refunded).to.deep.equal([700n, 0n, 500n]);
  });

  it('draw in the order of their arrival, whatever order a store returns them in', () => {
    const [first, second] = [leg(600n, { receivedAt: NOW }), leg(600n, { leg: 1, receivedAt: NOW })];
    const later = leg(600n, { refundId: 'another', receivedAt: new Date(NOW.getTime() + 1) });
    for (const legs of [
      [first, second, later],
      [later, second, first],
    ]) {
      const { parked } = apply(paidCard('10.00'), ...legs);
      expect(parked).to.deep.equal([0n, 200n]);
      const { card, paid } = paidCard('10.00');
      const { legs: changed } = applyLegs(card, paid, legs, at(100));
      expect(changed.map(({ leg: number, refundId }) => `${refundId} ${number}`)).to.deep.equal([
        'refund 0',
        'refund 1',
      ]);
    }
  });

  it('draw one after another on what the ones before left', () => {
    const { refunded, parked } = apply(paidCard('10.00'), leg(600n), leg(600n, { leg: 1 }), leg(600n, { leg: 2 }));
    expect([refunded, parked]).to.deep.equal([[1000n], [0n, 200n]]);
  });

  it('leave alone what was refunded before', () => {
    const { card, paid } = paidCard('10.00');
    const before = { ...(paid[0] as Redemption), refundedMinor: 900n };
    expect(refundableMinor(before)).to.equal(100n);
    expect(apply({ card, paid: [before] }, leg(1000n)).parked).to.deep.equal([900n]);
  });

  it('do nothing in another currency, or when nothing of them waits any more', () => {
    const made = paidCard('10.00');
    const { card, parked } = apply(made, leg(500n, { currency: 'EUR' }), leg(500n, { parkedMinor: 0n }));
    expect(parked).to.deep.equal([]);
    expect(card.changes.entries).to.deep.equal([]);
  });

  it('record each refund under its own id', () => {
    const { card } = apply(paidCard('10.00'), leg(100n, { refundId: 'a' }), leg(200n, { refundId: 'b' }));
    expect(card.changes.events.map(({ payload }) => [payload['refundId'], payload['amount']])).to.deep.equal([
      ['a', '1.00'],
      ['b', '2.00'],
    ]);
  });

  it('return the lesser of all legs and all redemptions in whatever order they stand', () => {
    const legs = [leg(1700n), leg(900n, { leg: 1 }), leg(100n, { leg: 2 })];
    for (const order of [legs, [...legs].reverse(), [legs[1], legs[0], legs[2]] as RefundLeg[]]) {
      const { card, refunded } = apply(paidCard('10.00', '5.00', '7.00'), ...order);
      expect(refunded.reduce((sum, minor) => sum + minor, 0n)).to.equal(2200n);
      expect(card.balance.toDecimal()).to.equal('100.00');
    }
  });

  it('concern a card when they name it or one of its redemptions', () => {
    const { card, paid } = paidCard('10.00');
    const [ofCard, ofRedemption] = [leg(1n, { cardId: card.id }), leg(2n, { redemptionId: paid[0]?.id ?? '' })];
    const others = [leg(3n, { cardId: 'other' }), leg(4n, { redemptionId: 'other' }), leg(5n)];
    expect(legsOfCard([ofCard, ...others, ofRedemption], card.id, paid)).to.deep.equal([ofCard, ofRedemption]);
  });
});
