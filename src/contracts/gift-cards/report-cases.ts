import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { GiftCard, type Issue } from '../../domain/gift-cards/gift-card.ts';
import type { Delivery } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, momentOf, newBatch, newIssue, present, Scenario, usd } from './scenario.ts';

/** Ids of this tenant's cards that are due, in order. */
async function dueOf({ site, tenant }: Scenario): Promise<readonly string[]> {
  const due = await site.reader.due(100_000);
  return due.filter((card) => card.tenant === tenant).map(({ cardId }) => cardId);
}

const transferAll = (scenario: Scenario, fromId: string, toId: string, minor: bigint) =>
  scenario.update({ cardIds: [fromId, toId] }, (book) => {
    const [id, moment] = [randomUUID(), momentOf(book)];
    const from = present(book.card(fromId)).transferOut(id, toId, usd(minor), moment);
    const to = present(book.card(toId)).transferIn(id, from, usd(minor), true, moment);
    return accept(null, { cards: [from, to] });
  });

/** What the reader says of all cards together. */
export const reportCases: readonly GiftCardCase[] = [
  {
    title: 'has cards due that expired and are not booked, oldest first, and no others',
    async run(site) {
      const scenario = new Scenario(site);
      const [second, first] = [newIssue(), newIssue()];
      await scenario.update({}, (book) => {
        const expiring = (issue: Issue, lastsMs: number) =>
          GiftCard.issue({ ...issue, expiresAt: new Date(book.now.getTime() + lastsMs) }, momentOf(book));
        return accept(null, { cards: [expiring(second, 6), expiring(first, 5)] });
      });
      const [booked, voided, extended] = await Promise.all([5, 5, 5].map((lastsMs) => scenario.issueFor(lastsMs)));
      await Promise.all([scenario.issue(), scenario.issueFor(86_400_000)]);
      await scenario.passTime(6);
      const by = { adminId: 'admin', reason: 'reason', account: 'void' } as const;
      await scenario.change(present(voided), (card, moment) => card.void(by, moment));
      await scenario.change(present(extended), (card, moment) => card.extendExpiry(null, 'reason', moment));
      await scenario.change(present(booked), (card, moment) => present(card.expire('breakage', moment)));
      assert.deepEqual(await dueOf(scenario), [first.id, second.id]);
      assert.equal((await site.reader.due(1)).length, 1);
    },
  },
  {
    title: 'has cards due whose holds expired, but no expired card that only waits for a hold',
    async run(site) {
      const scenario = new Scenario(site);
      const held = await scenario.issue();
      await scenario.hold(held, 'order', 1n);
      await scenario.hold(held, 'order', 1n, 5);
      await scenario.update({}, (book) => {
        const [moment, now] = [momentOf(book), book.now.getTime()];
        const card = GiftCard.issue(newIssue({ expiresAt: new Date(now + 5) }), moment);
        const payment = { id: randomUUID(), orderId: 'order', purpose: 'payment', amount: usd(1n) };
        return accept(null, { cards: [card.hold(payment, new Date(now + 86_400_000), moment)] });
      });
      await scenario.passTime(5);
      assert.deepEqual(await dueOf(scenario), [held]);
      await scenario.redeem(held, 'other', 1n);
      assert.deepEqual(await dueOf(scenario), []);
    },
  },
  {
    title: 'lists batches that are still being created, oldest first',
    async run(site) {
      const scenario = new Scenario(site);
      const now = await site.reader.now();
      const older = newBatch(new Date(now.getTime() - 1_000));
      const [younger, ready, cancelled] = [
        newBatch(now),
        newBatch(now, { status: 'ready' }),
        newBatch(now, { status: 'cancelled' }),
      ];
      await scenario.store({ batches: [younger, ready, cancelled, older] });
      const found = await site.reader.runningBatches(100_000);
      const own = found.filter(({ tenant }) => tenant === scenario.tenant).map(({ batchId }) => batchId);
      assert.deepEqual(own, [older.id, younger.id]);
    },
  },
  {
    title: 'lists batches whose codes have had their time and still have their seed',
    async run(site) {
      const scenario = new Scenario(site);
      const now = await site.reader.now();
      const [over, destroyed, running] = [
        newBatch(now, { codesUntil: now, status: 'ready' }),
        newBatch(now, { codesUntil: now, status: 'destroyed', sealedSeed: null }),
        newBatch(now),
      ];
      await scenario.store({ batches: [over, destroyed, running] });
      await scenario.passTime(1);
      const found = await site.reader.batchesToDestroy(100_000);
      const own = found.filter(({ tenant }) => tenant === scenario.tenant).map(({ batchId }) => batchId);
      assert.deepEqual(own, [over.id]);
    },
  },
  {
    title: 'lists deliveries that are pending since some time or longer, oldest first',
    async run(site) {
      const scenario = new Scenario(site);
      const [cardId, now] = [await scenario.issue(), await site.reader.now()];
      const delivery = (ageMs: number, status: Delivery['status'] = 'pending'): Delivery => ({
        ...{ id: randomUUID(), cardId, status, sealedCode: status === 'pending' ? 'sealed' : null },
        ...{ createdAt: new Date(now.getTime() - ageMs), deliveredAt: status === 'delivered' ? now : null },
      });
      const [young, due, oldest] = [delivery(999), delivery(1_000), delivery(2_000)];
      const ended = [delivery(3_000, 'delivered'), delivery(3_000, 'failed')];
      await scenario.store({ deliveries: [young, due, ...ended, oldest] });
      const until = new Date(now.getTime() - 1_000);
      const found = await site.reader.deliveriesToDrop(until, 100_000);
      const own = found.filter(({ tenant }) => tenant === scenario.tenant).map(({ deliveryId }) => deliveryId);
      assert.deepEqual(own, [oldest.id, due.id]);
      assert.equal((await site.reader.deliveriesToDrop(until, 1)).length, 1);
    },
  },
  {
    title: 'reports per currency what is owed on cards and holds, and the movements by type',
    async run(site) {
      const scenario = new Scenario(site);
      const [a, b] = [await scenario.issue(), await scenario.issue()];
      await scenario.issue({ amount: Money.ofMinor(7_000n, 'JPY') });
      await scenario.redeem(a, 'order', 1_000n);
      await scenario.hold(a, 'order', 2_000n);
      await transferAll(scenario, a, b, 7_000n);
      const by = { adminId: 'admin', reason: 'reason', account: 'void' } as const;
      await scenario.change(b, (card, moment) => card.void(by, moment));
      assert.deepEqual(await site.reader.liability(scenario.tenant, undefined, undefined), [
        { currency: 'JPY', outstandingMinor: 7_000n, cards: 1, movementsMinor: { creation: 7_000n } },
        {
          currency: 'USD',
          outstandingMinor: 2_000n,
          cards: 1,
          movementsMinor: {
            ...{ creation: 20_000n, redemption: 1_000n, hold: 2_000n, transfer_out: 7_000n, transfer_in: 7_000n },
            void: 17_000n,
          },
        },
      ]);
    },
  },
  {
    title: 'reports what was owed at the end of a period, and only the movements in it',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      await scenario.passTime(5);
      const from = await site.reader.now();
      await scenario.passTime(5);
      await scenario.redeem(cardId, 'order', 1_000n);
      await scenario.passTime(5);
      const to = await site.reader.now();
      await scenario.passTime(5);
      await scenario.redeem(cardId, 'order', 500n);
      const report = (start: Date | undefined, end: Date | undefined) =>
        site.reader.liability(scenario.tenant, start, end);
      const usdReport = { currency: 'USD', cards: 1 };
      assert.deepEqual(await report(from, to), [
        { ...usdReport, outstandingMinor: 9_000n, movementsMinor: { redemption: 1_000n } },
      ]);
      assert.deepEqual(await report(to, undefined), [
        { ...usdReport, outstandingMinor: 8_500n, movementsMinor: { redemption: 500n } },
      ]);
      assert.deepEqual(await report(undefined, from), [
        { ...usdReport, outstandingMinor: 10_000n, movementsMinor: { creation: 10_000n } },
      ]);
    },
  },
  {
    title: 'counts a movement at the instant at which one period ends and the next begins to the next',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      await scenario.passTime(5);
      await scenario.redeem(cardId, 'order', 1_000n);
      const [, redeemed] = await scenario.journal(cardId);
      const at = present(redeemed).createdAt;
      const [until] = await site.reader.liability(scenario.tenant, undefined, at);
      const [since] = await site.reader.liability(scenario.tenant, at, undefined);
      assert.deepEqual([until?.outstandingMinor, until?.movementsMinor], [10_000n, { creation: 10_000n }]);
      assert.deepEqual([since?.outstandingMinor, since?.movementsMinor], [9_000n, { redemption: 1_000n }]);
    },
  },
  {
    title: 'finds nothing wrong after every kind of movement, and counts cards, entries and sums',
    async run(site) {
      const scenario = new Scenario(site);
      const [a, b, expiring] = [await scenario.issue(), await scenario.issue(), await scenario.issueFor(5)];
      const redemptionId = await scenario.redeem(a, 'order', 1_000n);
      const holdId = await scenario.hold(a, 'order', 600n);
      await scenario.update({ redemptionIds: [redemptionId], holdIds: [holdId] }, (book) => {
        const moment = momentOf(book);
        const captured = present(book.card(a)).capture(holdId, randomUUID(), usd(500n), moment);
        const card = captured.refund(present(book.redemption(redemptionId)), 'refund', usd(400n), moment);
        return accept(null, { cards: [card.reload(usd(50n), 'reload', moment)] });
      });
      await transferAll(scenario, a, b, 1_000n);
      const by = { adminId: 'admin', reason: 'reason', account: 'void' } as const;
      await scenario.change(b, (card, moment) => card.void(by, moment));
      await scenario.passTime(5);
      await scenario.change(expiring, (card, moment) => present(card.expire('breakage', moment)));
      const report = await site.reader.reconcile(scenario.tenant);
      const sum = 30_000n + 1_000n + 600n + 500n + 100n + 400n + 50n + 2_000n + 11_000n + 10_000n;
      assert.deepEqual(report, {
        cards: 3,
        entries: 13,
        trialBalance: [{ currency: 'USD', debitsMinor: sum, creditsMinor: sum, differenceMinor: 0n }],
        findings: [],
      });
    },
  },
];
