import { expect } from 'chai';
import { describe, it } from 'mocha';
import { named } from '../../src/infrastructure/postgres/statement.ts';

describe('the name of a prepared statement', () => {
  it('is the same for the same text, another for any other, and no longer than the server keeps', async () => {
    const name = named('SELECT 1').name;
    // As in another copy of the package, or another process.
    const copy = (await import(`../../src/infrastructure/postgres/statement.ts?${'copy'}`)) as {
      readonly named: typeof named;
    };
    expect(copy.named).not.to.equal(named);
    expect(copy.named('SELECT 1').name).to.equal(name);
    expect(named('SELECT 1 ').name).not.to.equal(name);
    expect(name).to.match(/^portolan-[0-9a-f]{16}$/);
  });
});
