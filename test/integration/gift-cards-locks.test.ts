import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { accept, newBatch, refusalOf, type Scenario } from '../../src/contracts/gift-cards/scenario.ts';
import type { GiftCardBook } from '../../src/domain/gift-cards/gift-card-repository.ts';
import type { Delivery } from '../../src/domain/gift-cards/records.ts';
import { instancesSite, percentile, scenarioOf, transfer, type InstancesSite } from '../support/chaos-instances.ts';

const LOCKED_MS = 2_000;
/** As many connections as a server has by default: one lane for all that waits. */
const SMALLEST = { maxBatches: 2, maxLanes: 1 } as const;

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Runs a command again and again, in several places at once, until time is up; resolves to how long each took. */
async function measure(callers: number, until: AbortSignal, command: () => Promise<unknown>): Promise<number[]> {
  const tookMs: number[] = [];
  const caller = async (): Promise<void> => {
    while (!until.aborted) {
      const startedAt = performance.now();
      await command();
      tookMs.push(performance.now() - startedAt);
    }
  };
  await Promise.all(times(callers, caller));
  return tookMs;
}

/** The time that nineteen in twenty commands need on the cards given. */
async function usualMs(scenario: Scenario, cardIds: readonly string[], until: AbortSignal): Promise<number> {
  let order = 0;
  const redeem = (): Promise<unknown> => {
    order += 1;
    const cardId = cardIds[Math.floor(Math.random() * cardIds.length)] as string;
    return scenario.redeem(cardId, `order-${order}-${Math.random()}`, 1n);
  };
  return percentile(await measure(20, until, redeem), 0.95);
}

/** Commands on other rows are as fast as ever, and far faster than the lock lasts, whatever the machine does besides. */
function expectUndisturbed(calmMs: number, lockedMs: number): void {
  expect(lockedMs).to.be.lessThan(Math.max(5 * calmMs, LOCKED_MS / 20));
  expect(lockedMs).to.be.lessThan(Math.max(2 * calmMs, LOCKED_MS / 4));
}

/** Tells of which tables the row with this id is seen. */
const seeing = (id: string) => (book: GiftCardBook) =>
  accept([...(book.delivery(id) ? ['deliveries'] : []), ...(book.batch(id) ? ['batches'] : [])]);

const lockCard = `SELECT FROM gift_cards.cards WHERE id = $1 FOR UPDATE`;
const lockOrder = `SELECT pg_advisory_xact_lock(hashtextextended('gift_cards.order:' || $1 || ':' || $2, 0))`;

describe('locks of gift cards', function () {
  this.timeout(30_000);
  let site: InstancesSite;
  before(async () => {
    site = await instancesSite();
  });
  after(() => site.close());

  describe('transfers that cross', () => {
    for (const [title, options] of [
      ['two instances', {}],
      ['two instances with the fewest connections', SMALLEST],
      ['two instances without group commit', { maxBatchSize: 1 }],
    ] as const) {
      it(`never lock each other: ${title}, 50 clients`, async () => {
        const scenario = scenarioOf(site, site.open(options), site.open(options));
        const [a, b, c] = [await scenario.issue(), await scenario.issue(), await scenario.issue()] as const;
        const ways = [[a, b], [b, a], [b, c], [c, b]] as const; // prettier-ignore
        const client = async (index: number): Promise<void> => {
          for (let turn = 0; turn < 8; turn += 1) {
            const [from, to] = ways[(index + turn) % ways.length] as (typeof ways)[number];
            await transfer(scenario, from, to, 10n);
          }
        };
        // A deadlock, if one came, would reject one of these; the deadlock detector alone would take a second each.
        await Promise.all(times(50, client));
        const balances = await Promise.all([a, b, c].map((id) => scenario.balance(id)));
        expect(balances.reduce((sum, balance) => sum + balance, 0n)).to.equal(30_000n);
        expect(balances).to.deep.equal([10_000n, 10_000n, 10_000n]);
        await scenario.reconciles();
      });
    }
  });

  describe("a stranger's open transaction", () => {
    it('on a card delays commands on that card only', async () => {
      const scenario = scenarioOf(site, site.open(SMALLEST));
      const others = await Promise.all(times(40, () => scenario.issue()));
      const held = await scenario.issue();
      const calmMs = await usualMs(scenario, others, AbortSignal.timeout(1_000));

      const stranger = await site.stranger();
      await stranger.query(lockCard, [held]);
      let settled = 0;
      const waiting = [
        ...times(10, (index) => scenario.redeem(held, `held-${index}`, 1n)),
        // These need one of the other cards as well: it must not wait with them.
        ...times(10, (index) => transfer(scenario, others[index] as string, held, 1n)),
        ...times(10, (index) => transfer(scenario, held, others[index] as string, 1n)),
      ].map((command) => command.finally(() => (settled += 1)));
      const lockedMs = await usualMs(scenario, others, AbortSignal.timeout(LOCKED_MS));
      expect(settled, 'commands on the card that did not wait').to.equal(0);
      expectUndisturbed(calmMs, lockedMs);

      await stranger.query('COMMIT');
      await Promise.all(waiting);
      expect(await scenario.balance(held)).to.equal(9_990n);
      const afterMs = await usualMs(scenario, [...others, held], AbortSignal.timeout(500));
      expectUndisturbed(calmMs, afterMs);
      await scenario.reconciles();
    });

    it('on an order delays commands on that order only', async () => {
      const scenario = scenarioOf(site, site.open(SMALLEST));
      const cards = await Promise.all(times(20, () => scenario.issue()));
      const calmMs = await usualMs(scenario, cards, AbortSignal.timeout(1_000));

      const stranger = await site.stranger();
      await stranger.query(lockOrder, [scenario.tenant, 'held']);
      let settled = 0;
      const waiting = cards.map((cardId) => scenario.redeem(cardId, 'held', 1n).finally(() => (settled += 1)));
      const lockedMs = await usualMs(scenario, cards, AbortSignal.timeout(LOCKED_MS));
      expect(settled, 'commands on the order that did not wait').to.equal(0);
      expectUndisturbed(calmMs, lockedMs);

      await stranger.query('COMMIT');
      await Promise.all(waiting);
      await scenario.reconciles();
    });

    for (const [kind, table, keysOf] of [
      ['a delivery', 'deliveries', (id: string) => ({ deliveryIds: [id] })],
      ['a batch', 'batches', (id: string) => ({ batchIds: [id] })],
    ] as const) {
      it(`on ${kind} delays commands on that one only`, async () => {
        const scenario = scenarioOf(site, site.open(SMALLEST));
        const cards = await Promise.all(times(20, () => scenario.issue()));
        const now = await site.reader.now();
        const batch = newBatch(now);
        // One id for both: what names the one may not wait for the other.
        const { id } = batch;
        const cardId = cards[0] as string;
        const delivery: Delivery = {
          id,
          cardId,
          sealedCode: null,
          status: 'pending',
          createdAt: now,
          deliveredAt: null,
        };
        await scenario.store({ batches: [batch], deliveries: [delivery] });
        const calmMs = await usualMs(scenario, cards, AbortSignal.timeout(1_000));

        const stranger = await site.stranger();
        await stranger.query(`SELECT FROM gift_cards.${table} WHERE id = $1 FOR UPDATE`, [id]);
        let settled = 0;
        const waiting = cards.map((card) =>
          scenario.update({ ...keysOf(id), cardIds: [card] }, seeing(id)).finally(() => (settled += 1)),
        );
        const lockedMs = await usualMs(scenario, cards, AbortSignal.timeout(LOCKED_MS));
        expect(settled, 'commands on it that did not wait').to.equal(0);
        expectUndisturbed(calmMs, lockedMs);

        await stranger.query('COMMIT');
        for (const { answer } of await Promise.all(waiting)) expect(answer).to.deep.equal([table]);
        await scenario.reconciles();
      });
    }

    it('on many cards delays no others, however few connections there are', async () => {
      const scenario = scenarioOf(site, site.open(SMALLEST));
      const [held, others] = [
        await Promise.all(times(10, () => scenario.issue())),
        await Promise.all(times(20, () => scenario.issue())),
      ];
      const calmMs = await usualMs(scenario, others, AbortSignal.timeout(1_000));

      const stranger = await site.stranger();
      for (const cardId of held) await stranger.query(lockCard, [cardId]);
      const waiting = held.flatMap((cardId) => times(3, (index) => scenario.redeem(cardId, `held-${index}`, 1n)));
      const lockedMs = await usualMs(scenario, others, AbortSignal.timeout(LOCKED_MS));
      expectUndisturbed(calmMs, lockedMs);

      await stranger.query('ROLLBACK');
      await Promise.all(waiting);
      await scenario.reconciles();
    });

    it('longer than the deadline turns commands on its card away as busy, and nothing else', async () => {
      const deadlineMs = 1_000;
      const scenario = scenarioOf(site, site.open({ ...SMALLEST, deadlineMs }));
      const [held, free] = [await scenario.issue(), await scenario.issue()];
      const stranger = await site.stranger();
      await stranger.query(lockCard, [held]);

      const startedAt = performance.now();
      const late = times(30, async (index) => {
        await refusalOf(scenario.redeem(held, `order-${index}`, 1n), 'request.resource_busy');
        return performance.now() - startedAt;
      });
      await scenario.redeem(free, 'order', 1n);
      const tookMs = await Promise.all(late);
      expect(Math.min(...tookMs)).to.be.greaterThan(deadlineMs - 50);
      expect(Math.max(...tookMs)).to.be.lessThan(deadlineMs + 1_500);

      await stranger.query('COMMIT');
      await delay(50);
      const redeemedAt = performance.now();
      await scenario.redeem(held, 'afterwards', 1n);
      expect(performance.now() - redeemedAt, 'a command afterwards').to.be.lessThan(500);
      expect(await scenario.balance(held)).to.equal(9_999n);
      await scenario.reconciles();
    });
  });
});
