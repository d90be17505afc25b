import { expect } from 'chai';
import type { CardStatus } from '../../src/domain/gift-cards/card-state.ts';
import type { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { at, HOUR, later, payment, storedCard, usd } from '../support/gift-card-builder.ts';

const BY = { adminId: 'admin', reason: 'stolen', account: 'void' } as const;
const card = (): GiftCard => storedCard({ expiresAt: later(2 * HOUR) });
const redeemed = (amount: string): GiftCard => card().redeem(payment(amount), at());

/** What was done with a card of 100.00 that expires in two hours, and its status after so many hours. */
const TABLE: readonly (readonly [what: string, card: () => GiftCard, hours: number, status: CardStatus])[] = [
  ['new', card, 1, 'active'],
  ['reloaded', () => card().reload(usd('1.00'), 'r', at()), 1, 'active'],
  ['partly redeemed', () => redeemed('0.01'), 1, 'partially_redeemed'],
  [
    'partly redeemed and reloaded to less',
    () => redeemed('2.00').reload(usd('1.00'), 'r', at()),
    1,
    'partially_redeemed',
  ],
  ['partly redeemed and reloaded to as much', () => redeemed('1.00').reload(usd('1.00'), 'r', at()), 1, 'active'],
  ['partly held', () => card().hold(payment('1.00'), later(HOUR), at()), 0, 'partially_redeemed'],
  ['entirely held', () => card().hold(payment('100.00'), later(HOUR), at()), 0, 'partially_redeemed'],
  ['redeemed to nothing', () => redeemed('100.00'), 1, 'fully_redeemed'],
  [
    'redeemed to nothing and reloaded',
    () => redeemed('100.00').reload(usd('1.00'), 'r', at()),
    1,
    'partially_redeemed',
  ],
  ['frozen', () => card().freeze('check', at()), 1, 'frozen'],
  ['redeemed to nothing and frozen', () => redeemed('100.00').freeze('check', at()), 1, 'frozen'],
  ['unfrozen', () => card().freeze('check', at()).unfreeze('fine', at()), 1, 'active'],
  ['past its expiry', card, 2, 'expired'],
  ['redeemed to nothing and past its expiry', () => redeemed('100.00'), 2, 'expired'],
  ['frozen and past its expiry', () => card().freeze('check', at()), 2, 'expired'],
  ['booked as expired', () => card().expire('breakage', at(2 * HOUR)) ?? card(), 2, 'expired'],
  ['extended', () => card().extendExpiry(later(4 * HOUR), 'goodwill', at()), 3, 'active'],
  ['voided', () => card().void(BY, at()), 1, 'voided'],
  ['voided and past its expiry', () => card().void(BY, at()), 3, 'voided'],
  ['frozen and voided', () => card().freeze('check', at()).void(BY, at()), 1, 'voided'],
];

describe('The status of a gift card', () => {
  for (const [what, made, hours, status] of TABLE) {
    it(`is ${status} when the card is ${what}`, () => {
      expect(made().status(later(hours * HOUR))).to.equal(status);
    });
  }
});
