import { expect } from 'chai';
import fc from 'fast-check';
import { ADMIN, GiftCardWorld, usd } from '../support/gift-card-world.ts';

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

/** A payment, a refund or a cancellation on its way; `after` names a payment that has to be there before. */
type Arrival =
  | {
      readonly kind: 'pay';
      readonly card: number;
      readonly purpose: string;
      readonly cents: number;
      readonly held: boolean;
    }
  | { readonly kind: 'refund'; readonly refundId: string; readonly legs: readonly Leg[] }
  | { readonly kind: 'cancel' };
interface Leg {
  readonly card: number;
  readonly cents: number;
  /** Names the card's first payment in place of the card. */
  readonly byRedemption: boolean;
}

const text = (cents: number): string => (cents / 100).toFixed(2);

describe('every order of arrival', () => {
  /** Lets everything arrive for one order of two cards of 100.00; tells the balances and what is parked in cents. */
  async function arrive(arrivals: readonly Arrival[]) {
    const world = new GiftCardWorld();
    const cards = [await world.issue('100.00'), await world.issue('100.00')] as const;
    const firstPayments = new Map<number, string>();
    const waiting: (Arrival & { kind: 'refund' })[] = [];

    const pay = async ({ card, purpose, cents, held }: Arrival & { kind: 'pay' }) => {
      const input = { code: cards[card]?.code ?? '', orderId: 'o1', purpose, amount: usd(text(cents)) };
      const paid = held
        ? await world.call('capture', { holdId: (await world.call('hold', input)).holdId })
        : await world.call('redeem', input);
      if (!firstPayments.has(card)) firstPayments.set(card, paid.redemptionId);
    };
    /** False when a leg names a payment that nobody can know yet. */
    const refund = async ({ refundId, legs }: Arrival & { kind: 'refund' }): Promise<boolean> => {
      if (legs.some((leg) => leg.byRedemption && !firstPayments.has(leg.card))) return false;
      const target = ({ card, byRedemption }: Leg) =>
        byRedemption ? { redemptionId: firstPayments.get(card) ?? '' } : { cardId: cards[card]?.id ?? '' };
      const named = legs.map((leg) => ({ ...target(leg), amount: usd(text(leg.cents)) }));
      await world.refunded('o1', refundId, ...named);
      return true;
    };

    for (const arrival of arrivals) {
      if (arrival.kind === 'cancel') await world.cancelled('o1');
      else if (arrival.kind === 'refund') {
        if (!(await refund(arrival))) waiting.push(arrival);
      } else {
        await pay(arrival).catch((error: { code: string }) =>
          expect(error.code).to.equal('gift_cards.order_cancelled'),
        );
        for (const late of waiting.splice(0)) if (!(await refund(late))) waiting.push(late);
      }
    }
    await world.verify();
    const balances = await Promise.all(cards.map(async ({ id }) => Number(await world.balance(id)) * 100));
    const legs = await world.call('listParkedRefunds', { orderId: 'o1' });
    const parked = legs.reduce((sum, leg) => sum + Number(leg.parked.amount) * 100, 0);
    const refunds = world.events('refunded').reduce((sum, { payload }) => sum + Number(payload.amount) * 100, 0);
    return { balances: balances.map(Math.round), parked: Math.round(parked), refunded: Math.round(refunds) };
  }

  function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
    if (items.length < 2) return [items];
    return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
  }

  const PAYMENTS: readonly Arrival[] = [
    { kind: 'pay', card: 0, purpose: 'payment', cents: 3000, held: false },
    { kind: 'pay', card: 0, purpose: 'shipping', cents: 1000, held: true },
  ];
  const REFUNDS: readonly Arrival[] = [
    { kind: 'refund', refundId: 'r1', legs: [{ card: 0, cents: 1500, byRedemption: false }] },
    {
      kind: 'refund',
      refundId: 'r2',
      legs: [
        { card: 0, cents: 2000, byRedemption: false },
        { card: 1, cents: 700, byRedemption: false },
      ],
    },
  ];

  it('of two payments and two refunds ends in the same balances and totals', async () => {
    const all = permutations([...PAYMENTS, ...REFUNDS]);
    expect(all).to.have.length(24);
    for (const arrivals of all) {
      expect(await arrive(arrivals)).to.deep.equal({ balances: [9500, 10_000], parked: 700, refunded: 3500 });
    }
  });

  it('with a refund that is delivered twice ends in the same balances and totals', async () => {
    for (const arrivals of permutations([...PAYMENTS, ...REFUNDS, ...REFUNDS.slice(0, 1)])) {
      expect(await arrive(arrivals)).to.deep.equal({ balances: [9500, 10_000], parked: 700, refunded: 3500 });
    }
  });

  it('with a cancellation among them leaves nothing paid', async () => {
    for (const arrivals of permutations([...PAYMENTS, ...REFUNDS, { kind: 'cancel' } as const])) {
      expect((await arrive(arrivals)).balances).to.deep.equal([10_000, 10_000]);
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
        expect(await arrive(arrivals)).to.deep.equal({
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
        expect((await arrive(cancelled)).balances).to.deep.equal([10_000, 10_000]);
      }),
      { numRuns: 150 },
    );
  });
});
