import assert from 'node:assert/strict';
import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import type { GiftCardCapability, GiftCardCase, GiftCardSite } from './gift-card-site.ts';
import { accept, Scenario } from './scenario.ts';

/** Everything that `OrderMarks` promises, as tests of one adapter, called `name`. */
export function orderMarksContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<GiftCardSite>,
  lacks: readonly GiftCardCapability[] = [],
): void {
  declareContract(runner, `The marks of cancelled orders of ${name}`, open, CASES, lacks);
}

const DAY_MS = 86_400_000;

/** Marks orders as cancelled, for so many milliseconds from now. */
async function mark(scenario: Scenario, orderIds: readonly string[], lastsMs: number): Promise<void> {
  await scenario.update({ orderIds }, ({ now }) => {
    const marksUntil = new Date(now.getTime() + lastsMs);
    return accept(null, { marks: orderIds.map((orderId) => ({ orderId, cancelledAt: now, marksUntil })) });
  });
}

/** Those of the orders that are still marked. */
async function marked(scenario: Scenario, orderIds: readonly string[]): Promise<readonly string[]> {
  const { answer } = await scenario.update({ orderIds }, (book) =>
    accept(orderIds.filter((orderId) => book.markOfOrder(orderId) !== undefined)),
  );
  return answer;
}

/** Purges what cases before have left. */
async function purgeAll({ marks }: GiftCardSite): Promise<void> {
  while ((await marks.purge(1000)) > 0);
}

const CASES: readonly GiftCardCase[] = [
  {
    title: 'purges marks of all tenants whose time is over, and no others',
    async run(site) {
      await purgeAll(site);
      const [one, other] = [new Scenario(site), new Scenario(site)];
      await mark(one, ['over'], 5);
      await mark(other, ['over', 'too'], 0);
      await mark(one, ['marked'], DAY_MS);
      await one.passTime(6);
      assert.equal(await site.marks.purge(1000), 3);
      assert.deepEqual(await marked(one, ['over', 'marked']), ['marked']);
      assert.deepEqual(await marked(other, ['over', 'too']), []);
      assert.equal(await site.marks.purge(1000), 0);
    },
  },
  {
    title: 'purges no more marks at a time than it is asked to',
    async run(site) {
      await purgeAll(site);
      const scenario = new Scenario(site);
      const orderIds = ['a', 'b', 'c', 'd', 'e'];
      await mark(scenario, orderIds, 0);
      await scenario.passTime(1);
      assert.equal(await site.marks.purge(2), 2);
      assert.equal((await marked(scenario, orderIds)).length, 3);
      assert.equal(await site.marks.purge(4), 3);
      assert.deepEqual(await marked(scenario, orderIds), []);
    },
  },
  {
    title: 'loses no mark that is set anew while marks are purged',
    async run(site) {
      const scenario = new Scenario(site);
      const orderIds = Array.from({ length: 20 }, (_, index) => `again-${index}`);
      await mark(scenario, orderIds, 0);
      await scenario.passTime(1);
      await Promise.all([
        ...orderIds.map((orderId) => mark(scenario, [orderId], DAY_MS)),
        ...Array.from({ length: 10 }, () => site.marks.purge(3)),
      ]);
      assert.deepEqual(await marked(scenario, orderIds), orderIds);
    },
  },
];
