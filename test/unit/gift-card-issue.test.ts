import { expect } from 'chai';
import { InvalidExpiry } from '../../src/domain/gift-cards/errors.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { Money } from '../../src/domain/shared/money.ts';
import { at, later, movements, newIssue, NOW, onlyOne, refusal, usd } from '../support/gift-card-builder.ts';

describe('Issuing a gift card', () => {
  it('gives an active card that holds its amount', () => {
    const card = GiftCard.issue(newIssue({ amount: usd('25.50') }), at());
    expect(card.balance.toJSON()).to.deep.equal({ amount: '25.50', currency: 'USD' });
    expect(card.available(NOW).minor).to.equal(2550n);
    expect(card.status(NOW)).to.equal('active');
  });

  it('books the amount from sales clearing to the card', () => {
    const card = GiftCard.issue(newIssue({ amount: usd('25.50') }), at());
    expect(movements(card)).to.deep.equal(['creation sales card 2550']);
    const entry = onlyOne(card.changes.entries);
    expect([entry.entryNumber, entry.balanceBeforeMinor, entry.balanceAfterMinor]).to.deep.equal([1, 0n, 2550n]);
    expect(entry.createdAt).to.deep.equal(NOW);
  });

  it('books a card that is given away from promotion expense', () => {
    const card = GiftCard.issue(newIssue({ fundedBy: 'promotion' }), at());
    expect(movements(card)).to.deep.equal(['creation promotion card 10000']);
  });

  it('records that the card was created, without anything of its code', () => {
    const issue = newIssue();
    const { type, streamVersion, stream, payload } = onlyOne(GiftCard.issue(issue, at()).changes.events);
    expect([type, streamVersion, stream]).to.deep.equal(['gift_card.created', 1, `gift_card:${issue.id}`]);
    expect(payload).to.deep.equal({
      cardId: issue.id,
      amount: '100.00',
      purchaserId: 'buyer',
      holderId: null,
      batchId: null,
      expiresAt: later(24 * 3_600_000).toISOString(),
      balance: '100.00',
      currency: 'USD',
    });
  });

  it('remembers purchaser, holder, batch, expiry and what look-up needs of the code', () => {
    const issue = newIssue({ holderId: 'holder', batchId: 'batch', expiresAt: later(1) });
    const { amount, fundedBy, ...remembered } = issue;
    const snapshot = GiftCard.issue(issue, at()).toSnapshot();
    expect(snapshot).to.deep.include(remembered);
    expect(snapshot).to.deep.include({ originalMinor: amount.minor, createdAt: NOW, updatedAt: NOW, openHolds: [] });
    expect(fundedBy).to.equal('sales');
  });

  it('takes an amount in a currency without decimals and in one with three', () => {
    const yen = GiftCard.issue(newIssue({ amount: Money.parse('5000', 'JPY') }), at());
    const dinar = GiftCard.issue(newIssue({ amount: Money.parse('1.234', 'KWD') }), at());
    expect([yen.balance.minor, yen.balance.toDecimal()]).to.deep.equal([5000n, '5000']);
    expect([dinar.balance.minor, dinar.balance.toDecimal()]).to.deep.equal([1234n, '1.234']);
  });

  it('makes a card that never expires where no expiry is given', () => {
    const card = GiftCard.issue(newIssue({ expiresAt: null }), at());
    expect(card.status(new Date('9999-01-01T00:00:00.000Z'))).to.equal('active');
  });

  it('refuses an expiry that has passed, or passes at this very instant', () => {
    refusal(InvalidExpiry, () => GiftCard.issue(newIssue({ expiresAt: later(-1) }), at()));
    refusal(InvalidExpiry, () => GiftCard.issue(newIssue({ expiresAt: NOW }), at()));
  });

  it('takes no amount of zero for a card', () => {
    expect(() => GiftCard.issue(newIssue({ amount: usd('0.00') }), at())).to.throw(RangeError);
  });

  it('comes back from its snapshot as it was, and without changes', () => {
    const card = GiftCard.issue(newIssue(), at());
    const restored = GiftCard.restore(card.toSnapshot());
    expect(restored.toSnapshot()).to.deep.equal(card.toSnapshot());
    expect(restored.changes).to.deep.equal({ entries: [], redemptions: [], holds: [], events: [] });
  });
});
