import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GiftCardBook, GiftCardKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, newBatch, Scenario } from './scenario.ts';

/** One order with everything that can belong to it, and the ids of all of it. */
async function orderWithEverything(scenario: Scenario) {
  const now = await scenario.site.reader.now();
  const orderId = `order-${randomUUID()}`;
  const code = randomUUID();
  const [payer, holder, named] = [
    await scenario.issue({ codeIndex: code }),
    await scenario.issue(),
    await scenario.issue(),
  ];
  const redemption = await scenario.redeem(payer, orderId, 100n);
  const hold = await scenario.hold(holder, orderId, 200n);
  const [delivery, batch] = [randomUUID(), newBatch(now)];
  const leg = { orderId, refundId: 'refund', leg: 0, cardId: named, redemptionId: null, currency: 'USD' };
  await scenario.store({
    legs: [{ ...leg, amountMinor: 10n, parkedMinor: 10n, closed: false, receivedAt: now }],
    marks: [{ orderId, cancelledAt: now, marksUntil: now }],
    deliveries: [
      { id: delivery, cardId: payer, sealedCode: null, status: 'pending', createdAt: now, deliveredAt: null },
    ],
    batches: [batch],
  });
  return { orderId, code, payer, holder, named, redemption, hold, delivery, batch: batch.id };
}

type Everything = Awaited<ReturnType<typeof orderWithEverything>>;

/** The names of all that a decision sees of it. */
function seen(book: GiftCardBook, all: Everything): readonly string[] {
  const found: { readonly [name: string]: boolean } = {
    payer: book.card(all.payer) !== undefined,
    'payer by code': book.cardByCode([all.code]) !== undefined,
    holder: book.card(all.holder) !== undefined,
    named: book.card(all.named) !== undefined,
    redemption: book.redemption(all.redemption) !== undefined,
    hold: book.hold(all.hold) !== undefined,
    redemptions: book.redemptionsOfOrder(all.orderId).length > 0,
    holds: book.holdsOfOrder(all.orderId).length > 0,
    legs: book.legsOfOrder(all.orderId).length > 0,
    mark: book.markOfOrder(all.orderId) !== undefined,
    delivery: book.delivery(all.delivery) !== undefined,
    batch: book.batch(all.batch) !== undefined,
  };
  return Object.keys(found).filter((name) => found[name] === true);
}

const ORDER = ['redemption', 'hold', 'redemptions', 'holds', 'legs', 'mark'];

const expectations: readonly {
  readonly title: string;
  readonly keys: (all: Everything) => GiftCardKeys;
  readonly sees: readonly string[];
}[] = [
  { title: 'nothing without keys', keys: () => ({}), sees: [] },
  { title: 'the card that an id names', keys: ({ payer }) => ({ cardIds: [payer] }), sees: ['payer', 'payer by code'] },
  {
    title: 'the card that a code names',
    keys: ({ code }) => ({ codes: [[randomUUID(), code]] }),
    sees: ['payer', 'payer by code'],
  },
  {
    title: 'a redemption with its card, but not its order',
    keys: ({ redemption }) => ({ redemptionIds: [redemption] }),
    sees: ['payer', 'payer by code', 'redemption'],
  },
  {
    title: 'a hold with its card and its order, but not the cards of that',
    keys: ({ hold }) => ({ holdIds: [hold] }),
    sees: ['holder', ...ORDER],
  },
  { title: 'an order without its cards', keys: ({ orderId }) => ({ orderIds: [orderId] }), sees: ORDER },
  {
    title: 'an order with the cards of its redemptions, holds and refund legs',
    keys: ({ orderId }) => ({ orderIds: [orderId], cardsOfOrders: true }),
    sees: ['payer', 'payer by code', 'holder', 'named', ...ORDER],
  },
  { title: 'a delivery', keys: ({ delivery }) => ({ deliveryIds: [delivery] }), sees: ['delivery'] },
  { title: 'a batch', keys: ({ batch }) => ({ batchIds: [batch] }), sees: ['batch'] },
];

/** A decision sees what its keys name and nothing else. */
export const keyCases: readonly GiftCardCase[] = [
  ...expectations.map(({ title, keys, sees }): GiftCardCase => ({
    title: `shows a decision ${title}`,
    async run(site) {
      const scenario = new Scenario(site);
      const all = await orderWithEverything(scenario);
      const { answer } = await scenario.update(keys(all), (book) => accept([...seen(book, all)]));
      assert.deepEqual([...answer].sort(), [...sees].sort());
    },
  })),
  {
    title: 'shows each of many decisions at once only what its own keys name',
    async run(site) {
      const scenario = new Scenario(site);
      const all = await orderWithEverything(scenario);
      const answers = await Promise.all(
        expectations.map(({ keys }) => scenario.update(keys(all), (book) => accept([...seen(book, all)]))),
      );
      assert.deepEqual(
        answers.map(({ answer }) => [...answer].sort()),
        expectations.map(({ sees }) => [...sees].sort()),
      );
    },
  },
];
