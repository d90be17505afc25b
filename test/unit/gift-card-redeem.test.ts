import { expect } from 'chai';
import {
  AlreadyRedeemed,
  ExpiredCard,
  FrozenCard,
  HolderMismatch,
  InsufficientBalance,
  VoidedCard,
} from '../../src/domain/gift-cards/errors.ts';
import { CurrencyMismatch, InvalidAmount, MAX_MINOR, Money } from '../../src/domain/shared/money.ts';
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

describe('Redeeming a gift card', () => {
  it('takes a part and leaves the rest', () => {
    const card = storedCard().redeem(payment('30.25'), at());
    expect(card.balance.toDecimal()).to.equal('69.75');
    expect(card.status(NOW)).to.equal('partially_redeemed');
    expect(movements(card)).to.deep.equal(['redemption card settlement 3025']);
  });

  it('takes everything and leaves a card that is fully redeemed', () => {
    const card = storedCard().redeem(payment('100.00'), at());
    expect(card.balance.isZero).to.equal(true);
    expect(card.status(NOW)).to.equal('fully_redeemed');
  });

  it('leaves the card that it was called on as it was', () => {
    const card = storedCard();
    card.redeem(payment('30.00'), at());
    expect(card.balance.toDecimal()).to.equal('100.00');
    expect(card.changes.entries).to.deep.equal([]);
  });

  it('remembers the redemption with the balance right after it', () => {
    const card = storedCard();
    const paid = payment('30.00', { orderId: 'o-1', purpose: 'shipping' });
    const redemption = onlyOne(card.redeem(paid, at()).changes.redemptions);
    expect(redemption).to.deep.equal({
      ...{ id: paid.id, cardId: card.id, orderId: 'o-1', purpose: 'shipping', currency: 'USD' },
      ...{ amountMinor: 3000n, refundedMinor: 0n, balanceAfterMinor: 7000n, createdAt: NOW },
    });
  });

  it('names order, redemption and purpose in the journal', () => {
    const paid = payment('30.00', { orderId: 'o-1' });
    const entry = onlyOne(storedCard().redeem(paid, at()).changes.entries);
    expect([entry.orderId, entry.referenceId, entry.metadata]).to.deep.equal(['o-1', paid.id, { purpose: 'payment' }]);
    expect([entry.balanceBeforeMinor, entry.balanceAfterMinor]).to.deep.equal([10_000n, 7_000n]);
  });

  it('spends a card over several orders to the last cent', () => {
    let card = storedCard({ amount: usd('0.30') });
    for (const orderId of ['a', 'b', 'c']) card = stored(card.redeem(payment('0.10', { orderId }), at()));
    expect(card.balance.isZero).to.equal(true);
    expect(card.toSnapshot()).to.include({ entryCount: 4, version: 4 });
  });

  it('refuses more than the card has, and says what it has', () => {
    const error = refusal(InsufficientBalance, () => storedCard().redeem(payment('100.01'), at()));
    expect(error.details).to.deep.equal({ available: '100.00', currency: 'USD' });
  });

  it('refuses a card that has nothing left', () => {
    const empty = stored(storedCard().redeem(payment('100.00'), at()));
    refusal(AlreadyRedeemed, () => empty.redeem(payment('0.01'), at()));
  });

  it('refuses an expired card from the very instant of its expiry', () => {
    const card = storedCard({ expiresAt: later(HOUR) });
    expect(card.redeem(payment('1.00'), at(HOUR - 1)).balance.toDecimal()).to.equal('99.00');
    refusal(ExpiredCard, () => card.redeem(payment('1.00'), at(HOUR)));
  });

  it('refuses voided and frozen cards', () => {
    const voided = storedCard().void({ adminId: 'admin', reason: 'stolen', account: 'void' }, at());
    refusal(VoidedCard, () => stored(voided).redeem(payment('1.00'), at()));
    refusal(FrozenCard, () => stored(storedCard().freeze('check', at())).redeem(payment('1.00'), at()));
  });

  it('refuses an amount in another currency', () => {
    const error = refusal(CurrencyMismatch, () =>
      storedCard().redeem(payment('1.00', { amount: Money.parse('100', 'JPY') }), at()),
    );
    expect(error.details).to.deep.equal({ expected: 'USD', actual: 'JPY' });
  });

  it('first books back what expired holds had reserved, and can spend that', () => {
    const held = stored(storedCard().hold(payment('80.00'), later(HOUR), at()));
    refusal(InsufficientBalance, () => held.redeem(payment('90.00'), at(HOUR - 1)));
    const card = held.redeem(payment('90.00', { orderId: 'other' }), at(HOUR));
    expect(movements(card)).to.deep.equal(['release hold card 8000', 'redemption card settlement 9000']);
    expect(eventTypes(card)).to.deep.equal(['released', 'redeemed']);
    expect(card.toSnapshot().openHolds).to.deep.equal([]);
  });

  it('books nothing back when it is refused', () => {
    const held = stored(storedCard().hold(payment('80.00'), later(HOUR), at()));
    refusal(InsufficientBalance, () => held.redeem(payment('100.01'), at(HOUR)));
    expect(held.toSnapshot().openHolds).to.have.length(1);
  });

  it('takes the largest amount there is, exactly', () => {
    const amount = Money.ofMinor(MAX_MINOR, 'USD');
    const card = storedCard({ amount }).redeem(payment('1.00', { amount: Money.ofMinor(MAX_MINOR - 1n, 'USD') }), at());
    expect(card.balance.minor).to.equal(1n);
    expect(() => stored(card).redeem(payment('0.00'), at())).to.throw(RangeError);
  });

  it('adds what is reloaded, and counts it as spendable', () => {
    const card = storedCard().redeem(payment('100.00'), at()).reload(usd('5.00'), 'reload-1', at());
    expect(card.balance.toDecimal()).to.equal('5.00');
    expect(movements(card)).to.deep.equal(['redemption card settlement 10000', 'reload sales card 500']);
    expect(card.status(NOW)).to.equal('partially_redeemed');
  });

  it('reloads no card that is expired, voided, frozen or of another currency', () => {
    const reload = (card: ReturnType<typeof storedCard>) => () => card.reload(usd('1.00'), 'reload', at(2 * HOUR));
    refusal(ExpiredCard, reload(storedCard({ expiresAt: later(HOUR) })));
    refusal(FrozenCard, reload(storedCard().freeze('check', at())));
    refusal(VoidedCard, reload(storedCard().void({ adminId: 'a', reason: 'r', account: 'void' }, at())));
    refusal(CurrencyMismatch, reload(storedCard({ amount: Money.parse('1', 'JPY') })));
  });

  it('reloads no more than balance and holds together can be', () => {
    const full = storedCard({ amount: Money.ofMinor(MAX_MINOR, 'USD') });
    refusal(InvalidAmount, () => full.reload(usd('0.01'), 'reload', at()));
    const held = stored(full.hold(payment('0.05'), later(HOUR), at()));
    refusal(InvalidAmount, () => held.reload(usd('0.05'), 'reload', at()));
    expect(held.releaseOrder('order', at()).balance.minor).to.equal(MAX_MINOR);
  });

  it('takes a bound card by its holder only, and an unbound one by nobody in particular', () => {
    const [bound, unbound] = [storedCard({ holderId: 'ann' }), storedCard()];
    expect(() => bound.requireHolder('ann')).not.to.throw();
    expect(() => unbound.requireHolder(undefined)).not.to.throw();
    refusal(HolderMismatch, () => bound.requireHolder('bob'));
    refusal(HolderMismatch, () => bound.requireHolder(undefined));
    refusal(HolderMismatch, () => unbound.requireHolder('ann'));
  });
});
