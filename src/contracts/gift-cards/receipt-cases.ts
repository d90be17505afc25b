import assert from 'node:assert/strict';
import { JobQueueFull } from '../../application/shared/job-errors.ts';
import { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { ReceiptKey } from '../../domain/shared/decision.ts';
import type { GiftCardCase } from './gift-card-site.ts';
import { accept, momentOf, newIssue, newReceipt, outcomes, refusalOf, Scenario, usd } from './scenario.ts';

const reload = (scenario: Scenario, cardId: string, minor: bigint, receipt?: ReceiptKey) =>
  scenario.change(cardId, (card, moment) => card.reload(usd(minor), 'reload', moment), {}, { receipt });

const unasked = (): never => {
  throw new Error('The decision of a repeated command was asked for.');
};

/** Commands with a receipt key happen once, however often they arrive. */
export const receiptCases: readonly GiftCardCase[] = [
  {
    title: 'answers a repeated command with its first answer, seal and position, and does not ask its decision',
    async run(site) {
      const scenario = new Scenario(site);
      const receipt = newReceipt();
      const issue = newIssue();
      const answer = { text: 'ünï – "码" \\', list: [1, null, true], nested: { a: '1.00' } };
      const first = await scenario.update(
        {},
        (book) => ({
          ...accept(answer, { cards: [GiftCard.issue(issue, momentOf(book))] }),
          sealed: '1.pepper.c2VhbGVk',
        }),
        { receipt },
      );
      assert.equal(first.replayed, false);
      for (let time = 2; time <= 3; time += 1) {
        const again = await scenario.update({ cardIds: [issue.id] }, unasked, { receipt });
        assert.deepEqual(again, { ...first, replayed: true });
      }
      assert.equal((await scenario.journal(issue.id)).length, 1);
    },
  },
  {
    title: 'gives an answer without a seal back without one',
    async run(site) {
      const scenario = new Scenario(site);
      const receipt = newReceipt();
      await scenario.update({}, () => accept(null), { receipt });
      const again = await scenario.update({}, unasked, { receipt });
      assert.deepEqual(
        [again.answer, again.sealed, again.position, again.replayed],
        [null, undefined, undefined, true],
      );
    },
  },
  {
    title: 'repeats a refusal with its code, message and details, also when the state would allow the command now',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue({ amount: usd(10n) });
      const receipt = newReceipt();
      const redeem = () =>
        scenario.change(
          cardId,
          (card, moment) => card.redeem({ id: receipt.id, orderId: 'order', purpose: 'p', amount: usd(11n) }, moment),
          {},
          { receipt },
        );
      const first = await refusalOf(redeem(), 'gift_cards.insufficient_balance');
      await reload(scenario, cardId, 5n);
      const second = await refusalOf(redeem(), 'gift_cards.insufficient_balance');
      assert.deepEqual([second.message, second.details, second.kind], [first.message, first.details, first.kind]);
      assert.ok(second instanceof Error);
      assert.equal(await scenario.balance(cardId), 15n);
    },
  },
  {
    title: 'keeps no answer that speaks of the moment only: the repeat is decided anew',
    async run(site) {
      const scenario = new Scenario(site);
      const receipt = newReceipt();
      const isFull = (): never => {
        throw new JobQueueFull('Too many jobs wait.', { retryAfterSeconds: 1 });
      };
      await refusalOf(scenario.update({}, isFull, { receipt }), 'jobs.queue_full');
      const again = await scenario.update({}, () => accept('done'), { receipt });
      assert.deepEqual([again.answer, again.replayed], ['done', false]);
    },
  },
  {
    title: 'refuses the key of an accepted command for another input',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const receipt = newReceipt();
      await reload(scenario, cardId, 1n, receipt);
      const other = newReceipt({ id: receipt.id });
      await refusalOf(reload(scenario, cardId, 2n, other), 'request.idempotency_key_reused');
      assert.equal(await scenario.balance(cardId), 10_001n);
      assert.equal((await reload(scenario, cardId, 1n, receipt)).replayed, true);
    },
  },
  {
    title: 'refuses the key of a refused command for another input',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const receipt = newReceipt();
      const tooMuch = { id: receipt.id, orderId: 'order', purpose: 'p', amount: usd(10_001n) };
      const refused = scenario.change(cardId, (card, moment) => card.redeem(tooMuch, moment), {}, { receipt });
      await refusalOf(refused, 'gift_cards.insufficient_balance');
      const other = newReceipt({ id: receipt.id });
      await refusalOf(reload(scenario, cardId, 2n, other), 'request.idempotency_key_reused');
    },
  },
  {
    title: 'carries out every command that has no receipt key',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      for (let time = 1; time <= 3; time += 1) {
        assert.equal((await reload(scenario, cardId, 1n)).replayed, false);
      }
      assert.equal(await scenario.balance(cardId), 10_003n);
    },
  },
  {
    title: 'carries out one of fifty copies of a command that arrive at once',
    async run(site) {
      const scenario = new Scenario(site);
      const cardId = await scenario.issue();
      const receipt = newReceipt();
      const { accepted, refused } = await outcomes(
        Array.from({ length: 50 }, () => reload(scenario, cardId, 1n, receipt)),
      );
      assert.ok(accepted >= 1);
      assert.deepEqual(
        [...new Set(refused)].filter((code) => code !== 'request.in_progress'),
        [],
      );
      assert.equal(await scenario.balance(cardId), 10_001n);
      assert.equal((await reload(scenario, cardId, 1n, receipt)).replayed, true);
    },
  },
];
