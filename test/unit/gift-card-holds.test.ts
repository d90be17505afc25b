import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import {
  CaptureExceedsHold,
  ExpiredCard,
  FrozenCard,
  HoldEnded,
  HoldNotFound,
  InsufficientBalance,
  InvalidExpiry,
  TooManyHolds,
  VoidedCard,
} from '../../src/domain/gift-cards/errors.ts';
import type { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { CurrencyMismatch, Money } from '../../src/domain/shared/money.ts';
import {
  at,
  eventTypes,
  HOUR,
  later,
  movements,
  NOW,
  onlyOne,
  payment,
  refusal,
  stored,
  storedCard,
  usd,
} from '../support/gift-card-builder.ts';

/** A stored card of 100.00 with 40.00 held until an hour from now. */
function heldCard(expiresAt: Date | null = later(24 * HOUR)): { card: GiftCard; holdId: string } {
  const held = storedCard({ expiresAt }).hold(payment('40.00'), later(HOUR), at());
  return { card: stored(held), holdId: onlyOne(held.changes.holds).id };
}

describe('Holding money of a gift card', () => {
  it('takes it from the balance and keeps it in the hold', () => {
    const card = storedCard().hold(payment('40.00'), later(HOUR), at());
    expect(card.balance.toDecimal()).to.equal('60.00');
    expect(card.available(NOW).toDecimal()).to.equal('60.00');
    expect(movements(card)).to.deep.equal(['hold card hold 4000']);
    expect(card.openHold('order', 'payment')).to.deep.include({ status: 'open', amountMinor: 4000n, endedAt: null });
    expect(card.openHold('order', 'shipping')).to.equal(undefined);
  });

  it('leaves a card that is held entirely partially redeemed', () => {
    const card = storedCard().hold(payment('100.00'), later(HOUR), at());
    expect(card.status(NOW)).to.equal('partially_redeemed');
  });

  it('asks of the card what a redemption asks', () => {
    const hold = (card: GiftCard, amount = '1.00') => card.hold(payment(amount), later(9 * HOUR), at(2 * HOUR));
    refusal(InsufficientBalance, () => hold(storedCard(), '100.01'));
    refusal(ExpiredCard, () => hold(storedCard({ expiresAt: later(HOUR) })));
    refusal(FrozenCard, () => hold(storedCard().freeze('check', at())));
    refusal(VoidedCard, () => hold(storedCard().void({ adminId: 'a', reason: 'r', account: 'void' }, at())));
  });

  it('refuses a hold that would expire at once', () => {
    refusal(InvalidExpiry, () => storedCard().hold(payment('1.00'), NOW, at()));
  });

  it('carries a hundred holds and refuses another one', () => {
    let card = storedCard();
    for (let count = 1; count <= 100; count += 1) card = card.hold(payment('0.01'), later(HOUR), at());
    expect(card.balance.toDecimal()).to.equal('99.00');
    refusal(TooManyHolds, () => card.hold(payment('0.01'), later(HOUR), at()));
  });

  it('has room for another hold once one of a hundred has expired', () => {
    let card = storedCard().hold(payment('0.01'), later(1), at());
    for (let count = 1; count <= 99; count += 1) card = card.hold(payment('0.01'), later(HOUR), at());
    const next = stored(card).hold(payment('0.01'), later(HOUR), at(1));
    expect(next.toSnapshot().openHolds).to.have.length(100);
    expect(eventTypes(next)).to.deep.equal(['released', 'held']);
  });

  it('counts an expired hold as available before anybody has booked it back', () => {
    const { card } = heldCard();
    expect(card.available(later(HOUR - 1)).toDecimal()).to.equal('60.00');
    expect(card.available(later(HOUR)).toDecimal()).to.equal('100.00');
    expect(card.balance.toDecimal()).to.equal('60.00');
  });
});

describe('Capturing a hold', () => {
  it('turns all of it into a redemption for the same order and purpose', () => {
    const { card, holdId } = heldCard();
    const redemptionId = randomUUID();
    const captured = card.capture(holdId, redemptionId, undefined, at());
    expect(captured.balance.toDecimal()).to.equal('60.00');
    expect(movements(captured)).to.deep.equal(['capture hold settlement 4000']);
    expect(onlyOne(captured.changes.redemptions)).to.deep.include({
      ...{ id: redemptionId, orderId: 'order', purpose: 'payment', amountMinor: 4000n, balanceAfterMinor: 6000n },
    });
    expect(onlyOne(captured.changes.holds)).to.deep.include({ id: holdId, status: 'captured', endedAt: NOW });
    expect(captured.toSnapshot().openHolds).to.deep.equal([]);
  });

  it('gives back what is not captured', () => {
    const { card, holdId } = heldCard();
    const captured = card.capture(holdId, randomUUID(), usd('15.00'), at());
    expect(captured.balance.toDecimal()).to.equal('85.00');
    expect(movements(captured)).to.deep.equal(['capture hold settlement 1500', 'release hold card 2500']);
    expect(eventTypes(captured)).to.deep.equal(['captured']);
  });

  it("leaves the card's balance as it is where the whole hold passes it by", () => {
    const { card, holdId } = heldCard();
    const entry = onlyOne(card.capture(holdId, randomUUID(), usd('40.00'), at()).changes.entries);
    expect([entry.balanceBeforeMinor, entry.balanceAfterMinor]).to.deep.equal([6_000n, 6_000n]);
  });

  it('is possible until the hold expires, also after the card has', () => {
    const { card, holdId } = heldCard(later(HOUR / 2));
    expect(card.status(later(HOUR - 1))).to.equal('expired');
    const captured = card.capture(holdId, randomUUID(), undefined, at(HOUR - 1));
    expect(onlyOne(captured.changes.redemptions).amountMinor).to.equal(4000n);
    const error = refusal(HoldEnded, () => card.capture(holdId, randomUUID(), undefined, at(HOUR)));
    expect(error.details).to.deep.equal({ status: 'expired' });
  });

  it('is possible on a frozen card, whose money was promised before', () => {
    const { card, holdId } = heldCard();
    const captured = card.freeze('check', at()).capture(holdId, randomUUID(), undefined, at());
    expect(captured.balance.toDecimal()).to.equal('60.00');
  });

  it('refuses more than the hold, another currency and an unknown hold', () => {
    const { card, holdId } = heldCard();
    const capture = (amount: Money, id = holdId) => card.capture(id, randomUUID(), amount, at());
    refusal(CaptureExceedsHold, () => capture(usd('40.01')));
    refusal(CurrencyMismatch, () => capture(Money.parse('40', 'JPY')));
    refusal(HoldNotFound, () => capture(usd('40.00'), randomUUID()));
  });

  it('happens once', () => {
    const { card, holdId } = heldCard();
    const captured = stored(card.capture(holdId, randomUUID(), undefined, at()));
    refusal(HoldNotFound, () => captured.capture(holdId, randomUUID(), undefined, at()));
    refusal(HoldNotFound, () => captured.release(holdId, at()));
  });
});

describe('Releasing a hold', () => {
  it('gives its money back to the card', () => {
    const { card, holdId } = heldCard();
    const released = card.release(holdId, at());
    expect(released.balance.toDecimal()).to.equal('100.00');
    expect(movements(released)).to.deep.equal(['release hold card 4000']);
    expect(onlyOne(released.changes.holds)).to.deep.include({ id: holdId, status: 'released', endedAt: NOW });
    expect(released.status(NOW)).to.equal('active');
  });

  it('says of an expired hold that it expired', () => {
    const { card, holdId } = heldCard();
    const released = card.release(holdId, at(HOUR));
    expect(onlyOne(released.changes.holds).status).to.equal('expired');
    expect(onlyOne(released.changes.events).payload['status']).to.equal('expired');
  });

  it('gives back all holds for one order and leaves the others', () => {
    const card = storedCard()
      .hold(payment('1.00', { purpose: 'goods' }), later(HOUR), at())
      .hold(payment('2.00', { purpose: 'shipping' }), later(HOUR), at())
      .hold(payment('4.00', { orderId: 'other' }), later(HOUR), at());
    const released = stored(card).releaseOrder('order', at());
    expect(released.balance.toDecimal()).to.equal('96.00');
    expect(onlyOne(released.toSnapshot().openHolds).orderId).to.equal('other');
    expect(stored(released).releaseOrder('order', at()).changes.events).to.deep.equal([]);
  });

  it('refuses an unknown hold', () => {
    refusal(HoldNotFound, () => storedCard().release(randomUUID(), at()));
  });
});
