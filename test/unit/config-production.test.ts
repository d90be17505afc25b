import { expect } from 'chai';
import { loadConfig, type Environment } from '../../src/composition/config.ts';
import { createJwksVerifier } from '../../src/infrastructure/jwt/jwks-verifier.ts';
import { faultsOf } from '../support/config-faults.ts';

const COMPLETE: Environment = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://app:secret@db/shop',
  PEPPERS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
  ADMIN_TOKEN_SHA256: 'a'.repeat(64),
};

describe('Configuration in production', () => {
  it('is refused without database, pepper and a way to authenticate, a line for each', () => {
    expect(faultsOf({ NODE_ENV: 'production' })).to.deep.equal([
      'DATABASE_URL is required with NODE_ENV=production',
      'PEPPERS is required with NODE_ENV=production',
      'JWKS_URL or ADMIN_TOKEN_SHA256 is required with NODE_ENV=production: without them nobody can call',
    ]);
  });

  it('is refused without each single one of them', () => {
    for (const name of ['DATABASE_URL', 'PEPPERS', 'ADMIN_TOKEN_SHA256']) {
      const lines = faultsOf({ ...COMPLETE, [name]: undefined });
      expect(lines, name).to.have.length(1);
      expect(lines[0]).to.include(name);
    }
  });

  it('does not call a setting missing that is there and wrong', () => {
    const lines = faultsOf({ ...COMPLETE, PEPPERS: 'nonsense', ADMIN_TOKEN_SHA256: 'nonsense' });
    expect(lines).to.have.length(2);
    for (const line of lines) expect(line).to.include(' must be ');
  });

  it('is taken with an administrator token or with JWTs', () => {
    expect(loadConfig(COMPLETE).nodeEnv).to.equal('production');
    const { ADMIN_TOKEN_SHA256: _, ...rest } = COMPLETE;
    const jwt = {
      JWKS_URL: 'https://keys.example.com/jwks',
      JWT_ISSUER: 'https://keys.example.com',
      JWT_AUDIENCE: 'shop',
    };
    expect(loadConfig({ ...rest, ...jwt }).jwtAudience).to.equal('shop');
  });

  it('is refused, as everywhere, where keys are fetched in a way that others can change', () => {
    for (const NODE_ENV of ['production', 'development']) {
      const jwt = { ...COMPLETE, NODE_ENV, JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };
      expect(faultsOf({ ...jwt, JWKS_URL: 'http://keys.example.com/jwks' }), NODE_ENV).to.deep.equal([
        'JWKS_URL must begin with https://, unless it is on this machine',
      ]);
      for (const host of ['localhost', '127.0.0.1:8080', '127.0.0.2', '[::1]']) {
        const address = `http://${host}/jwks`;
        expect(faultsOf({ ...jwt, JWKS_URL: address }), host).to.deep.equal([]);
        createJwksVerifier({ keys: new URL(address), issuer: 'i', audience: 'a' });
      }
    }
  });

  it('is refused where everybody may do everything', () => {
    expect(faultsOf({ ...COMPLETE, ANONYMOUS_PERMISSIONS: 'gift-cards:redeem,*' })).to.deep.equal([
      'ANONYMOUS_PERMISSIONS must not be * with NODE_ENV=production',
    ]);
    expect(faultsOf({ ...COMPLETE, ANONYMOUS_PERMISSIONS: 'gift-cards:redeem' })).to.deep.equal([]);
  });
});
