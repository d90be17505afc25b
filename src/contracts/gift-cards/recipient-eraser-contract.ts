import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Issue } from '../../domain/gift-cards/gift-card.ts';
import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import type { GiftCardCapability, GiftCardCase, GiftCardSite } from './gift-card-site.ts';
import { Scenario } from './scenario.ts';

/** Everything that a `RecipientEraser` promises, as tests of one adapter, called `name`. */
export function recipientEraserContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<GiftCardSite>,
  lacks: readonly GiftCardCapability[] = [],
): void {
  declareContract(runner, `The recipient eraser of ${name}`, open, CASES, lacks);
}

/** A card whose code is on its way to somebody. */
async function sent(scenario: Scenario, email: string | null, differing: Partial<Issue> = {}) {
  const [cardId, deliveryId] = [await scenario.issue(differing), randomUUID()];
  const delivery = { id: deliveryId, cardId, sealedCode: 'sealed', createdAt: new Date(), deliveredAt: null };
  await scenario.store({
    recipients: [{ cardId, email, message: 'For you' }],
    deliveries: [{ ...delivery, status: 'pending' }],
  });
  return { cardId, deliveryId };
}

/** Whether anything about the recipient, or the sealed code, is still there. */
async function isKept({ site, tenant }: Scenario, { cardId, deliveryId }: Awaited<ReturnType<typeof sent>>) {
  const recipient = await site.reader.recipient(tenant, cardId);
  const delivery = await site.reader.delivery(tenant, deliveryId);
  assert.equal(recipient === undefined, delivery?.sealedCode === null);
  assert.equal(delivery?.status, recipient === undefined ? 'failed' : 'pending');
  return recipient !== undefined;
}

const CASES: readonly GiftCardCase[] = [
  {
    title: 'erases what was sent to an address, in whatever case it is written, and the codes that wait for it',
    async run(site) {
      const scenario = new Scenario(site);
      const [a, b] = [await sent(scenario, 'Ann@Example.com'), await sent(scenario, 'ann@example.com')];
      const [other, nobody] = [await sent(scenario, 'bob@example.com'), await sent(scenario, null)];
      assert.equal(await site.eraser.erase(scenario.tenant, { email: 'ANN@example.com' }), 2);
      const kept = await Promise.all([a, b, other, nobody].map((card) => isKept(scenario, card)));
      assert.deepEqual(kept, [false, false, true, true]);
    },
  },
  {
    title: 'erases what belongs to the cards of a purchaser or holder',
    async run(site) {
      const scenario = new Scenario(site);
      const bought = await sent(scenario, 'x@example.com', { purchaserId: 'ann' });
      const held = await sent(scenario, null, { holderId: 'ann' });
      const other = await sent(scenario, 'ann', { purchaserId: 'bob' });
      assert.equal(await site.eraser.erase(scenario.tenant, { subjectId: 'ann' }), 2);
      const kept = await Promise.all([bought, held, other].map((card) => isKept(scenario, card)));
      assert.deepEqual(kept, [false, false, true]);
    },
  },
  {
    title: 'counts a card once that address and subject both find, and none the second time',
    async run(site) {
      const scenario = new Scenario(site);
      await sent(scenario, 'ann@example.com', { purchaserId: 'ann' });
      const ann = { email: 'ann@example.com', subjectId: 'ann' };
      assert.equal(await site.eraser.erase(scenario.tenant, ann), 1);
      assert.equal(await site.eraser.erase(scenario.tenant, ann), 0);
    },
  },
  {
    title: 'leaves cards, money and deliveries that have arrived as they are',
    async run(site) {
      const scenario = new Scenario(site);
      const { cardId, deliveryId } = await sent(scenario, 'ann@example.com');
      const now = await site.reader.now();
      const delivered = {
        ...{ id: deliveryId, cardId, sealedCode: null, status: 'delivered' as const },
        ...{ createdAt: now, deliveredAt: now },
      };
      await scenario.store({ deliveries: [delivered] });
      const before = (await scenario.card(cardId)).toSnapshot();
      assert.equal(await site.eraser.erase(scenario.tenant, { email: 'ann@example.com' }), 1);
      assert.deepEqual((await scenario.card(cardId)).toSnapshot(), before);
      assert.deepEqual(await site.reader.delivery(scenario.tenant, deliveryId), delivered);
      await scenario.reconciles();
    },
  },
  {
    title: 'erases nothing when nobody is named',
    async run(site) {
      const scenario = new Scenario(site);
      const card = await sent(scenario, null);
      assert.equal(await site.eraser.erase(scenario.tenant, {}), 0);
      assert.equal(await isKept(scenario, card), true);
    },
  },
  {
    title: "leaves another tenant's people alone",
    async run(site) {
      const [scenario, other] = [new Scenario(site), new Scenario(site)];
      const card = await sent(other, 'ann@example.com', { purchaserId: 'ann' });
      const ann = { email: 'ann@example.com', subjectId: 'ann' };
      assert.equal(await site.eraser.erase(scenario.tenant, ann), 0);
      assert.equal(await isKept(other, card), true);
    },
  },
];
