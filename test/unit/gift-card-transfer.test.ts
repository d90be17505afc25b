import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import {
  ExpiredCard,
  FrozenCard,
  InsufficientBalance,
  TransferShortensExpiry,
  VoidedCard,
} from '../../src/domain/gift-cards/errors.ts';
import type { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { CurrencyMismatch, Money } from '../../src/domain/shared/money.ts';
import {
  at,
  HOUR,
  later,
  movements,
  onlyOne,
  payment,
  refusal,
  stored,
  storedCard,
  usd,
} from '../support/gift-card-builder.ts';

function transfer(from: GiftCard, to: GiftCard, amount = '10.00', agreed = false): { from: GiftCard; to: GiftCard } {
  const id = randomUUID();
  const paying = from.transferOut(id, to.id, usd(amount), at());
  return { from: paying, to: to.transferIn(id, paying, usd(amount), agreed, at()) };
}

const emptyCard = (expiresAt: Date | null): GiftCard =>
  stored(storedCard({ expiresAt }).redeem(payment('100.00'), at()));

describe('Transferring money between gift cards', () => {
  it('takes it from one card and gives it to the other', () => {
    const { from, to } = transfer(storedCard(), storedCard());
    expect([from.balance.toDecimal(), to.balance.toDecimal()]).to.deep.equal(['90.00', '110.00']);
    expect(movements(from)).to.deep.equal(['transfer_out card transfer 1000']);
    expect(movements(to)).to.deep.equal(['transfer_in transfer card 1000']);
  });

  it('passes through an account of the transfer that nets to zero', () => {
    const { from, to } = transfer(storedCard(), storedCard());
    const [out, into] = [onlyOne(from.changes.entries), onlyOne(to.changes.entries)];
    expect(out.credit).to.equal(into.debit);
    expect([out.amountMinor, out.referenceId]).to.deep.equal([into.amountMinor, into.referenceId]);
  });

  it('tells each card which other one it was', () => {
    const { from, to } = transfer(storedCard(), storedCard());
    const [out, into] = [onlyOne(from.changes.events), onlyOne(to.changes.events)];
    expect(out.payload).to.include({ direction: 'out', otherCardId: to.id, amount: '10.00', balance: '90.00' });
    expect(into.payload).to.include({ direction: 'in', otherCardId: from.id, amount: '10.00', balance: '110.00' });
  });

  it('asks of the paying card what a redemption asks', () => {
    const out = (card: GiftCard, amount = usd('1.00')) => card.transferOut('t', 'other', amount, at(2 * HOUR));
    refusal(InsufficientBalance, () => out(storedCard(), usd('100.01')));
    refusal(ExpiredCard, () => out(storedCard({ expiresAt: later(HOUR) })));
    refusal(FrozenCard, () => out(storedCard().freeze('check', at())));
    refusal(CurrencyMismatch, () => out(storedCard(), Money.parse('1', 'JPY')));
  });

  it('gives nothing to a card that is voided, frozen, expired or of another currency', () => {
    const from = storedCard();
    refusal(VoidedCard, () => transfer(from, storedCard().void({ adminId: 'a', reason: 'r', account: 'void' }, at())));
    refusal(FrozenCard, () => transfer(from, storedCard().freeze('check', at())));
    refusal(CurrencyMismatch, () => transfer(from, storedCard({ amount: Money.parse('1', 'JPY') })));
    refusal(ExpiredCard, () => {
      const to = storedCard({ expiresAt: later(HOUR) });
      return to.transferIn('t', from, usd('1.00'), true, at(HOUR));
    });
  });

  it('keeps the expiry of a receiving card that is the earlier', () => {
    const { to } = transfer(storedCard({ expiresAt: null }), storedCard({ expiresAt: later(HOUR) }));
    expect(to.expiresAt).to.deep.equal(later(HOUR));
  });

  it('gives an empty receiving card the earlier expiry of the other', () => {
    const { to } = transfer(storedCard({ expiresAt: later(HOUR) }), emptyCard(later(2 * HOUR)));
    expect(to.expiresAt).to.deep.equal(later(HOUR));
    expect(onlyOne(to.changes.events).payload['expiresAt']).to.equal(later(HOUR).toISOString());
  });

  it('shortens the expiry of a card with money of its own only where that is agreed', () => {
    const [from, to] = [storedCard({ expiresAt: later(HOUR) }), storedCard({ expiresAt: later(2 * HOUR) })];
    refusal(TransferShortensExpiry, () => transfer(from, to));
    expect(transfer(from, to, '10.00', true).to.expiresAt).to.deep.equal(later(HOUR));
  });

  it('asks for agreement where a card that never expired would', () => {
    const [from, to] = [storedCard({ expiresAt: later(HOUR) }), storedCard({ expiresAt: null })];
    refusal(TransferShortensExpiry, () => transfer(from, to));
    expect(transfer(from, to, '10.00', true).to.expiresAt).to.deep.equal(later(HOUR));
  });

  it('asks for agreement also where the money of the receiving card is all reserved', () => {
    const to = stored(storedCard({ expiresAt: null }).hold(payment('100.00'), later(HOUR), at()));
    refusal(TransferShortensExpiry, () => transfer(storedCard({ expiresAt: later(HOUR) }), to));
  });

  it('asks for nothing where both expire at the same time, or neither does', () => {
    const [a, b] = [later(HOUR), later(HOUR)];
    expect(transfer(storedCard({ expiresAt: a }), storedCard({ expiresAt: b })).to.expiresAt).to.deep.equal(a);
    expect(transfer(storedCard({ expiresAt: null }), storedCard({ expiresAt: null })).to.expiresAt).to.equal(null);
  });

  it('can empty the paying card', () => {
    const { from } = transfer(storedCard(), storedCard(), '100.00');
    expect(from.status(later(0))).to.equal('fully_redeemed');
  });
});
