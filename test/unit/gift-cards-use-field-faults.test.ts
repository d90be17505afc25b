import { expect } from 'chai';
import type { DomainError } from '../../src/domain/shared/domain-error.ts';
import { MAX_MINOR, Money } from '../../src/domain/shared/money.ts';
import { GiftCardWorld, SHOP, usd } from '../support/gift-card-world.ts';

const NO_CARD = '01890000-0000-7000-8000-000000000000';

/** Amounts that no money has, each with what the domain has to say about it. */
const BAD_AMOUNTS = [
  [
    { amount: '1.001', currency: 'USD' },
    { currency: 'USD', decimals: 2 },
  ],
  [
    { amount: '1.5', currency: 'JPY' },
    { currency: 'JPY', decimals: 0 },
  ],
  [{ amount: '0.00', currency: 'USD' }, { currency: 'USD' }],
  [{ amount: '92233720368547758.08', currency: 'USD' }, { currency: 'USD' }],
] as const;

describe('a refusal of the value of a field', () => {
  let world: GiftCardWorld;
  let card: { readonly id: string; readonly code: string };

  beforeEach(async () => {
    world = new GiftCardWorld();
    card = await world.issue('100.00');
  });
  afterEach(() => world.verify());

  function expectFault(error: DomainError, code: string, path: string, facts: object = {}): void {
    expect(error.code).to.equal(code);
    expect(error.details).to.deep.equal({ ...facts, issues: [{ path, message: error.message }] });
  }

  it('names the amount, in every operation that takes one, before anything is looked up', async () => {
    for (const [amount, facts] of BAD_AMOUNTS) {
      for (const error of [
        await world.refusal('redeem', { code: 'nonsense', orderId: 'o1', amount }),
        await world.refusal('hold', { code: 'nonsense', orderId: 'o1', amount }),
        await world.refusal('capture', { holdId: NO_CARD, amount }),
        await world.refusal('refundToCard', { redemptionId: NO_CARD, amount }),
        await world.refusal('transfer', { fromCode: 'nonsense', toCode: 'nonsense', amount }),
        await world.refusal('create', { purchaserId: 'buyer', amount }),
        await world.refusal('bulkCreate', { count: 2, amount }),
        await world.refusal('reload', { cardId: NO_CARD, amount }),
      ]) {
        expectFault(error, 'money.invalid_amount', 'amount.amount', facts);
      }
    }
  });

  it('tells the total of the order from the amount', async () => {
    for (const [orderTotal, facts] of BAD_AMOUNTS) {
      for (const verb of ['redeem', 'hold'] as const) {
        const error = await world.refusal(verb, { code: 'nonsense', orderId: 'o1', orderTotal });
        expectFault(error, 'money.invalid_amount', 'orderTotal.amount', facts);
        const both = { code: card.code, orderId: 'o1', amount: usd('1.00'), orderTotal };
        expectFault(await world.refusal(verb, both), 'money.invalid_amount', 'orderTotal.amount', facts);
      }
    }
  });

  it('names the amount that has the currency of the card', async () => {
    const input = { code: card.code, orderId: 'o1', orderTotal: { amount: '1.001' } };
    const error = await world.refusal('redeem', input, { inProcess: true });
    expectFault(error, 'money.invalid_amount', 'orderTotal.amount', { currency: 'USD', decimals: 2 });
  });

  it('names the amount that is too much for what the card has already', async () => {
    const amount = Money.ofMinor(MAX_MINOR, 'USD').toJSON();
    const error = await world.refusal('reload', { cardId: card.id, amount });
    expectFault(error, 'money.invalid_amount', 'amount.amount', { currency: 'USD' });
  });

  it('names the leg of a refund that came as an event', async () => {
    const legs = [usd('1.00'), usd('0.001')].map((amount) => ({ redemptionId: NO_CARD, amount }));
    const error = await world.refunded('o1', 'r1', ...legs).catch((reason: unknown) => reason as DomainError);
    expectFault(error as DomainError, 'money.invalid_amount', 'legs.1.amount.amount', { currency: 'USD', decimals: 2 });
  });

  it('names the expiry that does not lie ahead', async () => {
    const now = world.now.toISOString();
    for (const error of [
      await world.refusal('create', { amount: usd('1.00'), purchaserId: 'buyer', expiresAt: now }),
      await world.refusal('bulkCreate', { amount: usd('1.00'), count: 2, expiresAt: now }),
      await world.refusal('extendExpiry', { cardId: card.id, expiresAt: now, reason: 'mistake' }),
      // The card expires in a year.
      await world.refusal('extendExpiry', { cardId: card.id, expiresAt: '2030-12-01T00:00:00Z', reason: 'mistake' }),
    ]) {
      expectFault(error, 'gift_cards.invalid_expiry', 'expiresAt');
    }
  });

  it('names it again where the command is repeated', async () => {
    const input = { amount: usd('1.00'), purchaserId: 'buyer', expiresAt: world.now.toISOString() };
    for (let time = 0; time < 2; time += 1) {
      expectFault(await world.refusal('create', input, { key: 'k' }), 'gift_cards.invalid_expiry', 'expiresAt');
    }
  });

  it('names no field where the expiry is the fault of the policy', async () => {
    const past = new GiftCardWorld({ expiry: (now) => now });
    for (const error of [
      await past.refusal('create', { amount: usd('1.00'), purchaserId: 'buyer' }),
      await past.refusal('bulkCreate', { amount: usd('1.00'), count: 2 }),
    ]) {
      expect(error).to.deep.include({ code: 'gift_cards.invalid_expiry', details: {} });
    }
  });

  it('is the same whatever the card is, to those who may not know why a code is refused', async () => {
    const frozen = await world.issue();
    await world.call('freeze', { cardId: frozen.id, reason: 'stolen' });
    const euros = await world.call('create', { amount: { amount: '9.00', currency: 'EUR' }, purchaserId: 'buyer' });
    const told = new Set<string>();
    for (const code of [card.code, frozen.code, euros.code ?? '', 'GIFT-0000-0000-0000-0000', 'nonsense']) {
      for (const bad of [{ amount: usd('1.001') }, { amount: usd('1.00'), orderTotal: usd('1.001') }]) {
        const error = await world.refusal('redeem', { code, orderId: 'o1', ...bad }, { principal: SHOP });
        told.add(JSON.stringify([error.code, error.message, error.details]));
      }
    }
    // One for each of the two fields.
    expect([...told]).to.have.length(2);
  });
});
