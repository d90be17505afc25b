import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { CardFilter, CommandReader, Page, Paged } from '../../application/gift-cards/gift-card-reader.ts';
import type { GiftCardBook } from '../../domain/gift-cards/gift-card-repository.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { RefundLeg } from '../../domain/gift-cards/records.ts';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, momentOf, newBatch, newIssue, present, refusalOf, Scenario, usd } from './scenario.ts';

/** All rows of a list, page by page; `between` is called once, after the first page. */
async function allPages<T>(
  read: (page: Page) => Promise<Paged<T>>,
  limit: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<readonly T[]> {
  const first = await read({ limit });
  await between();
  const items = [...first.items];
  let cursor = first.nextCursor;
  for (let pages = 1; cursor !== undefined; pages += 1) {
    assert.ok(pages < 100, 'The pages of a list come to no end.');
    const page = await read({ limit, cursor });
    assert.ok(page.items.length > 0 && page.items.length <= limit);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

/** Cards at different instants, oldest first. */
async function issueInTurn(scenario: Scenario, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    ids.push(await scenario.issue());
    await scenario.passTime(2);
  }
  return ids;
}

/** Lists and look-ups of the reader. */
export const listCases: readonly GiftCardCase[] = [
  {
    title: 'finds nothing under unknown ids and codes',
    async run({ reader }) {
      const [tenant, id] = [`tenant-${randomUUID()}`, randomUUID()];
      const found = [
        await reader.find(tenant, { cardId: id }),
        await reader.find(tenant, { code: [randomUUID(), randomUUID()] }),
        await reader.batch(tenant, id),
        await reader.recipient(tenant, id),
        await reader.delivery(tenant, id),
        await reader.deliveryOfCard(tenant, id),
      ];
      assert.deepEqual(found, Array(6).fill(undefined));
      assert.deepEqual(await reader.batchCards(tenant, id, 0, 10), []);
      assert.deepEqual((await reader.transactions(tenant, id, { limit: 10 })).items, []);
    },
  },
  {
    title: 'shows a card and its holds as they were at one instant, while holds come and go',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue({ amount: usd(100n) });
      let ended = false;
      const holding = (async () => {
        for (let time = 0; time < 50; time += 1) {
          const holdId = await scenario.hold(cardId, `order-${time}`, 60n);
          await scenario.change(cardId, (card, moment) => card.release(holdId, moment), { holdIds: [holdId] });
        }
      })().finally(() => (ended = true));
      while (!ended) {
        const { balanceMinor, openHolds } = (await scenario.card(cardId)).toSnapshot();
        const held = openHolds.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
        assert.equal(balanceMinor + held, 100n);
      }
      await holding;
    },
  },
  {
    title: 'lists cards newest first, page by page, each once, while others are added',
    async run(site) {
      const scenario = new Scenario(site);
      const ids = await issueInTurn(scenario, 7);
      const read = (page: Page) => site.reader.list(scenario.tenant, {}, page);
      const cards = await allPages(read, 3, () => issueInTurn(scenario, 4));
      assert.deepEqual(
        cards.map(({ id }) => id),
        [...ids].reverse(),
      );
    },
  },
  {
    title: 'lists cards of the same instant each once',
    async run(site) {
      const scenario = new Scenario(site);
      const ids = await Promise.all(Array.from({ length: 10 }, () => scenario.issue()));
      const cards = await allPages((page) => site.reader.list(scenario.tenant, {}, page), 3);
      assert.deepEqual(cards.map(({ id }) => id).sort(), ids.sort());
    },
  },
  {
    title: 'has no cursor behind a last page that is full',
    async run(site) {
      const scenario = new Scenario(site);
      await Promise.all([scenario.issue(), scenario.issue()]);
      assert.equal((await site.reader.list(scenario.tenant, {}, { limit: 2 })).nextCursor, undefined);
    },
  },
  {
    title: 'filters cards by purchaser, holder, owner, last four and batch, and by several of these',
    async run(site) {
      const scenario = new Scenario(site);
      const a = await scenario.issue({ purchaserId: 'ann', lastFour: 'AAAA' });
      const b = await scenario.issue({ purchaserId: 'ann', holderId: 'bob' });
      const c = await scenario.issue({ purchaserId: 'bob', lastFour: 'AAAA' });
      const batch = newBatch(await site.reader.now(), { count: 1 });
      await scenario.store({ batches: [batch] });
      const d = { id: randomUUID(), codeIndex: randomUUID(), lastFour: 'DDDD', entryId: randomUUID() };
      await site.bulkIssuer.issue(scenario.context(), batch, 0, 'pepper-1', [d]);
      const ids = async (filter: CardFilter) =>
        (await site.reader.list(scenario.tenant, filter, { limit: 10 })).items.map(({ id }) => id).sort();
      assert.deepEqual(await ids({ purchaserId: 'ann' }), [a, b].sort());
      assert.deepEqual(await ids({ holderId: 'bob' }), [b]);
      assert.deepEqual(await ids({ ownerId: 'bob' }), [b, c].sort());
      assert.deepEqual(await ids({ lastFour: 'AAAA' }), [a, c].sort());
      assert.deepEqual(await ids({ lastFour: 'AAAA', purchaserId: 'bob' }), [c]);
      assert.deepEqual(await ids({ batchId: batch.id }), [d.id]);
      assert.deepEqual(await ids({ purchaserId: 'nobody' }), []);
      assert.deepEqual(await ids({ status: undefined, batchId: undefined }), [a, b, c, d.id].sort());
    },
  },
  {
    title: "filters cards by their status at the store's present",
    async run(site) {
      const scenario = new Scenario(site);
      const ids = {
        active: await scenario.issue(),
        partially_redeemed: await scenario.issue(),
        fully_redeemed: await scenario.issue(),
        voided: await scenario.issue(),
        frozen: await scenario.issue(),
        expired: await scenario.issueFor(5),
      };
      await scenario.hold(ids.partially_redeemed, 'order', 10_000n);
      await scenario.redeem(ids.fully_redeemed, 'order', 10_000n);
      const by = { adminId: 'admin', reason: 'reason', account: 'void' } as const;
      await scenario.change(ids.voided, (card, moment) => card.void(by, moment));
      await scenario.change(ids.frozen, (card, moment) => card.freeze('reason', moment));
      await scenario.passTime(5);
      for (const [status, id] of Object.entries(ids) as [keyof typeof ids, string][]) {
        const { items } = await site.reader.list(scenario.tenant, { status }, { limit: 10 });
        assert.deepEqual(
          items.map((card) => card.id),
          [id],
          status,
        );
      }
    },
  },
  {
    title: "lists a card's journal newest first, page by page, while entries are added",
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const reload = () => scenario.change(cardId, (card, moment) => card.reload(usd(1n), 'reload', moment));
      for (let time = 1; time <= 6; time += 1) await reload();
      const read = (page: Page) => site.reader.transactions(scenario.tenant, cardId, page);
      const entries = await allPages(read, 3, reload);
      assert.deepEqual(
        entries.map(({ entryNumber }) => entryNumber),
        [7, 6, 5, 4, 3, 2, 1],
      );
    },
  },
  {
    title: 'refuses a cursor that is none',
    async run({ reader }) {
      const tenant = `tenant-${randomUUID()}`;
      for (const cursor of ['', 'rubbish', 'e30', 'bnVsbA', '\u{1f382}', `${'x'.repeat(500)}`]) {
        const page = { limit: 10, cursor };
        await refusalOf(reader.list(tenant, {}, page), 'request.invalid_input');
        await refusalOf(reader.transactions(tenant, randomUUID(), page), 'request.invalid_input');
        await refusalOf(reader.parkedLegs(tenant, { closed: false }, page), 'request.invalid_input');
      }
    },
  },
  {
    title:
      'lists parked refund legs oldest first, on request of one order or those closed, and none that found their money',
    async run(site) {
      const scenario = new Scenario(site);
      const receivedAt = await site.reader.now();
      const leg = (orderId: string, index: number, parkedMinor: bigint, closed = false): RefundLeg => ({
        ...{ orderId, refundId: 'refund', leg: index, cardId: randomUUID(), redemptionId: null, currency: 'USD' },
        ...{ amountMinor: 10n, parkedMinor, closed, receivedAt: new Date(receivedAt.getTime() - index) },
      });
      const legs = [leg('a', 1, 1n), leg('a', 2, 0n), leg('b', 3, 10n), leg('b', 4, 2n), leg('a', 5, 3n)];
      await scenario.store({ legs: [...legs, leg('a', 6, 4n, true), leg('b', 7, 0n, true), leg('b', 8, 5n, true)] });
      const places = async (orderId: string | undefined, closed = false) => {
        const found = await allPages((page) => site.reader.parkedLegs(scenario.tenant, { orderId, closed }, page), 2);
        return found.map((parked) => [parked.orderId, parked.leg, parked.parkedMinor]);
      };
      assert.deepEqual(await places(undefined), [
        ['a', 5, 3n],
        ['b', 4, 2n],
        ['b', 3, 10n],
        ['a', 1, 1n],
      ]);
      assert.deepEqual(await places('b'), [
        ['b', 4, 2n],
        ['b', 3, 10n],
      ]);
      assert.deepEqual(await places(undefined, true), [
        ['b', 8, 5n],
        ['a', 6, 4n],
      ]);
      assert.deepEqual(await places('a', true), [['a', 6, 4n]]);
    },
  },
  {
    title: 'finds the newest delivery of a card',
    async run(site) {
      const scenario = new Scenario(site);
      const [cardId, other] = [await scenario.issue(), await scenario.issue()];
      const now = await site.reader.now();
      const delivery = (ageMs: number, of: string) => ({
        ...{ id: randomUUID(), cardId: of, sealedCode: 'sealed', status: 'pending' as const, deliveredAt: null },
        createdAt: new Date(now.getTime() - ageMs),
      });
      const newest = delivery(10, cardId);
      await scenario.store({ deliveries: [delivery(20, cardId), newest, delivery(30, cardId), delivery(0, other)] });
      assert.deepEqual(present(await site.reader.deliveryOfCard(scenario.tenant, cardId)), newest);
    },
  },
  {
    title: "reads in the caller's transaction what that has stored, which nobody else sees",
    needs: 'transaction',
    async run(site) {
      const scenario = new Scenario(site);
      const { tenant } = scenario;
      const [issue, batch] = [newIssue(), newBatch(await site.reader.now(), { count: 1 })];
      const cardId = issue.id;
      const recipient = { cardId, email: 'friend@example.com', message: null };
      const delivery = {
        id: randomUUID(),
        cardId,
        sealedCode: 'sealed',
        status: 'pending',
        deliveredAt: null,
      } as const;
      const found = (reader: CommandReader) =>
        Promise.all([
          reader.find(tenant, { cardId }).then((card) => card?.id),
          reader.find(tenant, { code: [issue.codeIndex] }).then((card) => card?.id),
          reader.recipient(tenant, cardId).then((person) => person?.email),
          reader.deliveryOfCard(tenant, cardId).then((newest) => newest?.cardId),
          reader.batch(tenant, batch.id).then((stored) => stored?.id),
          reader.list(tenant, {}, { limit: 10 }).then(({ items }) => items.length),
        ]);
      await site.transaction?.(async (unit) => {
        const store = (book: GiftCardBook) => {
          const cards = [GiftCard.issue(issue, momentOf(book))];
          const deliveries = [{ ...delivery, createdAt: book.now }];
          return accept(null, { cards, recipients: [recipient], deliveries, batches: [batch] });
        };
        await scenario.update({}, store, { unit });
        const all = [cardId, cardId, recipient.email, cardId, batch.id, 1];
        assert.deepEqual(await found(site.reader.within(unit)), all);
        assert.deepEqual(await found(site.reader), [...Array(5).fill(undefined), 0]);
      });
    },
  },
];
