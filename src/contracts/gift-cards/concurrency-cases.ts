import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, momentOf, outcomes, present, Scenario, usd } from './scenario.ts';

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

async function writers(scenario: Scenario, count: number): Promise<void> {
  const cardId = await scenario.issue({ amount: usd(BigInt(count) * 60n) });
  // Six in ten can be paid.
  const { accepted, refused } = await outcomes(
    times(count, (index) => scenario.redeem(cardId, `order-${index}`, 100n)),
  );
  const payable = Math.floor((count * 60) / 100);
  assert.equal(accepted, payable);
  assert.equal(refused.length, count - payable);
  const entries = await scenario.journal(cardId);
  assert.deepEqual(
    entries.map(({ entryNumber }) => entryNumber),
    times(payable + 1, (index) => index + 1),
  );
  assert.equal(await scenario.balance(cardId), BigInt(count) * 60n - BigInt(payable) * 100n);
  const versions = (await scenario.events(cardId)).map(({ streamVersion }) => streamVersion);
  assert.deepEqual(
    versions,
    times(payable + 1, (index) => index + 1),
  );
  await scenario.reconciles();
}

function transfer(scenario: Scenario, fromId: string, toId: string, minor: bigint): Promise<unknown> {
  return scenario.update({ cardIds: [fromId, toId] }, (book) => {
    const [moment, id] = [momentOf(book), randomUUID()];
    const from = present(book.card(fromId)).transferOut(id, toId, usd(minor), moment);
    const to = present(book.card(toId)).transferIn(id, from, usd(minor), true, moment);
    return accept(null, { cards: [from, to] });
  });
}

/** Many writers at once end as if they had come one after another. */
export const concurrencyCases: readonly GiftCardCase[] = [
  {
    title: 'loses no update of two writers of one card',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      await Promise.all([scenario.redeem(cardId, 'a', 300n), scenario.redeem(cardId, 'b', 500n)]);
      assert.equal(await scenario.balance(cardId), 9_200n);
      const [, second, third] = await scenario.journal(cardId);
      assert.equal(second?.balanceAfterMinor, third?.balanceBeforeMinor);
    },
  },
  {
    title: 'lets one of two writers take the last money of a card',
    run: (site) => writers(new Scenario(site), 2),
  },
  {
    title: 'lets fifty writers of one card spend what is there and not more',
    run: (site) => writers(new Scenario(site), 50),
  },
  {
    title: 'lets fifty writers of fifty cards pass',
    async run(site) {
      const scenario = new Scenario(site);
      const cardIds = await Promise.all(times(50, () => scenario.issue()));
      await Promise.all(cardIds.map((cardId) => scenario.redeem(cardId, 'one order', 1n)));
      const redemptions = await scenario.update({ orderIds: ['one order'] }, (book) =>
        accept(book.redemptionsOfOrder('one order').length),
      );
      assert.equal(redemptions.answer, 50);
      await scenario.reconciles();
    },
  },
  {
    title: 'never locks transfers and their mirror images against each other',
    async run(site) {
      const scenario = new Scenario(site);
      const [a, b] = [await scenario.issue(), await scenario.issue()];
      await Promise.all(times(40, (index) => transfer(scenario, index % 2 ? a : b, index % 2 ? b : a, 10n)));
      assert.deepEqual([await scenario.balance(a), await scenario.balance(b)], [10_000n, 10_000n]);
      assert.equal((await scenario.journal(a)).length, 41);
      await scenario.reconciles();
    },
  },
  {
    title: 'lets many refunds of one redemption return no more than it was',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const redemptionId = await scenario.redeem(cardId, 'order', 100n);
      const refund = (index: number) =>
        scenario.update({ redemptionIds: [redemptionId] }, (book) => {
          const redemption = present(book.redemption(redemptionId));
          const card = present(book.card(redemption.cardId));
          const next = card.refund(redemption, `refund-${index}`, usd(15n), momentOf(book));
          return accept(null, { cards: [next] });
        });
      const { accepted, refused } = await outcomes(times(20, refund));
      assert.deepEqual([accepted, new Set(refused)], [6, new Set(['gift_cards.refund_exceeds_redemption'])]);
      assert.equal(await scenario.balance(cardId), 9_990n);
      await scenario.reconciles();
    },
  },
  {
    title: 'ends a hold once, by capture or by release',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const holdId = await scenario.hold(cardId, 'order', 4_000n);
      const end = (index: number) =>
        scenario.update({ holdIds: [holdId] }, (book) => {
          const card = present(book.card(cardId));
          const moment = momentOf(book);
          const next = index % 2 ? card.release(holdId, moment) : card.capture(holdId, randomUUID(), undefined, moment);
          return accept(null, { cards: [next] });
        });
      const { accepted, refused } = await outcomes(times(10, end));
      assert.deepEqual([accepted, new Set(refused)], [1, new Set(['gift_cards.hold_not_found'])]);
      await scenario.reconciles();
    },
  },
  {
    title: 'opens a hundred of a hundred and twenty holds that are asked for at once',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const { accepted, refused } = await outcomes(times(120, (index) => scenario.hold(cardId, `order-${index}`, 1n)));
      assert.deepEqual([accepted, new Set(refused)], [100, new Set(['gift_cards.too_many_holds'])]);
      const { openHolds, balanceMinor } = (await scenario.card(cardId)).toSnapshot();
      assert.deepEqual([openHolds.length, balanceMinor], [100, 9_900n]);
      await scenario.reconciles();
    },
  },
];
