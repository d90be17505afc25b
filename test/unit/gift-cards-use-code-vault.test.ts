import { expect } from 'chai';
import { createCodeVault } from '../../src/infrastructure/system/code-vault.ts';

const pepper = (id: string, byte: number) => ({ id, secret: new Uint8Array(32).fill(byte) });
const BODY = '0123456789ABCDEF';

describe('the code vault', () => {
  it('gives one key for each pepper, the newest first, always the same', () => {
    const vault = createCodeVault([pepper('2030', 1), pepper('2029', 2)]);
    const keys = vault.keysOf(BODY);
    expect(keys).to.have.length(2);
    expect(vault.keysOf(BODY)).to.deep.equal(keys);
    expect(vault.newestPepperId).to.equal('2030');
    expect(createCodeVault([pepper('2029', 2)]).keysOf(BODY)).to.deep.equal([keys[1]]);
  });

  it('gives keys that a UUID column can hold and that show nothing of the code', () => {
    const [key = ''] = createCodeVault([pepper('2030', 1)]).keysOf(BODY);
    expect(key).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(key.replaceAll('-', '').toUpperCase()).not.to.include(BODY.slice(0, 8));
  });

  it('gives other keys for another code and under another pepper', () => {
    const vault = createCodeVault([pepper('2030', 1), pepper('2029', 2)]);
    const keys = [...vault.keysOf(BODY), ...vault.keysOf('0123456789ABCDEG')];
    expect(new Set(keys).size).to.equal(4);
  });

  it('keeps the keys that it has always given, or every card would be lost', () => {
    const known = createCodeVault([pepper('2030', 1)]).keysOf(BODY);
    expect(known).to.deep.equal(['5cdcbb03-f78d-5654-12c6-a43773652290']);
  });

  it('refuses to work without a pepper, or with one that is too short', () => {
    expect(() => createCodeVault([])).to.throw(TypeError);
    expect(() => createCodeVault([{ id: 'a', secret: new Uint8Array(31) }])).to.throw(TypeError);
  });
});
