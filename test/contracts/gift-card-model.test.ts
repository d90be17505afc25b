import { expect } from 'chai';
import fc from 'fast-check';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { histories } from '../support/gift-card-commands.ts';
import { HistoryRun } from '../support/gift-card-run.ts';
import { memoryGiftCardSite } from '../support/gift-card-site.ts';

const HOUR_MS = 3_600_000;
const seed = Number(process.env['PROPERTY_SEED'] ?? Date.now() % 2 ** 31);

/** Runs random histories; a failure names the seed and the shortest history that fails. */
async function checkHistories(open: () => GiftCardSite, unitMs: number, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(histories, async (commands) => {
      const run = new HistoryRun(open(), unitMs);
      for (const command of commands) await run.step(command);
      await run.step({ do: 'sweep' });
      await run.compare();
    }),
    { seed, numRuns },
  );
}

describe('Random histories of gift cards', () => {
  before(() => console.log(`    PROPERTY_SEED=${seed}`));

  it('end in memory as in a model that knows nothing of journals and events', async function () {
    this.timeout(120_000);
    await checkHistories(memoryGiftCardSite, HOUR_MS, process.env['CI'] === 'true' ? 10_000 : 500);
    expect(seed).to.be.a('number');
  });
});
