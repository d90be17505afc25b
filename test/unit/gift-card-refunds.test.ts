import { expect } from 'chai';
import { RefundExceedsRedemption } from '../../src/domain/gift-cards/errors.ts';
import { CurrencyMismatch, Money } from '../../src/domain/shared/money.ts';
import {
  at,
  HOUR,
  later,
  movements,
  NOW,
  onlyOne,
  payment,
  redeemedCard,
  refusal,
  stored,
  usd,
} from '../support/gift-card-builder.ts';

describe('Refunding a redemption', () => {
  it('returns its money to the card', () => {
    const { card, paid } = redeemedCard('30.00');
    const refunded = card.refund(paid, 'refund-1', usd('10.00'), at());
    expect(refunded.balance.toDecimal()).to.equal('80.00');
    expect(movements(refunded)).to.deep.equal(['refund settlement card 1000']);
    expect(onlyOne(refunded.changes.redemptions)).to.deep.equal({ ...paid, refundedMinor: 1000n });
  });

  it('names order, redemption and refund in the journal', () => {
    const { card, paid } = redeemedCard('30.00');
    const entry = onlyOne(card.refund(paid, 'refund-1', usd('10.00'), at()).changes.entries);
    const { orderId, referenceId, metadata } = entry;
    expect([orderId, referenceId, metadata]).to.deep.equal(['order', paid.id, { refundId: 'refund-1' }]);
  });

  it('makes a card active again that gets everything back', () => {
    const { card, paid } = redeemedCard('100.00');
    expect(card.status(NOW)).to.equal('fully_redeemed');
    expect(card.refund(paid, 'refund', usd('0.01'), at()).status(NOW)).to.equal('partially_redeemed');
    expect(card.refund(paid, 'refund', usd('100.00'), at()).status(NOW)).to.equal('active');
  });

  it('never returns more than the redemption, in however many parts', () => {
    const { card, paid } = redeemedCard('30.00');
    const first = card.refund(paid, 'a', usd('20.00'), at());
    const second = first.refund(onlyOne(first.changes.redemptions), 'b', usd('9.99'), at());
    const now = onlyOne(second.changes.redemptions);
    const error = refusal(RefundExceedsRedemption, () => second.refund(now, 'c', usd('0.02'), at()));
    expect(error.details).to.deep.equal({ refundable: '0.01', currency: 'USD' });
    expect(second.refund(now, 'c', usd('0.01'), at()).balance.toDecimal()).to.equal('100.00');
  });

  it('refuses a refund that is too large at once', () => {
    const { card, paid } = redeemedCard('30.00');
    refusal(RefundExceedsRedemption, () => card.refund(paid, 'refund', usd('30.01'), at()));
  });

  it('refuses another currency', () => {
    const { card, paid } = redeemedCard('30.00');
    refusal(CurrencyMismatch, () => card.refund(paid, 'refund', Money.parse('1', 'JPY'), at()));
  });

  it('lands on a frozen card, which stays frozen', () => {
    const { card, paid } = redeemedCard('30.00');
    const refunded = card.freeze('check', at()).refund(paid, 'refund', usd('30.00'), at());
    expect([refunded.balance.toDecimal(), refunded.status(NOW)]).to.deep.equal(['100.00', 'frozen']);
  });

  it("books a voided card's money to the void account", () => {
    const { card, paid } = redeemedCard('30.00');
    const voided = stored(card.void({ adminId: 'admin', reason: 'stolen', account: 'void' }, at()));
    const refunded = voided.refund(paid, 'refund', usd('30.00'), at());
    expect(refunded.balance.isZero).to.equal(true);
    expect(movements(refunded)).to.deep.equal(['refund settlement void 3000']);
    expect(onlyOne(refunded.changes.redemptions).refundedMinor).to.equal(3000n);
    expect(onlyOne(refunded.changes.events).payload).to.include({ toVoidAccount: true, afterExpiry: false });
  });

  it('lands on an expired card, says so, and is never swept', () => {
    const { card, paid } = redeemedCard('30.00', { expiresAt: later(HOUR) });
    const expired = card.expire('breakage', at(HOUR));
    const refunded = expired?.refund(paid, 'refund', usd('30.00'), at(2 * HOUR));
    expect(refunded?.balance.toDecimal()).to.equal('30.00');
    expect(refunded?.changes.events.at(-1)?.payload).to.include({ toVoidAccount: false, afterExpiry: true });
    expect(refunded?.expire('breakage', at(3 * HOUR))).to.equal(undefined);
    expect(refunded?.status(later(3 * HOUR))).to.equal('expired');
  });

  it('keeps what comes back between the expiry and its booking', () => {
    const { card, paid } = redeemedCard('30.00', { expiresAt: later(HOUR) });
    const refunded = stored(card.refund(paid, 'refund', usd('25.00'), at(HOUR)));
    const expired = refunded.expire('breakage', at(2 * HOUR));
    expect(expired && movements(expired)).to.deep.equal(['expiry card breakage 7000']);
    expect(expired?.balance.toDecimal()).to.equal('25.00');
  });

  it('is booked all the same where a clock was set back and the card has spent what it was to keep', () => {
    const { card, paid } = redeemedCard('30.00', { expiresAt: later(HOUR) });
    const refunded = stored(card.refund(paid, 'refund', usd('25.00'), at(HOUR)));
    const spent = stored(refunded.redeem(payment('90.00', { purpose: 'more' }), at()));
    const expired = spent.expire('breakage', at(2 * HOUR));
    expect(expired && movements(expired)).to.deep.equal([]);
    expect(expired?.balance.toDecimal()).to.equal('5.00');
    expect(expired?.changes.events.at(-1)?.payload).to.include({ amount: '0.00' });
  });

  it('sweeps what came back after the expiry at the next one, once the card was extended', () => {
    const { card, paid } = redeemedCard('30.00', { expiresAt: later(HOUR) });
    const extended = card
      .refund(paid, 'refund', usd('25.00'), at(HOUR))
      .extendExpiry(later(3 * HOUR), 'goodwill', at(2 * HOUR))
      .redeem(payment('90.00', { purpose: 'more' }), at(2 * HOUR));
    const expired = stored(extended).expire('breakage', at(3 * HOUR));
    expect(expired && movements(expired)).to.deep.equal(['expiry card breakage 500']);
    expect(expired?.balance.isZero).to.equal(true);
  });
});
