import { expect } from 'chai';
import { GiftCardWorld, person, SHOP, usd } from '../support/gift-card-world.ts';

describe('transfers between gift cards', () => {
  let world: GiftCardWorld;
  let from: { id: string; code: string };
  let to: { id: string; code: string };

  beforeEach(async () => {
    world = new GiftCardWorld();
    [from, to] = [await world.issue('100.00'), await world.issue('20.00')];
  });
  afterEach(() => world.verify());

  it('move money and tell both balances', async () => {
    const moved = await world.call('transfer', { fromCode: from.code, toCode: to.code, amount: usd('30.00') });
    expect(moved).to.deep.include({ fromBalance: usd('70.00'), toBalance: usd('50.00'), amount: usd('30.00') });
    const sides = world.events('transferred').map(({ payload }) => [payload.direction, payload.otherCardId]);
    expect(sides).to.deep.equal([
      ['out', to.id],
      ['in', from.id],
    ]);
  });

  it('happen once for one key', async () => {
    const input = { fromCode: from.code, toCardId: to.id, amount: usd('30.00') };
    const first = await world.call('transfer', input, { key: 'k' });
    expect(await world.call('transfer', input, { key: 'k' })).to.deep.equal(first);
    expect(await world.balance(from.id)).to.equal('70.00');
  });

  it('to the same card are refused, by code and by id', async () => {
    const amount = usd('1.00');
    const both = [
      { fromCode: from.code, toCode: from.code, amount },
      { fromCode: from.code, toCardId: from.id, amount },
    ];
    for (const input of both) {
      expect((await world.refusal('transfer', input)).code).to.equal('gift_cards.transfer_to_same_card');
    }
    expect(await world.balance(from.id)).to.equal('100.00');
  });

  it('to the same card tell a stranger nothing about one that he could not spend', async () => {
    await world.call('freeze', { cardId: from.id, reason: 'stolen' });
    const input = { fromCode: from.code, toCardId: from.id, amount: usd('1.00') };
    expect((await world.refusal('transfer', input, { principal: SHOP })).code).to.equal('gift_cards.refused');
  });

  it('never move more than there is', async () => {
    const error = await world.refusal('transfer', { fromCode: from.code, toCode: to.code, amount: usd('100.01') });
    expect(error.code).to.equal('gift_cards.insufficient_balance');
    expect(await world.balance(to.id)).to.equal('20.00');
  });

  it('need cards of one currency', async () => {
    const euros = await world.issue('', { amount: { amount: '5.00', currency: 'EUR' } });
    const error = await world.refusal('transfer', { fromCode: from.code, toCode: euros.code, amount: usd('1.00') });
    expect(error.code).to.equal('money.currency_mismatch');
  });

  it('need both codes to be known', async () => {
    const unknown = 'GIFT-0000-0000-0000-0000';
    const amount = usd('1.00');
    for (const input of [
      { fromCode: unknown, toCode: to.code, amount },
      { fromCode: from.code, toCode: unknown, amount },
    ]) {
      expect((await world.refusal('transfer', input)).code).to.equal('gift_cards.invalid_code');
    }
    const toCardId = '01890000-0000-7000-8000-000000000000';
    const error = await world.refusal('transfer', { fromCode: from.code, toCardId, amount });
    expect(error.code).to.equal('gift_cards.card_not_found');
  });

  it('give the receiving card the earlier expiry, once that is agreed to', async () => {
    const expiresAt = new Date(world.now.getTime() + 1000).toISOString();
    const short = await world.issue('10.00', { expiresAt });
    const input = { fromCode: short.code, toCode: to.code, amount: usd('10.00') };
    const error = await world.refusal('transfer', input);
    expect(error.code).to.equal('gift_cards.transfer_shortens_expiry');
    await world.call('transfer', { ...input, acceptEarlierExpiry: true });
    expect((await world.call('getCard', { cardId: to.id })).expiresAt).to.equal(expiresAt);
  });

  it('are made by staff between cards that they name by id, bound ones included', async () => {
    const bound = await world.issue('50.00', { holderId: 'ann' });
    const clerk = { principal: person('clerk', 'gift-cards:transfer') };
    const amount = usd('5.00');
    for (const payer of [from, bound]) {
      await world.call('transfer', { fromCardId: payer.id, toCardId: to.id, amount }, clerk);
    }
    expect(await world.balance(to.id)).to.equal('30.00');
    expect(world.events('transferred').map(({ actor }) => actor)).to.deep.equal(Array(4).fill('user:clerk'));
  });

  it('never spend a bound card by its code', async () => {
    const bound = await world.issue('10.00', { holderId: 'ann' });
    const error = await world.refusal('transfer', { fromCode: bound.code, toCode: to.code, amount: usd('1.00') });
    expect(error.code).to.equal('gift_cards.holder_mismatch');
  });

  it('crossing one another keep the sum', async () => {
    const back = { fromCode: to.code, toCode: from.code, amount: usd('1.00') };
    const forth = { fromCode: from.code, toCode: to.code, amount: usd('1.00') };
    await Promise.all(Array.from({ length: 40 }, (_, n) => world.call('transfer', n % 2 === 0 ? back : forth)));
    expect([await world.balance(from.id), await world.balance(to.id)]).to.deep.equal(['100.00', '20.00']);
  });
});
