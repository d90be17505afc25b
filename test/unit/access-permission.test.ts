import { expect } from 'chai';
import fc from 'fast-check';
import { isPermitted } from '../../src/application/shared/call.ts';
import { ACROSS_TENANTS, covers, missingFrom, narrow } from '../../src/domain/shared/permission.ts';

const CONTEXTS = ['gift-cards', 'returns', 'api-tokens'];
const OPERATIONS = ['redeem', 'void', 'list'];
/** Everything that can be done, one entry for each act. */
const ACTS = [
  ACROSS_TENANTS,
  ...CONTEXTS.flatMap((context) =>
    OPERATIONS.flatMap((operation) => [`${context}:${operation}`, `${context}:${operation}:own`]),
  ),
];
const PERMISSIONS = ['*', ...CONTEXTS.map((context) => `${context}:*`), ...ACTS];

const permissionSet = fc.uniqueArray(fc.constantFrom(...PERMISSIONS), { maxLength: 6 });

/** What the holder of a set can do, worked out in another way than the code under test. */
function actsOf(permissions: readonly string[]): ReadonlySet<string> {
  return new Set(
    ACTS.filter((act) => {
      if (permissions.includes(act)) return true;
      if (act === ACROSS_TENANTS) return false;
      const [context = '', operation = ''] = act.split(':');
      return ['*', `${context}:*`, `${context}:${operation}`].some((one) => permissions.includes(one));
    }),
  );
}

describe('Permissions', () => {
  it('are asked for at a call by the same rule', () => {
    const permitted = (held: readonly string[], wanted: string): boolean =>
      isPermitted({ id: 'user:1', kind: 'user', tenant: 'default', permissions: new Set(held) }, wanted);
    fc.assert(
      fc.property(permissionSet, fc.constantFrom(...PERMISSIONS), (held, wanted) => {
        expect(permitted(held, wanted)).to.equal(held.some((one) => covers(one, wanted)));
      }),
    );
    expect(permitted(['*'], ACROSS_TENANTS)).to.equal(false);
    expect(permitted(['gift-cards:redeem'], 'gift-cards:redeem:own')).to.equal(true);
  });

  it('cover themselves and what stands below them', () => {
    expect(covers('gift-cards:redeem', 'gift-cards:redeem')).to.equal(true);
    expect(covers('gift-cards:redeem', 'gift-cards:redeem:own')).to.equal(true);
    expect(covers('gift-cards:*', 'gift-cards:redeem:own')).to.equal(true);
    expect(covers('*', 'gift-cards:*')).to.equal(true);
  });

  it('never cover what stands above or beside them', () => {
    expect(covers('gift-cards:redeem:own', 'gift-cards:redeem')).to.equal(false);
    expect(covers('gift-cards:redeem', 'gift-cards:*')).to.equal(false);
    expect(covers('gift-cards:*', '*')).to.equal(false);
    expect(covers('gift-cards:*', 'gift-cards-old:redeem')).to.equal(false);
    expect(covers('gift-cards:redeem', 'gift-cards:redeem-all')).to.equal(false);
    expect(covers('gift-cards:redeem', 'gift-cards:redeem-all:own')).to.equal(false);
  });

  it('leave the right to manage other tenants to those who hold it by name', () => {
    expect(covers('*', ACROSS_TENANTS)).to.equal(false);
    expect(covers('api-tokens:*', ACROSS_TENANTS)).to.equal(false);
    expect(covers(ACROSS_TENANTS, ACROSS_TENANTS)).to.equal(true);
    expect(missingFrom(['*'], ['gift-cards:void', ACROSS_TENANTS])).to.deep.equal([ACROSS_TENANTS]);
  });

  it('can be passed on exactly when they add nothing to what the giver can do', () => {
    fc.assert(
      fc.property(permissionSet, permissionSet, (held, wanted) => {
        const had = actsOf(held);
        const extra = [...actsOf(wanted)].filter((act) => !had.has(act));
        if (missingFrom(held, wanted).length === 0) expect(extra.length).to.equal(0);
        // The other way round holds but for wildcards: holding all of today's operations isn't holding tomorrow's.
        const wildcards = wanted.some((permission) => permission.endsWith('*'));
        if (!wildcards && extra.length === 0) expect(missingFrom(held, wanted)).to.deep.equal([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('are narrowed by a scope to what both sides allow', () => {
    fc.assert(
      fc.property(permissionSet, permissionSet, (granted, scope) => {
        const allowed = actsOf(scope);
        const expected = [...actsOf(granted)].filter((act) => allowed.has(act));
        expect([...actsOf([...narrow(granted, scope)])]).to.deep.equal(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('are narrowed to nothing by an empty scope', () => {
    expect(narrow(['*'], []).size).to.equal(0);
  });
});
