import { expect } from 'chai';
import fc from 'fast-check';
import { ADMIN, GiftCardWorld, usd } from '../support/gift-card-world.ts';
import {
  arrive,
  END,
  PAYMENTS,
  permutations,
  REFUNDS,
  type Arrival,
  type ArrivalEnd,
} from '../support/order-arrivals.ts';

describe('orders that are refunded or cancelled', () => {
  let world: GiftCardWorld;
  let card: { id: string; code: string };

  beforeEach(async () => {
    world = new GiftCardWorld();
    card = await world.issue('100.00');
  });
  afterEach(() => world.verify());

  const redeem = (amount: string, more: object = {}) =>
    world.call('redeem', { code: card.code, orderId: 'o1', amount: usd(amount), ...more });
  const parked = async () =>
    (await world.call('listParkedRefunds', {})).map((leg) => `${leg.refundId}#${leg.leg} ${leg.parked.amount}`);

  describe('order.refunded', () => {
    it('brings the amounts of its legs back to the cards', async () => {
      const { redemptionId } = await redeem('40.00');
      await redeem('10.00', { purpose: 'shipping' });
      await world.refunded(
        'o1',
        'r1',
        { cardId: card.id, amount: usd('15.00') },
        { redemptionId, amount: usd('5.00') },
      );
      expect(await world.balance(card.id)).to.equal('70.00');
      expect(await parked()).to.deep.equal([]);
      expect(world.events('refunded').map(({ payload }) => payload.refundId)).to.deep.equal(['r1', 'r1']);
    });

    it('counts each leg once, however often it is delivered', async () => {
      await redeem('40.00');
      for (let n = 0; n < 3; n += 1) await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
      expect(await world.balance(card.id)).to.equal('75.00');
    });

    it('is clamped to what was redeemed, and operators see the excess', async () => {
      await redeem('40.00');
      await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('30.00') });
      await world.refunded('o1', 'r2', { cardId: card.id, amount: usd('30.00') });
      expect(await world.balance(card.id)).to.equal('100.00');
      expect(await parked()).to.deep.equal(['r2#0 20.00']);
    });

    it('waits for a redemption that has not arrived yet, and is applied to it once', async () => {
      await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
      expect(await parked()).to.deep.equal(['r1#0 15.00']);
      const paid = await redeem('40.00');
      expect(paid.remainingBalance).to.deep.equal(usd('60.00'));
      expect(await world.balance(card.id)).to.equal('75.00');
      expect(await redeem('40.00')).to.deep.equal(paid);
      expect(await world.balance(card.id)).to.equal('75.00');
      expect(await parked()).to.deep.equal([]);
    });

    it('waits for a capture as well', async () => {
      const { holdId } = await world.call('hold', { code: card.code, orderId: 'o1', amount: usd('40.00') });
      await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
      expect((await world.call('capture', { holdId })).remainingBalance).to.deep.equal(usd('60.00'));
      expect(await world.balance(card.id)).to.equal('75.00');
    });

    it('does not touch redemptions of other orders, not even those that a leg names', async () => {
      const { redemptionId } = await redeem('40.00', { orderId: 'o2' });
      await world.refunded(
        'o1',
        'r1',
        { redemptionId, amount: usd('15.00') },
        { cardId: card.id, amount: usd('1.00') },
      );
      expect(await world.balance(card.id)).to.equal('60.00');
      expect(await parked()).to.deep.equal(['r1#0 15.00', 'r1#1 1.00']);
    });

    it('leaves alone what is in another currency', async () => {
      await redeem('40.00');
      await world.refunded('o1', 'r1', { cardId: card.id, amount: { amount: '15.00', currency: 'EUR' } });
      expect(await world.balance(card.id)).to.equal('60.00');
    });

    it('shares its legs between the cards that paid', async () => {
      const other = await world.issue('50.00');
      await redeem('40.00');
      await world.call('redeem', { code: other.code, orderId: 'o1', amount: usd('20.00') });
      await world.refunded(
        'o1',
        'r1',
        { cardId: card.id, amount: usd('4.00') },
        { cardId: other.id, amount: usd('2.00') },
      );
      expect([await world.balance(card.id), await world.balance(other.id)]).to.deep.equal(['64.00', '32.00']);
    });

    it('without legs is not about gift cards, whatever else it holds', async () => {
      await redeem('40.00');
      for (const data of [{ orderId: 'o1' }, { legs: [] }, { orderId: 7, legs: null }]) {
        await world.receive('order.refunded', data);
      }
      expect(await world.balance(card.id)).to.equal('60.00');
    });

    it('becomes a dead letter when it makes no sense', async () => {
      const leg = { cardId: card.id, amount: usd('1.00') };
      const senseless = [
        { orderId: 'o1', refundId: 'r1', legs: [{ amount: usd('1.00') }] },
        { orderId: 'o1', refundId: 'r1', legs: [{ ...leg, amount: usd('0.00') }] },
        { orderId: 'o1', refundId: 'r1', legs: [{ ...leg, amount: usd('0.001') }] },
        { orderId: 'o1', refundId: 'r1', legs: [{ ...leg, amount: 1 }] },
        { orderId: 'o1', legs: [leg] },
        { orderId: 'o1', refundId: 'r1', legs: 'all' },
      ];
      for (const data of senseless) {
        const error: unknown = await world.receive('order.refunded', data).catch((reason: unknown) => reason);
        expect(error).to.include({ kind: 'invalid' });
      }
      expect(await parked()).to.deep.equal([]);
    });

    it('goes to the void account where the card was voided', async () => {
      await redeem('40.00');
      await world.call('void', { cardId: card.id, reason: 'fraud' });
      await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
      expect(await world.balance(card.id)).to.equal('0.00');
      expect(world.events('refunded')[0]?.payload).to.include({ toVoidAccount: true });
    });

    it('lands on an expired card and is never swept', async () => {
      await redeem('40.00');
      world.passDays(366);
      await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
      await world.sweep();
      expect(await world.balance(card.id)).to.equal('15.00');
    });
  });

  describe('order.cancelled', () => {
    it('refunds what is left of its redemptions and releases its holds', async () => {
      const { redemptionId } = await redeem('40.00');
      await world.call('refundToCard', { redemptionId, amount: usd('10.00') });
      await world.call('hold', { code: card.code, orderId: 'o1', purpose: 'deposit', amount: usd('20.00') });
      await world.call('hold', { code: card.code, orderId: 'o2', amount: usd('5.00') });
      await world.cancelled('o1');
      expect(await world.balance(card.id)).to.equal('95.00');
      expect(world.events('released')[0]?.payload).to.include({ status: 'released', orderId: 'o1' });
      expect(world.events('refunded').at(-1)?.payload).to.include({ refundId: 'cancel:o1', amount: '30.00' });
    });

    it('ends the waiting of its refunds, those that come later included; they are listed apart', async () => {
      await redeem('40.00');
      await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('55.00') });
      await world.cancelled('o1');
      await world.refunded('o1', 'r2', { cardId: card.id, amount: usd('7.00') });
      expect(await parked()).to.deep.equal([]);
      const closed = await world.call('listParkedRefunds', { closed: true });
      expect(closed).to.have.lengthOf(2);
      expect(closed[0]).to.deep.include({ refundId: 'r1', amount: usd('55.00'), parked: usd('15.00'), closed: true });
      expect(closed[1]).to.deep.include({ refundId: 'r2', amount: usd('7.00'), parked: usd('7.00'), closed: true });
      expect(await world.balance(card.id)).to.equal('100.00');
    });

    it('changes nothing the second time', async () => {
      await redeem('40.00');
      await world.cancelled('o1');
      const before = world.log.length;
      await world.cancelled('o1');
      expect(world.log).to.have.length(before);
      expect(await world.balance(card.id)).to.equal('100.00');
    });

    it('refuses payments that come later, until the mark is over', async () => {
      await world.cancelled('o1');
      const input = { code: card.code, orderId: 'o1', amount: usd('40.00') };
      for (const verb of ['redeem', 'hold'] as const) {
        expect((await world.refusal(verb, input)).code).to.equal('gift_cards.order_cancelled');
      }
      world.passDays(30);
      expect((await world.call('redeem', input)).redeemedAmount).to.deep.equal(usd('40.00'));
    });

    it('refunds again when an order that was paid after its mark is cancelled once more', async () => {
      await world.cancelled('o1');
      world.passDays(31);
      await redeem('40.00');
      await world.cancelled('o1');
      expect(await world.balance(card.id)).to.equal('100.00');
      expect((await world.refusal('redeem', { code: card.code, orderId: 'o1' })).code).to.equal(
        'gift_cards.order_cancelled',
      );
    });

    for (const early of ['a refund', 'the cancellation'] as const) {
      it(`gives nothing back of what is paid after its mark, if ${early} came first`, async () => {
        await redeem('40.00');
        const refund = () => world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
        const arrivals = [refund, () => world.cancelled('o1')];
        for (const arrive of early === 'a refund' ? arrivals : arrivals.toReversed()) await arrive();
        expect(await world.balance(card.id)).to.equal('100.00');
        world.passDays(31);
        await redeem('30.00', { purpose: 'again' });
        expect(await world.balance(card.id)).to.equal('70.00');
        // Of the order as it was paid anew.
        await world.refunded('o1', 'r2', { cardId: card.id, amount: usd('10.00') });
        expect(await world.balance(card.id)).to.equal('80.00');
      });
    }

    it('gives nothing back of later payments for refunds that waited when it came', async () => {
      await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
      await world.cancelled('o1');
      world.passDays(31);
      await redeem('40.00');
      expect(await world.balance(card.id)).to.equal('60.00');
    });

    it('ends an open hold, so that it cannot be captured', async () => {
      const { holdId } = await world.call('hold', { code: card.code, orderId: 'o1', amount: usd('40.00') });
      await world.cancelled('o1');
      expect((await world.refusal('capture', { holdId })).details).to.deep.equal({ status: 'released' });
    });

    it('becomes a dead letter when it names no order', async () => {
      const error: unknown = await world.receive('order.cancelled', {}).catch((reason: unknown) => reason);
      expect(error).to.include({ kind: 'invalid' });
    });
  });

  it('act in the name of the service, as a consequence of the event that came in', async () => {
    await redeem('40.00');
    await world.refunded('o1', 'r1', { cardId: card.id, amount: usd('15.00') });
    const [refund] = world.events('refunded');
    expect(refund).to.include({ actor: 'system:gift-cards', correlationId: 'order-flow' });
    expect(refund?.causationId).to.be.a('string');
    expect(world.events('redeemed')[0]?.actor).to.equal(ADMIN.id);
  });
});

describe('every order of arrival', () => {
  async function arriveInMemory(arrivals: readonly Arrival[]): Promise<ArrivalEnd> {
    const world = new GiftCardWorld();
    return arrive(
      {
        call: world.call.bind(world),
        receive: world.receive.bind(world),
        refundsOf: async (cardId) =>
          world.events('refunded').flatMap(({ payload }) => (payload.cardId === cardId ? [payload] : [])),
        verify: () => world.verify(),
      },
      arrivals,
    );
  }

  it('of two payments and two refunds ends in the same balances and totals', async () => {
    const all = permutations([...PAYMENTS, ...REFUNDS]);
    expect(all).to.have.length(24);
    for (const arrivals of all) {
      expect(await arriveInMemory(arrivals)).to.deep.equal(END);
    }
  });

  it('with a refund that is delivered twice ends in the same balances and totals', async () => {
    for (const arrivals of permutations([...PAYMENTS, ...REFUNDS, ...REFUNDS.slice(0, 1)])) {
      expect(await arriveInMemory(arrivals)).to.deep.equal(END);
    }
  });

  it('with a cancellation among them leaves nothing paid, and nothing waiting', async () => {
    for (const arrivals of permutations([...PAYMENTS, ...REFUNDS, { kind: 'cancel' } as const])) {
      expect(await arriveInMemory(arrivals)).to.deep.include({ balances: [10_000, 10_000], parked: 0 });
    }
  });

  const leg = fc.record({ card: fc.nat(1), cents: fc.integer({ min: 1, max: 5000 }), byRedemption: fc.boolean() });
  const scenario = fc
    .record({
      payments: fc.uniqueArray(
        fc.record({
          kind: fc.constant('pay' as const),
          card: fc.nat(1),
          purpose: fc.constantFrom('payment', 'shipping', 'tip'),
          cents: fc.integer({ min: 1, max: 3000 }),
          held: fc.boolean(),
        }),
        { selector: ({ card, purpose }) => `${card} ${purpose}`, maxLength: 4 },
      ),
      refunds: fc.array(fc.array(leg, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
    })
    .map(({ payments, refunds }) => {
      // Nobody can name a payment that is never made.
      const paid = new Set(payments.map(({ card }) => card));
      const sensible = refunds.map((legs, n): Arrival & { kind: 'refund' } => ({
        kind: 'refund',
        refundId: `r${n}`,
        legs: legs.map((part) => ({ ...part, byRedemption: part.byRedemption && paid.has(part.card) })),
      }));
      return { payments, refunds: sensible };
    });
  const shuffled = scenario.chain(({ payments, refunds }) => {
    const arrivals: readonly Arrival[] = [...payments, ...refunds, ...refunds.slice(0, 1)];
    return fc.record({
      payments: fc.constant(payments),
      refunds: fc.constant(refunds),
      arrivals: fc.shuffledSubarray([...arrivals], { minLength: arrivals.length }),
      cancelAt: fc.nat(arrivals.length),
    });
  });
  const sum = (parts: readonly { readonly cents: number }[]): number =>
    parts.reduce((total, { cents }) => total + cents, 0);

  it('refunds of each card the lesser of what was paid with it and what its legs say', async () => {
    await fc.assert(
      fc.asyncProperty(shuffled, async ({ payments, refunds, arrivals }) => {
        const legs = refunds.flatMap((refund) => refund.legs);
        const of = (card: number) => ({
          paid: sum(payments.filter((payment) => payment.card === card)),
          asked: sum(legs.filter((part) => part.card === card)),
        });
        const refunded = [0, 1].map((card) => Math.min(of(card).paid, of(card).asked));
        const total = refunded.reduce((a, b) => a + b, 0);
        expect(await arriveInMemory(arrivals)).to.deep.equal({
          balances: [0, 1].map((card) => 10_000 - of(card).paid + (refunded[card] ?? 0)),
          parked: sum(legs) - total,
          refunded: total,
        });
      }),
      { numRuns: 150 },
    );
  });

  it('leaves nothing paid when the order is cancelled at any time', async () => {
    await fc.assert(
      fc.asyncProperty(shuffled, async ({ arrivals, cancelAt }) => {
        const cancelled = arrivals.toSpliced(cancelAt, 0, { kind: 'cancel' });
        expect(await arriveInMemory(cancelled)).to.deep.include({ balances: [10_000, 10_000], parked: 0 });
      }),
      { numRuns: 150 },
    );
  });
});
