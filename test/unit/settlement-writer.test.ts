import { expect } from 'chai';
import { claimKey } from '../../src/infrastructure/jobs/job-store.ts';
import type { Settlement } from '../../src/infrastructure/jobs/job-store.ts';
import { SettlementWriter } from '../../src/infrastructure/jobs/settlement-writer.ts';

const settlementOf = (id: string): Settlement => ({
  id,
  claim: 1,
  state: 'completed',
  delayMs: undefined,
  refund: false,
  result: undefined,
  failure: undefined,
});

describe('The writer of settlements', () => {
  it('writes in one statement what arrives during another', async () => {
    const batches: number[] = [];
    const settle = async (settlements: readonly Settlement[]) => {
      batches.push(settlements.length);
      await new Promise(setImmediate);
      return new Set(settlements.map(claimKey));
    };
    const writer = new SettlementWriter({ settle }, () => undefined);
    const written = await Promise.all(['a', 'b', 'c', 'd'].map((id) => writer.write(settlementOf(id))));
    expect(written).to.deep.equal([true, true, true, true]);
    expect(batches).to.deep.equal([1, 3]);
  });

  it('lets one that the store refuses fail alone', async () => {
    const settle = async (settlements: readonly Settlement[]) => {
      await new Promise(setImmediate);
      if (settlements.some(({ id }) => id === 'bad')) throw new Error('No');
      return new Set(settlements.map(claimKey));
    };
    const faults: unknown[] = [];
    const writer = new SettlementWriter({ settle }, (error) => faults.push(error));
    const bad = writer.write(settlementOf('bad')).catch((error: unknown) => error);
    const good = await Promise.all(['a', 'b', 'c'].map((id) => writer.write(settlementOf(id))));
    expect(good).to.deep.equal([true, true, true]);
    writer.hurry();
    expect(await bad).to.be.instanceOf(Error);
    expect(faults).not.to.deep.equal([]);
  });

  it('tells which claims held no more', async () => {
    const writer = new SettlementWriter({ settle: async () => new Set(['mine 1']) }, () => undefined);
    const written = await Promise.all([settlementOf('mine'), settlementOf('lost')].map((one) => writer.write(one)));
    expect(written).to.deep.equal([true, false]);
  });
});
