import { expect } from 'chai';
import type { Principal } from '../../src/application/shared/call.ts';
import { RateLimited, Unauthenticated } from '../../src/application/shared/errors.ts';
import { limitFailedLogins } from '../../src/infrastructure/rate-limit/failed-logins.ts';
import { SlidingWindows } from '../../src/infrastructure/rate-limit/sliding-windows.ts';

const PRINCIPAL: Principal = { id: 'user:1', kind: 'user', tenant: 'default', permissions: new Set() };

describe('Failed logins', () => {
  let now = 0;
  const login = (authenticate: (authorization: string) => Principal | Promise<Principal>) =>
    limitFailedLogins(authenticate, { counters: new SlidingWindows(), now: () => now, max: 3 });
  const refuse = (): Principal => {
    throw new Unauthenticated('no');
  };
  beforeEach(() => {
    now = 60_000;
  });

  it('make an address wait once there were too many', () => {
    const attempt = login(refuse);
    for (let tries = 0; tries < 3; tries += 1) {
      expect(() => attempt('bad', { address: '192.0.2.1' })).to.throw(Unauthenticated);
    }
    expect(() => attempt('bad', { address: '192.0.2.1' })).to.throw(RateLimited);
    expect(() => attempt('bad', { address: '192.0.2.2' })).to.throw(Unauthenticated);
    now += 120_000;
    expect(() => attempt('bad', { address: '192.0.2.1' })).to.throw(Unauthenticated);
  });

  it('lock nobody out who has good credentials and shares the address', async () => {
    const attempt = login((authorization) => (authorization === 'bad' ? refuse() : PRINCIPAL));
    const late = login(async (authorization) => (authorization === 'bad' ? refuse() : PRINCIPAL));
    for (let tries = 0; tries < 5; tries += 1) {
      expect(() => attempt('bad', { address: '192.0.2.1' })).to.throw();
      await Promise.resolve(late('bad', { address: '192.0.2.1' })).catch(() => undefined);
    }
    expect(attempt('good', { address: '192.0.2.1' })).to.equal(PRINCIPAL);
    expect(await late('good', { address: '192.0.2.1' })).to.equal(PRINCIPAL);
  });

  it('count when they are told later, and other failures do not', async () => {
    const late = login(() => Promise.reject(new Unauthenticated('no')));
    const broken = login(() => Promise.reject(new Error('no keys')));
    for (let tries = 0; tries < 5; tries += 1) {
      const failure: unknown = await Promise.resolve(broken('x', { address: 'a' })).catch((error: unknown) => error);
      expect(failure).to.be.an('error').with.property('message', 'no keys');
    }
    for (let tries = 0; tries < 3; tries += 1) {
      const failure: unknown = await Promise.resolve(late('x', { address: 'a' })).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(Unauthenticated);
    }
    const failure: unknown = await Promise.resolve(late('x', { address: 'a' })).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(RateLimited);
  });
});
