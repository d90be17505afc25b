import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { InsufficientBalance } from '../../domain/gift-cards/errors.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import { refuse, type NewEvent } from '../../domain/shared/decision.ts';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, momentOf, newIssue, newReceipt, present, refusalOf, Scenario, usd } from './scenario.ts';

/** What is stored, and what is not. */
export const updateCases: readonly GiftCardCase[] = [
  {
    title: 'stores what an accepted decision changes, and answers with its answer',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const { answer, replayed, sealed } = await scenario.change(cardId, (card, moment) =>
        card.reload(usd(250n), 'reload-1', moment),
      );
      assert.deepEqual({ answer, replayed, sealed }, { answer: '10250', replayed: false, sealed: undefined });
      assert.equal(await scenario.balance(cardId), 10_250n);
      const entries = (await scenario.journal(cardId)).map(({ type, amountMinor }) => [type, amountMinor]);
      assert.deepEqual(entries, [
        ['creation', 10_000n],
        ['reload', 250n],
      ]);
    },
  },
  {
    title: 'shows a decision nothing under unknown ids',
    async run(site) {
      const scenario = new Scenario(site);
      const [id, code] = [randomUUID(), randomUUID()];
      const ids = { cardIds: [id], redemptionIds: [id], holdIds: [id], orderIds: [id], deliveryIds: [id] };
      const seen = await scenario.update({ ...ids, batchIds: [id], codes: [[code]], cardsOfOrders: true }, (book) => {
        const single = [book.card(id), book.cardByCode([code]), book.redemption(id), book.hold(id)];
        const others = [book.markOfOrder(id), book.delivery(id), book.batch(id)];
        const lists = [book.redemptionsOfOrder(id), book.holdsOfOrder(id), book.legsOfOrder(id)];
        return accept([...single, ...others, ...lists.flat()].filter((found) => found !== undefined).length);
      });
      assert.equal(seen.answer, 0);
    },
  },
  {
    title: "gives decisions the store's own time",
    async run(site) {
      const scenario = new Scenario(site);
      const before = await site.reader.now();
      const { answer } = await scenario.update({}, (book) => accept(book.now.getTime()));
      const after = await site.reader.now();
      assert.ok(before.getTime() <= answer && answer <= after.getTime());
    },
  },
  {
    title: 'appends the events in order and names the position up to which they are visible',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const twice = await scenario.change(
        cardId,
        (card, moment) => card.reload(usd(1n), 'first', moment).reload(usd(2n), 'second', moment),
        {},
        { actor: 'user:7', correlationId: 'correlation', causationId: 'cause', traceParent: 'trace' },
      );
      await site.log.reached(present(twice.position));
      const events = await scenario.events(cardId);
      assert.deepEqual(
        events.map(({ type, streamVersion, payload }) => [type, streamVersion, payload['reloadId'] ?? null]),
        [
          ['gift_card.created', 1, null],
          ['gift_card.reloaded', 2, 'first'],
          ['gift_card.reloaded', 3, 'second'],
        ],
      );
      const last = present(events.at(-1));
      assert.equal(last.position, twice.position);
      const { tenant, actor, correlationId, causationId, traceParent, schemaVersion } = last;
      assert.deepEqual(
        { tenant, actor, correlationId, causationId, traceParent, schemaVersion },
        {
          ...{ tenant: scenario.tenant, actor: 'user:7', correlationId: 'correlation' },
          ...{ causationId: 'cause', traceParent: 'trace', schemaVersion: 1 },
        },
      );
    },
  },
  {
    title: 'has no position where no event was written',
    async run(site) {
      const { position } = await new Scenario(site).update({}, () => accept('nothing'));
      assert.equal(position, undefined);
    },
  },
  {
    title: 'logs job requests behind the events, each with the id that it was given',
    async run(site) {
      const scenario = new Scenario(site);
      const [id, runAt] = [randomUUID(), new Date('2031-05-06T07:08:09.123Z')];
      const { position = 0n } = await scenario.update({}, () => ({
        ...accept(null),
        requests: [
          { id, type: 'gift-cards.send', payload: { text: 'ünï' }, priority: 'high_priority', runAt },
          { type: 'gift-cards.other', payload: {}, concurrencyKey: 'one' },
        ],
      }));
      await site.log.reached(position);
      const { tenant } = scenario;
      const { events } = await site.log.read(position - 2n, 10, { tenant, types: ['job.requested'] });
      assert.deepEqual(
        events.map(({ payload }) => payload),
        [
          {
            ...{ type: 'gift-cards.send', payload: { text: 'ünï' }, priority: 'high_priority' },
            ...{ runAt: runAt.toISOString(), concurrencyKey: null },
          },
          { type: 'gift-cards.other', payload: {}, priority: 'default', runAt: null, concurrencyKey: 'one' },
        ],
      );
      assert.equal(events[0]?.eventId, id);
    },
  },
  {
    title: 'leaves nothing behind when a decision fails unexpectedly, not even its receipt',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const receipt = newReceipt();
      const failing = scenario.change(
        cardId,
        (card, moment) => {
          card.reload(usd(5n), 'lost', moment);
          throw new TypeError('boom');
        },
        {},
        { receipt },
      );
      await assert.rejects(failing, /boom/);
      assert.equal((await scenario.journal(cardId)).length, 1);
      assert.equal((await scenario.events(cardId)).length, 1);
      const again = await scenario.change(
        cardId,
        (card, moment) => card.reload(usd(5n), 'kept', moment),
        {},
        { receipt },
      );
      assert.deepEqual([again.answer, again.replayed], ['10005', false]);
    },
  },
  {
    title: 'changes nothing when a decision refuses, by word or by throwing',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      await refusalOf(scenario.redeem(cardId, 'order', 10_001n), 'gift_cards.insufficient_balance');
      const refused = scenario.update({ cardIds: [cardId] }, () => refuse(new InsufficientBalance('No.', { a: [1] })));
      const error = await refusalOf(refused, 'gift_cards.insufficient_balance');
      assert.deepEqual([error.message, error.details], ['No.', { a: [1] }]);
      assert.equal((await scenario.journal(cardId)).length, 1);
      assert.equal((await scenario.events(cardId)).length, 1);
    },
  },
  {
    title: 'keeps the events that a refusal asks for',
    async run(site) {
      const scenario = new Scenario(site);
      const stream = `audit:${randomUUID()}`;
      const audit: NewEvent = { stream, streamVersion: 1, type: 'audit.refused', payload: { why: 'no' } };
      const refused = scenario.update({}, () => refuse(new InsufficientBalance('No.'), [audit]));
      await refusalOf(refused, 'gift_cards.insufficient_balance');
      const [event] = await site.log.readStream(scenario.tenant, stream, 1, 10);
      assert.deepEqual(event?.payload, { why: 'no' });
    },
  },
  {
    title: 'stores no card that was changed on a state which is not the stored one',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const stale = await scenario.card(cardId);
      await scenario.change(cardId, (card, moment) => card.reload(usd(1n), 'meanwhile', moment));
      const lost = scenario.change(cardId, (_card, moment) => stale.reload(usd(2n), 'on stale state', moment));
      await assert.rejects(lost);
      assert.equal(await scenario.balance(cardId), 10_001n);
      assert.equal((await scenario.events(cardId)).length, 2);
      await scenario.reconciles();
    },
  },
  {
    title: 'stores no second card under the same code, nor anything else of such a decision',
    async run(site) {
      const scenario = new Scenario(site);
      const codeIndex = randomUUID();
      const first = await scenario.issue({ codeIndex });
      const other = newIssue();
      const clash = scenario.update({}, (book) => {
        const issues = [other, newIssue({ codeIndex })];
        return accept(null, { cards: issues.map((issue) => GiftCard.issue(issue, momentOf(book))) });
      });
      await assert.rejects(clash);
      assert.equal(await site.reader.find(scenario.tenant, { cardId: other.id }), undefined);
      assert.equal((await site.reader.find(scenario.tenant, { code: [codeIndex] }))?.id, first);
    },
  },
  {
    title: 'stores no second redemption of a card for the same order and purpose',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const redeem = () =>
        scenario.change(cardId, (card, moment) =>
          card.redeem({ id: randomUUID(), orderId: 'order', purpose: 'payment', amount: usd(10n) }, moment),
        );
      await redeem();
      await assert.rejects(redeem());
      assert.equal(await scenario.balance(cardId), 9_990n);
    },
  },
  {
    title: 'does not carry out a command whose signal was aborted before',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const reload = scenario.change(
        cardId,
        (card, moment) => card.reload(usd(1n), 'late', moment),
        {},
        { signal: AbortSignal.abort() },
      );
      await refusalOf(reload, 'request.deadline_exceeded');
      assert.equal(await scenario.balance(cardId), 10_000n);
    },
  },
  {
    title: "stores an outcome with the caller's transaction and with no other",
    needs: 'transaction',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const receipt = newReceipt();
      const reload = (unit: unknown) =>
        scenario.change(cardId, (card, moment) => card.reload(usd(1n), 'joined', moment), {}, { unit, receipt });
      const rolledBack = site.transaction?.(async (unit) => {
        await reload(unit);
        throw new Error('rolled back');
      });
      await assert.rejects(rolledBack ?? Promise.resolve(), /rolled back/);
      assert.deepEqual([await scenario.balance(cardId), (await scenario.events(cardId)).length], [10_000n, 1]);
      await site.transaction?.(async (unit) => assert.equal((await reload(unit)).replayed, false));
      assert.deepEqual([await scenario.balance(cardId), (await scenario.events(cardId)).length], [10_001n, 2]);
    },
  },
];
