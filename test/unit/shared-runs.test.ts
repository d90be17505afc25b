import { expect } from 'chai';
import { describe, it } from 'mocha';
import { SharedRuns } from '../../src/infrastructure/system/shared-runs.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs that the test ends one by one. */
function open({ places = 2, maxWeight = 10 } = {}) {
  const runs: { readonly items: readonly string[]; readonly end: PromiseWithResolvers<void> }[] = [];
  const shared = new SharedRuns<string, string>({
    places,
    maxWeight,
    weight: (item) => item.length,
    isOnesOwn: (error) => error instanceof RangeError,
    async run(items) {
      const end = Promise.withResolvers<void>();
      runs.push({ items, end });
      await end.promise;
      return items.map((item) => item.toUpperCase());
    },
  });
  const began = (): readonly string[] => runs.map(({ items }) => items.join('+'));
  const end = async (index: number, failure?: Error): Promise<void> => {
    if (failure === undefined) runs[index]?.end.resolve();
    else runs[index]?.end.reject(failure);
    await turn();
  };
  return { shared, began, end };
}

describe('Shared runs', () => {
  it('take in one run whatever came for a key while its last one was under way, and tell each its own result', async () => {
    const { shared, began, end } = open();
    const results = ['a', 'b', 'c'].map((item) => shared.join('shop', item));
    expect(began()).to.deep.equal(['a']);
    await end(0);
    expect(began()).to.deep.equal(['a', 'b+c']);
    await end(1);
    expect(await Promise.all(results)).to.deep.equal(['A', 'B', 'C']);
  });

  it('are never two for one key, and no more at a time than there are places', async () => {
    const { shared, began, end } = open();
    const results = [
      shared.join('one', 'a'),
      shared.join('one', 'b'),
      shared.join('two', 'c'),
      shared.join('three', 'd'),
    ];
    expect(began()).to.deep.equal(['a', 'c']);
    await end(1);
    // Of those that wait, the key that came first has its turn first; this one is under way.
    expect(began()).to.deep.equal(['a', 'c', 'd']);
    await end(0);
    await end(2);
    expect(began()).to.deep.equal(['a', 'c', 'd', 'b']);
    await end(3);
    expect(await Promise.all(results)).to.deep.equal(['A', 'B', 'C', 'D']);
  });

  it('carry no more than their limit but for one item that is heavier, and then let other keys go first', async () => {
    const { shared, began, end } = open({ places: 1, maxWeight: 3 });
    const results = ['1', '22', '3', '4444', '5'].map((item) => shared.join('one', item));
    results.push(shared.join('two', '6'));
    await end(0);
    expect(began()).to.deep.equal(['1', '22+3']);
    await end(1);
    await end(2);
    await end(3);
    expect(began()).to.deep.equal(['1', '22+3', '6', '4444', '5']);
    await end(4);
    expect(await Promise.all(results)).to.deep.equal(['1', '22', '3', '4444', '5', '6']);
  });

  it('that fail by the doing of one are repeated one by one, so that each fails only itself', async () => {
    const { shared, began, end } = open();
    const results = ['a', 'b', 'c'].map((item) => shared.join('shop', item));
    const settled = Promise.allSettled(results);
    await end(0);
    await end(1, new RangeError('One of them does not fit.'));
    await end(2, new RangeError('This one does not fit.'));
    await end(3);
    expect(began()).to.deep.equal(['a', 'b+c', 'b', 'c']);
    expect((await settled).map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('that fail by the doing of none fail for all of them at once, and the next run is begun', async () => {
    const { shared, began, end } = open();
    const results = ['a', 'b', 'c'].map((item) => shared.join('shop', item));
    const settled = Promise.allSettled(results);
    await end(0);
    const late = shared.join('shop', 'd');
    await end(1, new Error('The database is away.'));
    expect(began()).to.deep.equal(['a', 'b+c', 'd']);
    await end(2);
    expect((await settled).map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'rejected']);
    expect(await late).to.equal('D');
  });
});
