import { expect } from 'chai';
import fc from 'fast-check';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { histories, MAX_UNITS } from '../support/gift-card-commands.ts';
import { historySystem } from '../support/gift-card-history.ts';
import { HistoryRun } from '../support/gift-card-run.ts';
import { memoryGiftCardSite } from '../support/gift-card-site.ts';
import { inCi } from '../support/in-ci.ts';
import { postgresGiftCardSite } from '../support/postgres-gift-card-site.ts';

const HOUR_MS = 3_600_000;
const seed = Number(process.env['PROPERTY_SEED'] ?? Date.now() % 2 ** 31);

/**
 * Runs random histories against the model, so many at a time; a failure names the seed and the shortest history that
 * fails.
 */
async function checkHistories(site: () => GiftCardSite, unitMs: number, numRuns: number, atATime = 1): Promise<void> {
  let count = 0;
  const property = fc.asyncProperty(histories, async (commands) => {
    const run = new HistoryRun(site(), unitMs);
    for (const command of commands) await run.step(command);
    await run.step({ do: 'sweep' });
    await run.compare(count++ % atATime === 0);
    // Nothing is left that a later sweep would have to look at.
    await run.step({ do: 'tick', units: MAX_UNITS });
    await run.step({ do: 'sweep' });
  });
  const share = Math.ceil(numRuns / atATime);
  const lots = Array.from({ length: atATime }, (_, lot) => fc.assert(property, { seed: seed + lot, numRuns: share }));
  await Promise.all(lots);
}

/** Payments of one order by one card, as parts of 1.00 USD, and refunds that name the card. */
const arrivals = fc
  .record({
    payments: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 }),
    legs: fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 4 }),
  })
  .chain(({ payments, legs }) => {
    const all = [
      ...payments.map((minor) => ({ kind: 'payment', minor }) as const),
      ...legs.map((minor) => ({ kind: 'leg', minor }) as const),
    ];
    const shuffled = fc.shuffledSubarray([...all.keys()], { minLength: all.length });
    return fc.tuple(fc.constant(all), shuffled, shuffled);
  });

type Arrival = { readonly kind: 'payment' | 'leg'; readonly minor: number };

/** What is on the card, and what still waits, after these have arrived in this order. */
async function endOf(all: readonly Arrival[], order: readonly number[]) {
  const site = memoryGiftCardSite();
  const { handlers, tenant, call, receive } = historySystem(site, HOUR_MS);
  const amount = (minor: number) => ({ amount: `${minor / 100}`, currency: 'USD' });
  const card = { amount: amount(1000), purchaserId: 'buyer', deliver: 'answer', expiresAt: null } as const;
  const { id, code = '' } = (await handlers.create(card, call())).data;
  for (const index of order) {
    const { kind, minor } = all[index] as Arrival;
    if (kind === 'payment') {
      await handlers.redeem({ code, orderId: 'order', purpose: `part-${index}`, amount: amount(minor) }, call());
    } else {
      const legs = [{ cardId: id, amount: amount(minor) }];
      await receive('order.refunded', { orderId: 'order', refundId: `refund-${index}`, legs });
    }
  }
  const { items } = await site.reader.parkedLegs(tenant, { orderId: 'order', closed: false }, { limit: 100 });
  const parked = items.reduce((sum, { parkedMinor }) => sum + parkedMinor, 0n);
  const balance = (await site.reader.find(tenant, { cardId: id }))?.balance.minor;
  return { balance, parked };
}

describe('Random histories of gift cards', () => {
  before(() => console.log(`    PROPERTY_SEED=${seed}`));

  it('end in memory as in a model that knows nothing of journals and events', async function () {
    this.timeout(120_000);
    await checkHistories(memoryGiftCardSite, HOUR_MS, inCi ? 10_000 : 500);
  });

  it('end the same whatever order payments and refunds arrive in', async function () {
    this.timeout(60_000);
    const property = fc.asyncProperty(arrivals, async ([all, one, other]) => {
      const [first, second] = [await endOf(all, one), await endOf(all, other)];
      expect(first).to.deep.equal(second);
      const sum = (kind: Arrival['kind']) =>
        all.filter((arrival) => arrival.kind === kind).reduce((total, { minor }) => total + minor, 0);
      const refunded = Math.min(sum('payment'), sum('leg'));
      expect(first.balance).to.equal(BigInt(1000 - sum('payment') + refunded));
      expect(first.parked).to.equal(BigInt(sum('leg') - refunded));
    });
    await fc.assert(property, { seed, numRuns: inCi ? 1000 : 100 });
  });

  describe('in PostgreSQL', () => {
    let site: GiftCardSite | undefined;

    before(async () => void (site = await postgresGiftCardSite()));
    after(async () => site?.close());

    it('end as in the model', async function () {
      this.timeout(2_400_000);
      const opened = site;
      if (opened === undefined) throw new Error('The database was not opened.');
      // One costs PostgreSQL about as much as ten cost memory.
      await checkHistories(() => opened, 3, inCi ? 10_000 : 320, 32);
    });
  });
});
