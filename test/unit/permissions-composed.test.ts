import { expect } from 'chai';
import { isPermitted } from '../../src/application/shared/call.ts';
import { bindAccess } from '../../src/composition/access-module.ts';
import { loadConfig } from '../../src/composition/config.ts';
import { Wiring } from '../../src/composition/token.ts';
import * as tokens from '../../src/composition/tokens.ts';

describe('The permissions of the application', () => {
  it('let a role read the metrics, which belong to no context', () => {
    const wiring = new Wiring();
    wiring.value(tokens.CONTRACTS, []);
    wiring.value(tokens.CONFIG, loadConfig({ ROLES: '{"monitoring": ["metrics:read"]}' }));
    bindAccess(wiring);
    const permissions = new Set(wiring.get(tokens.ROLES).permissionsOf(['monitoring']));
    expect(wiring.get(tokens.MANIFEST).has('metrics:read')).to.equal(true);
    expect(isPermitted({ id: 'user:1', kind: 'user', tenant: 'default', permissions }, 'metrics:read')).to.equal(true);
  });
});
