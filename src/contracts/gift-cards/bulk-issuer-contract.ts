import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { BulkCard } from '../../application/gift-cards/bulk-issuer.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import type { GiftCardCapability, GiftCardCase, GiftCardSite } from './gift-card-site.ts';
import { newBatch, present, refusalOf, Scenario } from './scenario.ts';

/** Everything that a `BulkIssuer` promises, as tests of one adapter, called `name`. */
export function bulkIssuerContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<GiftCardSite>,
  lacks: readonly GiftCardCapability[] = [],
): void {
  declareContract(runner, `The bulk issuer of ${name}`, open, CASES, lacks);
}

const bulkCards = (count: number): BulkCard[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ id: randomUUID(), codeIndex: randomUUID(), entryId: randomUUID() },
    lastFour: String(index).padStart(4, '0'),
  }));

async function storedBatch(scenario: Scenario, differing: Partial<Batch> = {}): Promise<Batch> {
  const batch = newBatch(await scenario.site.reader.now(), differing);
  await scenario.store({ batches: [batch] });
  return batch;
}

const issueSet = (scenario: Scenario, batch: Batch, fromIndex: number, cards: readonly BulkCard[]) =>
  scenario.site.bulkIssuer.issue(scenario.context(), batch, fromIndex, 'pepper-1', cards);

const issue = async (...args: Parameters<typeof issueSet>): Promise<Batch> => (await issueSet(...args)).batch;

const eventsOf = ({ site, tenant }: Scenario, batch: Batch) =>
  site.log.readStream(tenant, `gift_card_batch:${batch.id}`, 1, 100);

const CASES: readonly GiftCardCase[] = [
  {
    title: 'issues the cards of a batch set by set until it is ready',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario, { expiresAt: new Date('2099-01-01T00:00:00.000Z') });
      const cards = bulkCards(10);
      const half = await issue(scenario, batch, 0, cards.slice(0, 6));
      assert.deepEqual(half, { ...batch, createdCount: 6 });
      const ready = await issue(scenario, half, 6, cards.slice(6));
      assert.deepEqual(ready, { ...batch, createdCount: 10, status: 'ready' });
      assert.deepEqual(await site.reader.batch(scenario.tenant, batch.id), ready);
      const issued = cards.map(({ id, codeIndex }) => ({ id, codeIndex, isVoided: false }));
      assert.deepEqual(await site.reader.batchCards(scenario.tenant, batch.id, 0, 100), issued);
      assert.deepEqual(await site.reader.batchCards(scenario.tenant, batch.id, 4, 3), issued.slice(4, 7));
      assert.deepEqual(await site.reader.batchCards(scenario.tenant, batch.id, 10, 3), []);
      await scenario.reconciles();
    },
  },
  {
    title: 'issues cards like any other, but without events of their own',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario, { count: 1, expiresAt: new Date('2099-01-01T00:00:00.000Z') });
      const [bulk] = bulkCards(1);
      assert.ok(bulk !== undefined);
      await issue(scenario, batch, 0, [bulk]);
      const { createdAt, updatedAt, ...card } = present(
        await site.reader.find(scenario.tenant, { code: [bulk.codeIndex] }),
      ).toSnapshot();
      assert.deepEqual(createdAt, updatedAt);
      assert.deepEqual(card, {
        ...{ id: bulk.id, codeIndex: bulk.codeIndex, pepperId: 'pepper-1', prefix: 'PROMO', lastFour: '0000' },
        ...{ currency: 'USD', originalMinor: 500n, balanceMinor: 500n, version: 0, entryCount: 1, openHolds: [] },
        ...{ purchaserId: 'promotion', holderId: null, batchId: batch.id, expiresAt: batch.expiresAt },
        ...{ expiredAt: null, keptMinor: 0n, frozenAt: null, voidedAt: null, voidedBy: null, voidReason: null },
      });
      const [entry, ...others] = await scenario.journal(bulk.id);
      assert.deepEqual(others, []);
      assert.deepEqual(entry, {
        ...{ id: bulk.entryId, cardId: bulk.id, entryNumber: 1, type: 'creation', debit: 'promotion' },
        ...{ credit: `card:${bulk.id}`, amountMinor: 500n, currency: 'USD', orderId: null, referenceId: null },
        ...{ balanceBeforeMinor: 0n, balanceAfterMinor: 500n, metadata: {}, createdAt },
      });
      await scenario.redeem(bulk.id, 'order', 200n);
      const events = await scenario.events(bulk.id);
      assert.deepEqual(
        events.map(({ type, streamVersion }) => [type, streamVersion]),
        [['gift_card.redeemed', 1]],
      );
      await scenario.reconciles();
    },
  },
  {
    title: 'appends one event for each set, numbered without gaps, and tells its position',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario);
      const first = await issueSet(scenario, batch, 0, bulkCards(4));
      const second = await issueSet(scenario, first.batch, 4, bulkCards(6));
      const late = await issueSet(scenario, batch, 4, bulkCards(6));
      const events = await eventsOf(scenario, batch);
      assert.deepEqual(
        [...events.map(({ position }) => position), undefined],
        [first, second, late].map(({ position }) => position),
      );
      assert.deepEqual(
        events.map(({ type, streamVersion, payload }) => ({ type, streamVersion, ...payload })),
        [
          { streamVersion: 1, fromIndex: 0, count: 4 },
          { streamVersion: 2, fromIndex: 4, count: 6 },
        ].map((facts) => ({
          ...{ type: 'gift_card.batch_created', batchId: batch.id, amount: '5.00', currency: 'USD' },
          ...{
            purchaserId: 'promotion',
            prefix: batch.prefix,
            expiresAt: batch.expiresAt?.toISOString() ?? null,
            ...facts,
          },
        })),
      );
    },
  },
  {
    title: 'shows of its cards which have another code by now, and which were voided',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario, { count: 3 });
      const cards = bulkCards(3);
      await issue(scenario, batch, 0, cards);
      const [kept, replaced, voided] = cards.map(({ id, codeIndex }) => ({ id, codeIndex, isVoided: false }));
      assert.ok(kept && replaced && voided);
      const code = { codeIndex: randomUUID(), pepperId: 'pepper-1', prefix: 'GIFT', lastFour: 'W3QZ' };
      await scenario.change(replaced.id, (card, moment) => card.reissueCode(code, 'lost', moment));
      const by = { adminId: 'user:staff', reason: 'fraud', account: 'void' } as const;
      await scenario.change(voided.id, (card, moment) => card.void(by, moment));
      assert.deepEqual(await site.reader.batchCards(scenario.tenant, batch.id, 0, 100), [
        kept,
        { ...replaced, codeIndex: code.codeIndex },
        { ...voided, isVoided: true },
      ]);
    },
  },
  {
    title: 'does nothing from another index than the next one',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario);
      const half = await issue(scenario, batch, 0, bulkCards(5));
      for (const fromIndex of [0, 4, 6]) {
        assert.deepEqual(await issue(scenario, batch, fromIndex, bulkCards(2)), half);
      }
      assert.equal((await site.reader.batchCards(scenario.tenant, batch.id, 0, 100)).length, 5);
      assert.equal((await eventsOf(scenario, batch)).length, 1);
    },
  },
  {
    title: 'lets one of several workers issue a set',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario);
      const results = await Promise.all(Array.from({ length: 8 }, () => issue(scenario, batch, 0, bulkCards(10))));
      for (const result of results) assert.deepEqual(result, { ...batch, createdCount: 10, status: 'ready' });
      assert.equal((await site.reader.batchCards(scenario.tenant, batch.id, 0, 100)).length, 10);
      assert.equal((await site.reader.reconcile(scenario.tenant)).cards, 10);
      assert.equal((await eventsOf(scenario, batch)).length, 1);
    },
  },
  {
    title: 'does nothing for a batch that is no longer running',
    async run(site) {
      const scenario = new Scenario(site);
      for (const status of ['ready', 'destroyed', 'cancelled'] as const) {
        const batch = await storedBatch(scenario, { status });
        assert.deepEqual(await issue(scenario, batch, 0, bulkCards(1)), batch);
      }
      assert.equal((await site.reader.reconcile(scenario.tenant)).cards, 0);
    },
  },
  {
    title: 'issues none of a set when one of its codes is taken, nor more cards than the batch has',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario, { count: 3 });
      const codeIndex = randomUUID();
      await scenario.issue({ codeIndex });
      const [first, second] = bulkCards(2);
      assert.ok(first !== undefined && second !== undefined);
      await assert.rejects(issue(scenario, batch, 0, [first, { ...second, codeIndex }]));
      await assert.rejects(issue(scenario, batch, 0, bulkCards(4)));
      assert.deepEqual(await site.reader.batch(scenario.tenant, batch.id), batch);
      assert.equal(await site.reader.find(scenario.tenant, { cardId: first.id }), undefined);
      assert.equal((await eventsOf(scenario, batch)).length, 0);
    },
  },
  {
    title: 'issues no cards that would be expired from the start',
    async run(site) {
      const scenario = new Scenario(site);
      const batch = await storedBatch(scenario, { expiresAt: new Date('2020-01-01T00:00:00.000Z') });
      await refusalOf(issue(scenario, batch, 0, bulkCards(2)), 'gift_cards.invalid_expiry');
      assert.deepEqual(await site.reader.batch(scenario.tenant, batch.id), batch);
      assert.equal((await site.reader.reconcile(scenario.tenant)).cards, 0);
    },
  },
  {
    title: 'refuses an unknown batch, also when it is known to another tenant',
    async run(site) {
      const [scenario, other] = [new Scenario(site), new Scenario(site)];
      const batch = await storedBatch(other);
      await refusalOf(issue(scenario, batch, 0, bulkCards(1)), 'gift_cards.batch_not_found');
      assert.deepEqual(await site.reader.batch(other.tenant, batch.id), batch);
    },
  },
];
