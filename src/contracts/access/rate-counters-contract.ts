import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { RateCounters, WindowHits } from '../../application/access/rate-counters.ts';
import { declareContract, type ContractCase, type ContractRunner } from '../shared/contract-runner.ts';

/** One store of counts, opened for the suite. */
export interface RateCountersSite {
  /** A further instance on the same store. */
  instance(): RateCounters;
  /** Harmless when called again. */
  close(): Promise<void>;
}

const WINDOW_MS = 60_000;

/** The window of the present; no other case uses the key. */
const fresh = (hits: number): WindowHits => ({
  key: `“码” ${randomUUID()}`,
  windowMs: WINDOW_MS,
  window: Math.floor(Date.now() / WINDOW_MS),
  hits,
});

const cases: readonly ContractCase<RateCountersSite>[] = [
  {
    title: 'adds up the hits of all instances',
    async run(site) {
      const [one, two] = [site.instance(), site.instance()];
      const counted = fresh(3);
      assert.deepEqual(await one.exchange([counted]), [3]);
      assert.deepEqual(await two.exchange([{ ...counted, hits: 4 }]), [7]);
      assert.deepEqual(await one.exchange([{ ...counted, hits: 0 }]), [7]);
    },
  },
  {
    title: 'takes hits back',
    async run(site) {
      const counted = fresh(3);
      await site.instance().exchange([counted]);
      assert.deepEqual(await site.instance().exchange([{ ...counted, hits: -1 }]), [2]);
    },
  },
  {
    title: 'answers in the order of the question',
    async run(site) {
      const counters = site.instance();
      const counted = Array.from({ length: 50 }, (_, index) => fresh(index));
      const hits = counted.map((one) => one.hits);
      assert.deepEqual(await counters.exchange(counted), hits);
      assert.deepEqual(
        await counters.exchange(counted.toReversed()),
        hits.toReversed().map((one) => 2 * one),
      );
    },
  },
  {
    title: 'keeps keys, windows and their lengths apart',
    async run(site) {
      const counters = site.instance();
      const counted = fresh(1);
      const { window } = counted;
      const others = [
        { ...counted, window: window - 1, hits: 2 },
        { ...counted, windowMs: 1000, window: window * 60, hits: 3 },
        { ...counted, key: `${counted.key} `, hits: 4 },
      ];
      assert.deepEqual(await counters.exchange([counted, ...others]), [1, 2, 3, 4]);
    },
  },
  {
    title: 'answers nothing when nothing is asked',
    async run(site) {
      assert.deepEqual(await site.instance().exchange([]), []);
    },
  },
  {
    title: 'loses no hit of fifty instances that count the same keys at once, in whatever order',
    async run(site) {
      const counted = Array.from({ length: 20 }, () => fresh(1));
      const orders = [counted, counted.toReversed()];
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => site.instance().exchange(orders[index % 2] ?? counted)),
      );
      const totals = await site.instance().exchange(counted.map((one) => ({ ...one, hits: 0 })));
      assert.deepEqual(new Set(totals), new Set([50]));
    },
  },
  {
    title: 'takes more keys than fit into one statement',
    async run(site) {
      const counted = Array.from({ length: 12_345 }, (_, index) => fresh(1 + (index % 3)));
      assert.deepEqual(
        await site.instance().exchange(counted),
        counted.map(({ hits }) => hits),
      );
    },
  },
];

/** Everything that a `RateCounters` promises, as tests of one adapter. */
export function rateCountersContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<RateCountersSite>,
): void {
  declareContract(runner, `The rate counters of ${name}`, open, cases);
}
