import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import {
  CardNotFrozen,
  ExpiredCard,
  ExpiryBooked,
  FrozenCard,
  InvalidExpiry,
  VoidedCard,
} from '../../src/domain/gift-cards/errors.ts';
import type { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
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
} from '../support/gift-card-builder.ts';

const BY = { adminId: 'admin', reason: 'stolen', account: 'void' } as const;

/** The card after its expiry was booked; fails where it isn't due. */
function expired(card: GiftCard, ms: number): GiftCard {
  const next = card.expire('breakage', at(ms));
  expect(next, 'expired card').not.to.equal(undefined);
  return next as GiftCard;
}

describe('Voiding a gift card', () => {
  it('books the remainder to the account that was named, and records who and why', () => {
    const card = storedCard().void({ ...BY, account: 'promotion' }, at());
    expect(card.balance.isZero).to.equal(true);
    expect(movements(card)).to.deep.equal(['void card promotion 10000']);
    expect(card.toSnapshot()).to.deep.include({ voidedAt: NOW, voidedBy: 'admin', voidReason: 'stolen' });
    const { payload } = onlyOne(card.changes.events);
    expect(payload).to.include({ adminId: 'admin', reason: 'stolen', account: 'promotion', amount: '100.00' });
  });

  it('releases open holds first, so that their money is voided as well', () => {
    const held = stored(storedCard().hold(payment('40.00'), later(HOUR), at()));
    const card = held.void(BY, at());
    expect(movements(card)).to.deep.equal(['release hold card 4000', 'void card void 10000']);
    expect(eventTypes(card)).to.deep.equal(['released', 'voided']);
    expect(card.toSnapshot().openHolds).to.deep.equal([]);
  });

  it('moves no money of a card that has none', () => {
    const card = stored(storedCard().redeem(payment('100.00'), at())).void(BY, at());
    expect(card.changes.entries).to.deep.equal([]);
    expect(eventTypes(card)).to.deep.equal(['voided']);
  });

  it('is possible for frozen and expired cards', () => {
    expect(storedCard().freeze('check', at()).void(BY, at()).status(NOW)).to.equal('voided');
    expect(
      storedCard({ expiresAt: later(1) })
        .void(BY, at(HOUR))
        .status(later(HOUR)),
    ).to.equal('voided');
  });

  it('happens once and for good', () => {
    const voided = stored(storedCard().void(BY, at()));
    refusal(VoidedCard, () => voided.void(BY, at()));
    refusal(VoidedCard, () => voided.freeze('check', at()));
    refusal(VoidedCard, () => voided.extendExpiry(null, 'goodwill', at()));
    refusal(VoidedCard, () => voided.reissueCode(voided.toSnapshot(), 'lost', at()));
    refusal(VoidedCard, () => stored(storedCard().freeze('check', at()).void(BY, at())).unfreeze('fine', at()));
    expect(voided.expire('breakage', at(48 * HOUR))).to.equal(undefined);
  });
});

describe('Freezing a gift card', () => {
  it('stops spending until it is unfrozen, and moves no money', () => {
    const frozen = storedCard().freeze('check', at());
    refusal(FrozenCard, () => frozen.redeem(payment('1.00'), at()));
    const again = stored(frozen).unfreeze('fine', at());
    expect(again.redeem(payment('1.00'), at()).balance.toDecimal()).to.equal('99.00');
    expect([frozen.changes.entries, again.changes.entries]).to.deep.equal([[], []]);
  });

  it('records the reasons', () => {
    const [freezing, unfreezing] = storedCard().freeze('check', at()).unfreeze('fine', at()).changes.events;
    expect([freezing?.payload['reason'], unfreezing?.payload['reason']]).to.deep.equal(['check', 'fine']);
  });

  it('is refused for a card that is frozen or expired', () => {
    refusal(FrozenCard, () => storedCard().freeze('check', at()).freeze('again', at()));
    refusal(ExpiredCard, () => storedCard({ expiresAt: later(HOUR) }).freeze('check', at(HOUR)));
  });

  it('can be ended only where it was begun', () => {
    refusal(CardNotFrozen, () => storedCard().unfreeze('fine', at()));
  });

  it('does not keep a card from expiring, and can be ended after that', () => {
    const frozen = storedCard({ expiresAt: later(HOUR) }).freeze('check', at());
    expect(frozen.status(later(HOUR))).to.equal('expired');
    expect(expired(frozen, HOUR).unfreeze('fine', at(HOUR)).toSnapshot().frozenAt).to.equal(null);
  });
});

describe('Extending the expiry of a gift card', () => {
  it('moves it later, or takes it away', () => {
    const card = storedCard({ expiresAt: later(HOUR) });
    const extended = card.extendExpiry(later(2 * HOUR), 'goodwill', at());
    expect(extended.expiresAt).to.deep.equal(later(2 * HOUR));
    expect(card.extendExpiry(null, 'goodwill', at()).expiresAt).to.equal(null);
    expect(onlyOne(extended.changes.events).payload).to.include({
      expiresAt: later(2 * HOUR).toISOString(),
      reason: 'goodwill',
    });
  });

  it('brings back a card that has expired but is not booked', () => {
    const extended = storedCard({ expiresAt: later(HOUR) }).extendExpiry(later(3 * HOUR), 'goodwill', at(2 * HOUR));
    expect(extended.redeem(payment('100.00'), at(2 * HOUR)).balance.isZero).to.equal(true);
  });

  it('refuses an expiry that is not later, or not in the future', () => {
    const card = storedCard({ expiresAt: later(HOUR) });
    refusal(InvalidExpiry, () => card.extendExpiry(later(HOUR), 'shorter', at()));
    refusal(InvalidExpiry, () => card.extendExpiry(later(2 * HOUR), 'past', at(2 * HOUR)));
  });

  it('refuses to give a card an expiry that has none', () => {
    refusal(InvalidExpiry, () => storedCard({ expiresAt: null }).extendExpiry(later(HOUR), 'shorter', at()));
  });

  it('comes too late once the expiry is booked', () => {
    const booked = stored(expired(storedCard({ expiresAt: later(HOUR) }), HOUR));
    refusal(ExpiryBooked, () => booked.extendExpiry(null, 'goodwill', at(HOUR)));
  });
});

describe('The expiry of a gift card', () => {
  it('is booked with the remainder to the account that was named', () => {
    const card = expired(storedCard({ expiresAt: later(HOUR) }), HOUR);
    expect(movements(card)).to.deep.equal(['expiry card breakage 10000']);
    expect(card.toSnapshot()).to.deep.include({ expiredAt: later(HOUR), balanceMinor: 0n });
    expect(onlyOne(card.changes.events).payload).to.include({ amount: '100.00', account: 'breakage', balance: '0.00' });
  });

  it('is booked once', () => {
    const booked = stored(expired(storedCard({ expiresAt: later(HOUR) }), HOUR));
    expect(booked.expire('breakage', at(2 * HOUR))).to.equal(undefined);
  });

  it('is not booked before it is due, nor for a card without one', () => {
    expect(storedCard({ expiresAt: later(HOUR) }).expire('breakage', at(HOUR - 1))).to.equal(undefined);
    expect(storedCard({ expiresAt: null }).expire('breakage', at(HOUR))).to.equal(undefined);
  });

  it('waits for open holds', () => {
    const held = storedCard({ expiresAt: later(HOUR) }).hold(payment('40.00'), later(2 * HOUR), at());
    expect(stored(held).expire('breakage', at(2 * HOUR - 1))).to.equal(undefined);
    const card = expired(stored(held), 2 * HOUR);
    expect(movements(card)).to.deep.equal(['release hold card 4000', 'expiry card breakage 10000']);
  });

  it('follows a hold that was captured in time', () => {
    const held = storedCard({ expiresAt: later(HOUR) }).hold(payment('40.00'), later(2 * HOUR), at());
    const { id } = onlyOne(held.changes.holds);
    const captured = stored(held).capture(id, randomUUID(), undefined, at(HOUR));
    expect(movements(expired(stored(captured), HOUR))).to.deep.equal(['expiry card breakage 6000']);
  });

  it('moves no money of a card that has none, and is recorded all the same', () => {
    const empty = stored(storedCard({ expiresAt: later(HOUR) }).redeem(payment('100.00'), at()));
    const card = expired(empty, HOUR);
    expect([card.changes.entries, eventTypes(card)]).to.deep.equal([[], ['expired']]);
  });
});

describe('The code of a gift card', () => {
  const code = { codeIndex: 'index', pepperId: 'newest', prefix: 'SHOP', lastFour: '7777' };

  it('is replaced with everything that belongs to it', () => {
    const card = storedCard().reissueCode(code, 'lost', at(1));
    expect(card.toSnapshot()).to.deep.include({ ...code, updatedAt: later(1) });
    const { payload } = onlyOne(card.changes.events);
    expect(payload).to.include({ lastFour: '7777', reason: 'lost' });
    expect(JSON.stringify(payload)).not.to.include('index');
  });

  it('moves to another pepper without an event or a new version', () => {
    const card = storedCard();
    const rekeyed = card.rekey('index', 'newest');
    expect(rekeyed.toSnapshot()).to.deep.equal({ ...card.toSnapshot(), codeIndex: 'index', pepperId: 'newest' });
    expect(rekeyed.changes.events).to.deep.equal([]);
  });
});
