import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GiftCardSnapshot } from '../../domain/gift-cards/card-state.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { RefundLeg } from '../../domain/gift-cards/records.ts';
import { MAX_MINOR, Money } from '../../domain/shared/money.ts';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, momentOf, newBatch, newIssue, present, Scenario, usd, type Change } from './scenario.ts';

const ODD_TEXTS = [
  'Bestellung №42 – „Grüße“',
  '注文番号𝟜𝟚 👩‍👩‍👧‍👦',
  'e\u0301 is not \u00e9',
  `'; DROP TABLE orders; --`,
  'back\\slash "quote" %_$1 {}',
  '__proto__',
  'null',
  'عربى ' + 'x'.repeat(195),
];

/** What is stored comes back exactly as it was. */
export const recordCases: readonly GiftCardCase[] = [
  {
    title: 'gives a card back with every field, its dates to the millisecond',
    async run(site) {
      const scenario = new Scenario(site);
      const expiresAt = new Date('9999-12-31T23:59:59.999Z');
      const codeIndex = randomUUID();
      const fields = {
        codeIndex,
        pepperId: 'pepper-2024',
        prefix: 'SHOP12',
        lastFour: '0Z9K',
        batchId: null,
        expiresAt,
      };
      const cardId = await scenario.issue({ ...fields, purchaserId: 'ürsula@x', holderId: '持有人' });
      const { createdAt, updatedAt, ...card } = (await scenario.card(cardId)).toSnapshot();
      assert.deepEqual(card, {
        ...{ id: cardId, ...fields, purchaserId: 'ürsula@x', holderId: '持有人', currency: 'USD' },
        ...{ originalMinor: 10_000n, balanceMinor: 10_000n, version: 1, entryCount: 1, openHolds: [] },
        ...{ expiredAt: null, keptMinor: 0n, frozenAt: null, voidedAt: null, voidedBy: null, voidReason: null },
      });
      assert.deepEqual(createdAt, updatedAt);
      const [entry] = await scenario.journal(cardId);
      assert.deepEqual(entry?.createdAt, createdAt);
    },
  },
  {
    title: 'keeps null apart from dates and names: no expiry, no holder',
    async run(site) {
      const scenario = new Scenario(site);
      const { expiresAt, holderId, batchId } = (await scenario.card(await scenario.issue())).toSnapshot();
      assert.deepEqual([expiresAt, holderId, batchId], [null, null, null]);
    },
  },
  {
    title: 'gives a card back as each of its changes left it',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issueFor(86_400_000);
      const redemptionId = await scenario.redeem(cardId, 'order', 300n);
      const holdIds = [await scenario.hold(cardId, 'order', 20n), await scenario.hold(cardId, 'order', 30n)];
      const code = { codeIndex: randomUUID(), pepperId: 'pepper-2', prefix: 'NEW', lastFour: '2222' };
      const donor = GiftCard.restore((await scenario.card(await scenario.issueFor(3_600_000))).toSnapshot());
      const changes: readonly Change[] = [
        (card, moment) => card.reload(usd(7n), 'reload', moment),
        (card, moment) => card.capture(holdIds[0] ?? '', randomUUID(), usd(5n), moment),
        (card, moment) => card.release(holdIds[1] ?? '', moment),
        (card, moment, book) => card.refund(present(book.redemption(redemptionId)), 'refund', usd(9n), moment),
        (card, moment) => card.transferIn(randomUUID(), donor, usd(11n), true, moment),
        (card, moment) => card.transferOut(randomUUID(), randomUUID(), usd(13n), moment),
        (card, moment) => card.freeze('Ünklar?', moment),
        (card, moment) => card.unfreeze('klar', moment),
        (card, moment) => card.reissueCode(code, 'lost', moment),
        (card) => card.rekey(randomUUID(), 'pepper-3'),
        (card, moment) => card.extendExpiry(null, 'reason', moment),
        (card, moment) => card.freeze('again', moment),
        (card, moment) => card.void({ adminId: 'admin', reason: 'Fälschung “X”', account: 'void' }, moment),
      ];
      for (const [index, change] of changes.entries()) {
        let left: GiftCardSnapshot | undefined;
        await scenario.update({ cardIds: [cardId], redemptionIds: [redemptionId] }, (book) => {
          const card = change(present(book.card(cardId)), momentOf(book), book);
          left = card.toSnapshot();
          return accept(null, { cards: [card] });
        });
        assert.deepEqual((await scenario.card(cardId)).toSnapshot(), left, `change ${index}`);
      }
    },
  },
  {
    title: 'keeps what was refunded after the expiry, and when that was booked',
    async run(site) {
      const scenario = new Scenario(site);
      const [cardId, redemptionId] = [randomUUID(), randomUUID()];
      const payment = { id: redemptionId, orderId: 'order', purpose: 'payment', amount: usd(300n) };
      await scenario.update({}, (book) => {
        const issue = newIssue({ id: cardId, expiresAt: new Date(book.now.getTime() + 5) });
        return accept(null, { cards: [GiftCard.issue(issue, momentOf(book)).redeem(payment, momentOf(book))] });
      });
      await scenario.passTime(5);
      await scenario.change(
        cardId,
        (card, moment, book) => card.refund(present(book.redemption(redemptionId)), 'refund', usd(100n), moment),
        { redemptionIds: [redemptionId] },
      );
      assert.equal((await scenario.card(cardId)).toSnapshot().keptMinor, 100n);
      await scenario.change(cardId, (card, moment) => present(card.expire('breakage', moment)));
      const { balanceMinor, expiredAt } = (await scenario.card(cardId)).toSnapshot();
      assert.deepEqual([balanceMinor, expiredAt instanceof Date], [100n, true]);
      await scenario.reconciles();
    },
  },
  {
    title: 'keeps the largest amount that there is, in currencies of no, two and three decimals',
    async run(site) {
      const scenario = new Scenario(site);
      for (const currency of ['JPY', 'USD', 'KWD']) {
        const cardId = await scenario.issue({ amount: Money.ofMinor(MAX_MINOR, currency) });
        await scenario.redeem(cardId, 'order', MAX_MINOR);
        const [created, redeemed] = await scenario.journal(cardId);
        assert.deepEqual([created?.amountMinor, redeemed?.balanceBeforeMinor], [MAX_MINOR, MAX_MINOR]);
        assert.deepEqual((await scenario.card(cardId)).toSnapshot().originalMinor, MAX_MINOR);
        assert.equal(await scenario.balance(cardId), 0n);
      }
      await scenario.reconciles();
    },
  },
  {
    title: 'keeps order ids of any characters, and takes none for another',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      for (const orderId of ODD_TEXTS) await scenario.redeem(cardId, orderId, 1n);
      for (const orderId of ODD_TEXTS) {
        const { answer } = await scenario.update({ orderIds: [orderId] }, (book) =>
          accept(book.redemptionsOfOrder(orderId).map((redemption) => redemption.orderId)),
        );
        assert.deepEqual(answer, [orderId]);
      }
      const entries = await scenario.journal(cardId);
      assert.deepEqual(
        entries.slice(1).map(({ orderId }) => orderId),
        ODD_TEXTS,
      );
    },
  },
  {
    title: 'keeps redemptions and what was refunded of them',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const id = await scenario.redeem(cardId, 'order', 700n);
      await scenario.update({ redemptionIds: [id] }, (book) => {
        const card = present(book.card(cardId));
        const moment = { now: book.now, newId: randomUUID };
        return accept(null, { cards: [card.refund(present(book.redemption(id)), 'refund', usd(200n), moment)] });
      });
      let stored: unknown;
      await scenario.update({ redemptionIds: [id] }, (book) => {
        stored = book.redemption(id);
        return accept(null);
      });
      const [, entry] = await scenario.journal(cardId);
      assert.deepEqual(stored, {
        ...{ id, cardId, orderId: 'order', purpose: id.slice(0, 8), currency: 'USD', amountMinor: 700n },
        ...{ refundedMinor: 200n, balanceAfterMinor: 9_300n, createdAt: entry?.createdAt },
      });
    },
  },
  {
    title: 'keeps open holds with their card, and ended ones with their order',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const [first, second] = [await scenario.hold(cardId, 'order', 100n), await scenario.hold(cardId, 'order', 200n)];
      await scenario.change(cardId, (card, moment) => card.release(first, moment));
      const { openHolds } = (await scenario.card(cardId)).toSnapshot();
      assert.deepEqual(
        openHolds.map(({ id, amountMinor, status, endedAt }) => [id, amountMinor, status, endedAt]),
        [[second, 200n, 'open', null]],
      );
      const { answer } = await scenario.update({ holdIds: [first] }, (book) => {
        const ended = present(book.hold(first));
        const ofOrder = book.holdsOfOrder('order').map(({ id }) => id);
        return accept([ended.status, ended.endedAt === null, ended.balanceAfterMinor.toString(), ofOrder.length]);
      });
      assert.deepEqual(answer, ['released', false, '9900', 2]);
    },
  },
  {
    title: 'keeps refund legs, what is parked of each, and whether it is closed',
    async run(site) {
      const scenario = new Scenario(site);
      const receivedAt = await site.reader.now();
      const leg = (refundId: string, index: number, parkedMinor: bigint): RefundLeg => ({
        ...{ orderId: 'örder', refundId, leg: index, cardId: null, redemptionId: randomUUID(), currency: 'KWD' },
        ...{ amountMinor: MAX_MINOR, parkedMinor, closed: false, receivedAt },
      });
      const legs = [leg('refund', 0, MAX_MINOR), leg('refund', 1, 0n), leg('другой', 0, 5n)];
      await scenario.store({ legs });
      const changed = { ...leg('refund', 0, 7n), redemptionId: legs[0]?.redemptionId ?? null, closed: true };
      await scenario.store({ legs: [changed] });
      let stored: readonly RefundLeg[] = [];
      await scenario.update({ orderIds: ['örder'] }, (book) => {
        stored = book.legsOfOrder('örder');
        return accept(null);
      });
      const byName = (a: RefundLeg, b: RefundLeg) => a.refundId.localeCompare(b.refundId) || a.leg - b.leg;
      assert.deepEqual([...stored].sort(byName), [changed, ...legs.slice(1)].sort(byName));
    },
  },
  {
    title: 'keeps marks of orders, and replaces them',
    async run(site) {
      const scenario = new Scenario(site);
      const mark = { orderId: 'order', cancelledAt: new Date('2030-02-28T23:59:59.001Z') };
      await scenario.store({ marks: [{ ...mark, marksUntil: new Date('2030-03-01T00:00:00.000Z') }] });
      await scenario.store({ marks: [{ ...mark, marksUntil: new Date('2031-03-01T00:00:00.000Z') }] });
      const { answer } = await scenario.update({ orderIds: ['order'] }, (book) => {
        const { cancelledAt, marksUntil } = present(book.markOfOrder('order'));
        return accept([cancelledAt.toISOString(), marksUntil.toISOString()]);
      });
      assert.deepEqual(answer, ['2030-02-28T23:59:59.001Z', '2031-03-01T00:00:00.000Z']);
    },
  },
  {
    title: 'keeps recipients, deliveries and batches, and replaces them',
    async run(site) {
      const scenario = new Scenario(site);
      const now = await site.reader.now();
      const cardId = await scenario.issue();
      const recipient = { cardId, email: 'grüße@example.com', message: 'Alles Gute! 🎂\n"…"' };
      const delivery = { id: randomUUID(), cardId, sealedCode: '1.p.abc', createdAt: now, deliveredAt: null };
      const batch = newBatch(now, { prefix: 'B2B', codeLength: 31, expiresAt: now, amountMinor: MAX_MINOR });
      await scenario.store({
        recipients: [{ ...recipient, message: null }],
        deliveries: [{ ...delivery, status: 'pending' }],
        batches: [batch],
      });
      const delivered = { ...delivery, sealedCode: null, status: 'delivered', deliveredAt: now } as const;
      const destroyed = { ...batch, createdCount: 10, sealedSeed: null, status: 'destroyed' } as const;
      await scenario.store({ recipients: [recipient], deliveries: [delivered], batches: [destroyed] });
      assert.deepEqual(await site.reader.recipient(scenario.tenant, cardId), recipient);
      assert.deepEqual(await site.reader.delivery(scenario.tenant, delivery.id), delivered);
      assert.deepEqual(await site.reader.batch(scenario.tenant, batch.id), destroyed);
    },
  },
];
