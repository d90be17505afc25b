import { expect } from 'chai';
import { MAX_PAYMENTS_OF_ORDER } from '../../src/application/gift-cards/order-payments.ts';
import { MAX_LEGS_OF_ORDER } from '../../src/application/gift-cards/settle-order-refund.ts';
import { OrderTooLarge } from '../../src/domain/gift-cards/errors.ts';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';

/** Whoever names an order loads all that belongs to it: it has to end somewhere. */
describe('an order', () => {
  let world: GiftCardWorld;
  let card: { id: string; code: string };

  beforeEach(async () => {
    world = new GiftCardWorld();
    card = await world.issue('100.00');
  });
  afterEach(() => world.verify());

  const payment = (purpose: string) => ({ code: card.code, orderId: 'o1', purpose, amount: usd('0.01') });
  const pay = (purpose: string) => world.call('redeem', payment(purpose));
  const hold = () => world.call('hold', payment('later'));
  const failure = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

  it('takes a thousand payments, then only repeats of them, and can be cancelled whole', async function () {
    this.timeout(20_000);
    for (let n = 1; n < MAX_PAYMENTS_OF_ORDER; n += 1) await pay(`part_${n}`);
    const { holdId } = await hold();
    await world.call('releaseHold', { holdId });
    expect(await failure(pay('one_more'))).to.be.instanceOf(OrderTooLarge);
    expect(await failure(hold())).to.be.instanceOf(OrderTooLarge);
    expect(await world.balance(card.id)).to.equal('90.01');
    expect((await pay('part_7')).redeemedAmount).to.deep.equal(usd('0.01'));
    await world.call('redeem', { code: card.code, orderId: 'o2', amount: usd('0.01') });
    await world.cancelled('o1');
    expect(await world.balance(card.id)).to.equal('99.99');
  });

  it('takes ten thousand refund legs, and of those beyond none', async function () {
    this.timeout(20_000);
    await pay('all');
    const legs = Array.from({ length: 100 }, () => ({ cardId: card.id, amount: usd('0.01') }));
    for (let n = 0; n < MAX_LEGS_OF_ORDER / legs.length; n += 1) await world.refunded('o1', `r${n}`, ...legs);
    expect(await failure(world.refunded('o1', 'beyond', ...legs.slice(0, 1)))).to.be.instanceOf(OrderTooLarge);
    await world.refunded('o1', 'r0', ...legs);
    expect(await world.balance(card.id)).to.equal('100.00');
  });
});
