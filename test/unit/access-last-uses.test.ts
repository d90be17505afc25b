import { expect } from 'chai';
import { createTokenUses } from '../../src/application/access/token-uses.ts';
import { storeUses } from '../../src/composition/access-module.ts';
import { Resources } from '../../src/composition/resources.ts';

describe('Uses of tokens at the end of a server', () => {
  it('are stored, those of the last seconds included', async () => {
    const stored: string[] = [];
    const uses = createTokenUses({ recordUses: async (noted) => void stored.push(...noted.keys()) });
    const resources = new Resources();
    storeUses(uses, resources, () => undefined);
    uses.note('token-1', Date.now());
    expect(await resources.close()).to.deep.equal([]);
    expect(stored).to.deep.equal(['token-1']);
  });

  it('are told of where they cannot be stored, and everything is closed all the same', async () => {
    const told: unknown[] = [];
    const failure = new Error('no database');
    const uses = createTokenUses({ recordUses: () => Promise.reject(failure) });
    const resources = new Resources();
    storeUses(uses, resources, (error) => told.push(error));
    uses.note('token-1', Date.now());
    expect(await resources.close()).to.deep.equal([]);
    expect(told).to.deep.equal([failure]);
  });
});
