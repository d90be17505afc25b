import { expect } from 'chai';
import sinon from 'sinon';
import { createTokenUses } from '../../src/application/access/token-uses.ts';
import { storeUses } from '../../src/composition/access-module.ts';
import { Resources } from '../../src/composition/resources.ts';
import type { ApiTokenRepository } from '../../src/domain/access/api-token-repository.ts';

describe('Uses of tokens while a server runs', () => {
  const recordUses = sinon.stub<Parameters<ApiTokenRepository['recordUses']>, Promise<void>>();
  const told = sinon.spy();
  let clock: sinon.SinonFakeTimers;
  let resources: Resources;
  let uses: ReturnType<typeof createTokenUses>;

  beforeEach(() => {
    recordUses.reset();
    recordUses.resolves();
    told.resetHistory();
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
    uses = createTokenUses({ recordUses });
    resources = new Resources();
    storeUses(uses, resources, told);
  });
  afterEach(() => clock.restore());

  const stored = (): string[][] => recordUses.args.map(([noted]) => [...noted.keys()]);

  it('are stored every five seconds, if there are any', async () => {
    uses.note('token-1', 0);
    await clock.tickAsync(4_999);
    expect(stored()).to.deep.equal([]);
    await clock.tickAsync(1);
    expect(stored()).to.deep.equal([['token-1']]);
    await clock.tickAsync(10_000);
    expect(stored()).to.have.length(1);
  });

  it('that could not be stored are told of, and stored with the next', async () => {
    const failure = new Error('no database');
    recordUses.onFirstCall().rejects(failure);
    uses.note('token-1', 0);
    await clock.tickAsync(5_000);
    uses.note('token-2', 0);
    await clock.tickAsync(5_000);
    expect(told.args).to.deep.equal([[failure]]);
    expect(stored()).to.deep.equal([['token-1'], ['token-1', 'token-2']]);
  });

  it('are stored at its end, those of the last seconds included, and never after', async () => {
    uses.note('token-1', 0);
    expect(await resources.close()).to.deep.equal([]);
    expect(stored()).to.deep.equal([['token-1']]);
    uses.note('token-2', 0);
    await clock.tickAsync(60_000);
    expect(stored()).to.have.length(1);
  });

  it('that cannot be stored at its end are told of, and everything is closed all the same', async () => {
    const failure = new Error('no database');
    recordUses.rejects(failure);
    uses.note('token-1', 0);
    expect(await resources.close()).to.deep.equal([]);
    expect(told.args).to.deep.equal([[failure]]);
  });
});
