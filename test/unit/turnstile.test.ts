import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Turnstile } from '../../src/infrastructure/system/turnstile.ts';

describe('A turnstile', () => {
  it('lets so many through at a time, in the order in which they came, also after failures', async () => {
    const turnstile = new Turnstile(2);
    const begun: number[] = [];
    const ends: PromiseWithResolvers<void>[] = [];
    const outcomes = [0, 1, 2, 3].map((index) =>
      turnstile.run(async () => {
        begun.push(index);
        await (ends[index] = Promise.withResolvers()).promise;
        return index;
      }),
    );
    const settled = Promise.allSettled(outcomes);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await turn();
    expect(begun).to.deep.equal([0, 1]);
    ends[1]?.reject(new Error('The second fails.'));
    await turn();
    expect(begun).to.deep.equal([0, 1, 2]);
    for (const index of [0, 2]) ends[index]?.resolve();
    await turn();
    ends[3]?.resolve();
    expect((await settled).map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(begun).to.deep.equal([0, 1, 2, 3]);
    expect(await turnstile.run(async () => 'free again')).to.equal('free again');
  });
});
