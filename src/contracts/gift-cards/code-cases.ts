import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, present, Scenario, usd } from './scenario.ts';

/** Cards are found by the keyed hashes of their codes, and each tenant's cards are its own. */
export const codeCases: readonly GiftCardCase[] = [
  {
    title: 'finds a card by whichever of several peppers it is stored under',
    async run(site) {
      const scenario = new Scenario(site);
      const [newest, older, oldest] = [randomUUID(), randomUUID(), randomUUID()];
      const cardId = await scenario.issue({ codeIndex: older });
      const code = [newest, older, oldest];
      const { answer } = await scenario.update({ codes: [code] }, (book) => accept(book.cardByCode(code)?.id ?? null));
      assert.equal(answer, cardId);
      assert.equal((await site.reader.find(scenario.tenant, { code }))?.id, cardId);
      assert.equal(await site.reader.find(scenario.tenant, { code: [newest, oldest] }), undefined);
    },
  },
  {
    title: 'finds two cards by their codes in one decision',
    async run(site) {
      const scenario = new Scenario(site);
      const [a, b] = [randomUUID(), randomUUID()];
      const ids = [await scenario.issue({ codeIndex: a }), await scenario.issue({ codeIndex: b })];
      const { answer } = await scenario.update({ codes: [[a], [b]] }, (book) =>
        accept([a, b].map((code) => book.cardByCode([code])?.id ?? null)),
      );
      assert.deepEqual(answer, ids);
    },
  },
  {
    title: 'finds a card under its new look-up key once it was moved to another pepper, without an event',
    async run(site) {
      const scenario = new Scenario(site);
      const [older, newest] = [randomUUID(), randomUUID()];
      const cardId = await scenario.issue({ codeIndex: older });
      await scenario.change(cardId, (card) => card.rekey(newest, 'pepper-2'));
      const found = present(await site.reader.find(scenario.tenant, { code: [newest] })).toSnapshot();
      assert.deepEqual([found.id, found.codeIndex, found.pepperId, found.version], [cardId, newest, 'pepper-2', 1]);
      assert.equal(await site.reader.find(scenario.tenant, { code: [older] }), undefined);
      const redeemed = await scenario.update({ codes: [[newest, older]] }, (book) =>
        accept(book.cardByCode([newest, older])?.id ?? null),
      );
      assert.equal(redeemed.answer, cardId);
    },
  },
  {
    title: 'moves a card to another pepper and pays with it in one decision',
    async run(site) {
      const scenario = new Scenario(site);
      const newest = randomUUID();
      const cardId = await scenario.issue();
      const payment = { id: randomUUID(), orderId: 'order', purpose: 'payment', amount: usd(1n) };
      await scenario.change(cardId, (card, moment) => card.rekey(newest, 'pepper-2').redeem(payment, moment));
      const found = present(await site.reader.find(scenario.tenant, { code: [newest] })).toSnapshot();
      assert.deepEqual([found.balanceMinor, found.version, found.entryCount], [9_999n, 2, 2]);
    },
  },
  {
    title: 'forgets a code that was replaced, and frees it for another card',
    async run(site) {
      const scenario = new Scenario(site);
      const [lost, fresh] = [randomUUID(), randomUUID()];
      const cardId = await scenario.issue({ codeIndex: lost });
      const code = { codeIndex: fresh, pepperId: 'pepper-1', prefix: 'GIFT', lastFour: '7777' };
      await scenario.change(cardId, (card, moment) => card.reissueCode(code, 'lost', moment));
      assert.equal(await site.reader.find(scenario.tenant, { code: [lost] }), undefined);
      assert.equal((await site.reader.find(scenario.tenant, { code: [fresh] }))?.toSnapshot().lastFour, '7777');
      const other = await scenario.issue({ codeIndex: lost });
      assert.equal((await site.reader.find(scenario.tenant, { code: [lost] }))?.id, other);
    },
  },
  {
    title: 'keeps the same code and the same order of two tenants apart',
    async run(site) {
      const [one, two] = [new Scenario(site), new Scenario(site)];
      const codeIndex = randomUUID();
      const ids = [await one.issue({ codeIndex }), await two.issue({ codeIndex })];
      for (const [index, scenario] of [one, two].entries()) {
        const cardId = ids[index] ?? '';
        await scenario.redeem(cardId, 'same order', BigInt(index + 1));
        assert.equal((await site.reader.find(scenario.tenant, { code: [codeIndex] }))?.id, cardId);
        const now = await site.reader.now();
        await scenario.store({ marks: [{ orderId: 'same order', cancelledAt: now, marksUntil: now }] });
      }
      for (const [index, scenario] of [one, two].entries()) {
        const { answer } = await scenario.update({ orderIds: ['same order'], codes: [[codeIndex]] }, (book) =>
          accept([
            book.cardByCode([codeIndex])?.id ?? null,
            ...book.redemptionsOfOrder('same order').map(({ amountMinor }) => amountMinor.toString()),
          ]),
        );
        assert.deepEqual(answer, [ids[index], String(index + 1)]);
      }
    },
  },
  {
    title: "shows nobody another tenant's records",
    async run(site) {
      const [one, two] = [new Scenario(site), new Scenario(site)];
      const cardId = await one.issue();
      const [redemptionId, holdId] = [await one.redeem(cardId, 'order', 1n), await one.hold(cardId, 'order', 1n)];
      const { answer } = await two.update(
        { cardIds: [cardId], redemptionIds: [redemptionId], holdIds: [holdId], orderIds: ['order'] },
        (book) => {
          const single = [book.card(cardId), book.redemption(redemptionId), book.hold(holdId)];
          const all = [...single, ...book.redemptionsOfOrder('order'), ...book.holdsOfOrder('order')];
          return accept(all.filter((found) => found !== undefined).length);
        },
      );
      assert.equal(answer, 0);
      assert.equal(await site.reader.find(two.tenant, { cardId }), undefined);
      assert.deepEqual(await site.reader.transactions(two.tenant, cardId, { limit: 10 }), {
        items: [],
        nextCursor: undefined,
      });
      assert.deepEqual((await site.reader.list(two.tenant, {}, { limit: 10 })).items, []);
      assert.deepEqual((await site.reader.reconcile(two.tenant)).cards, 0);
    },
  },
];
