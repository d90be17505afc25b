import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type JSONWebKeySet,
  type JWTPayload,
} from 'jose';
import { createAuthenticator } from '../../src/application/access/authenticate.ts';
import { apiTokens } from '../../src/application/access/contract.ts';
import { principalOf, type JwtVerifier } from '../../src/application/access/jwt-principal.ts';
import { permissionManifest } from '../../src/application/access/permission-manifest.ts';
import { createRoles } from '../../src/application/access/roles.ts';
import { ServiceUnavailable, Unauthenticated } from '../../src/application/shared/errors.ts';
import { tokenSecrets } from '../../src/infrastructure/access/token-secrets.ts';
import { createJwksVerifier, type JwksVerifierOptions } from '../../src/infrastructure/jwt/jwks-verifier.ts';

const ISSUER = 'https://id.example.com/';
const AUDIENCE = 'portolan';
const manifest = permissionManifest([apiTokens]);
const roles = createRoles({ auditor: ['api-tokens:list'] }, manifest);

async function keyPair(alg: string, kid: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' } };
}
type Pair = Awaited<ReturnType<typeof keyPair>>;

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

function sign(pair: Pair, change: object = {}, header: object = {}): Promise<string> {
  const iat = nowSeconds();
  const claims = { sub: '42', iss: ISSUER, aud: AUDIENCE, iat, exp: iat + 300, ...change };
  // Claims that are undefined are left out.
  return new SignJWT(JSON.parse(JSON.stringify(claims)) as JWTPayload)
    .setProtectedHeader({ alg: pair.alg, kid: pair.kid, ...header })
    .sign(pair.privateKey);
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.catch((error: unknown) => error);
  expect(outcome).to.be.instanceOf(Error);
  return outcome as Error;
}

describe('Verification of JSON Web Tokens', () => {
  let rsa: Pair;
  let ec: Pair;
  let stranger: Pair;
  let verifier: JwtVerifier;

  before(async () => {
    [rsa, ec, stranger] = await Promise.all([
      keyPair('RS256', 'rsa-1'),
      keyPair('ES256', 'ec-1'),
      keyPair('RS256', 'rsa-1'),
    ]);
    verifier = createJwksVerifier({ keys: { keys: [rsa.jwk, ec.jwk] }, issuer: ISSUER, audience: AUDIENCE });
  });

  const refused = async (text: string): Promise<void> => {
    expect(await failureOf(verifier.verify(text))).to.be.instanceOf(Unauthenticated);
  };

  it('accepts RS256 and ES256', async () => {
    expect((await verifier.verify(await sign(rsa)))['sub']).to.equal('42');
    expect((await verifier.verify(await sign(ec)))['sub']).to.equal('42');
  });

  it('refuses a token without signature', async () => {
    const claims = { sub: '42', iss: ISSUER, aud: AUDIENCE, exp: nowSeconds() + 300 };
    await refused(new UnsecuredJWT(claims).encode());
    const [, payload, signature] = (await sign(rsa)).split('.');
    for (const alg of ['none', 'None', 'NONE']) {
      const header = Buffer.from(JSON.stringify({ alg, kid: 'rsa-1' })).toString('base64url');
      await refused(`${header}.${payload}.`);
      await refused(`${header}.${payload}.${signature}`);
    }
  });

  it('refuses HS256 signed with the public key', async () => {
    const secret = new TextEncoder().encode(await exportSPKI(rsa.publicKey));
    const claims = { sub: '42', iss: ISSUER, aud: AUDIENCE, exp: nowSeconds() + 300 };
    await refused(await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'rsa-1' }).sign(secret));
  });

  it('refuses other algorithms of the same key', async () => {
    const pair = await keyPair('RS512', 'rsa-512');
    const keys = { keys: [{ ...pair.jwk, alg: 'RS512' }] };
    verifier = createJwksVerifier({ keys, issuer: ISSUER, audience: AUDIENCE });
    try {
      await refused(await sign(pair));
    } finally {
      verifier = createJwksVerifier({ keys: { keys: [rsa.jwk, ec.jwk] }, issuer: ISSUER, audience: AUDIENCE });
    }
  });

  it('refuses the signature of a stranger under a known key id', async () => {
    await refused(await sign(stranger));
  });

  it('refuses an unknown key id', async () => {
    await refused(await sign(rsa, {}, { kid: 'rsa-2' }));
  });

  it('refuses a key that the token brings along', async () => {
    await refused(await sign(stranger, {}, { jwk: stranger.jwk, kid: 'other' }));
  });

  it('refuses claims that were changed after signing', async () => {
    const [header, , signature] = (await sign(rsa)).split('.');
    const claims = { sub: '1', iss: ISSUER, aud: AUDIENCE, exp: nowSeconds() + 300 };
    await refused(`${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`);
  });

  it('refuses an expired token, a little late at most', async () => {
    await verifier.verify(await sign(rsa, { exp: nowSeconds() - 2 }));
    expect((await failureOf(verifier.verify(await sign(rsa, { exp: nowSeconds() - 10 })))).message).to.match(/expired/);
  });

  it('refuses a token before its time, by more than clocks differ', async () => {
    await verifier.verify(await sign(rsa, { nbf: nowSeconds() + 2 }));
    await refused(await sign(rsa, { nbf: nowSeconds() + 20 }));
  });

  it('refuses a token for somebody else or from somebody else', async () => {
    await refused(await sign(rsa, { aud: 'other' }));
    await refused(await sign(rsa, { iss: 'https://id.example.org/' }));
    await verifier.verify(await sign(rsa, { aud: ['other', AUDIENCE] }));
  });

  it('refuses a token without expiry, subject, issuer or audience', async () => {
    for (const claim of ['exp', 'sub', 'iss', 'aud']) await refused(await sign(rsa, { [claim]: undefined }));
  });

  it('refuses a token issued too long ago where there is a limit', async () => {
    const keys = { keys: [rsa.jwk] };
    const strict = createJwksVerifier({ keys, issuer: ISSUER, audience: AUDIENCE, maxAgeSeconds: 60 });
    await strict.verify(await sign(rsa));
    const old = await failureOf(strict.verify(await sign(rsa, { iat: nowSeconds() - 100 })));
    expect(old).to.be.instanceOf(Unauthenticated);
    const undated = await failureOf(strict.verify(await sign(rsa, { iat: undefined })));
    expect(undated).to.be.instanceOf(Unauthenticated);
  });

  it('refuses text that is no token', async () => {
    for (const text of ['', '..', 'a.b.c', `${await sign(rsa)}.x`, 'e30.e30.e30']) await refused(text);
  });

  it('tells nothing of the claims in a refusal', async () => {
    for (const change of [{ aud: 'other' }, { exp: nowSeconds() - 100 }]) {
      const text = await sign(rsa, { sub: 'ann@example.com', ...change });
      const error = await failureOf(verifier.verify(text));
      const shown = inspect(error, { depth: 10, showHidden: true });
      expect(shown).to.not.include('ann@example.com');
      expect(shown).to.not.include(text.slice(0, 30));
    }
  });
});

describe('Keys for JSON Web Tokens that are published by a server', () => {
  let first: Pair;
  let second: Pair;
  let server: Server;
  let published: JSONWebKeySet | string;
  let requests = 0;

  before(async () => {
    [first, second] = await Promise.all([keyPair('ES256', 'one'), keyPair('ES256', 'two')]);
  });
  beforeEach(async () => {
    published = { keys: [first.jwk] };
    requests = 0;
    server = createServer((_request, response) => {
      requests += 1;
      if (published === 'silence') return;
      response.statusCode = published === 'failure' ? 500 : 200;
      response.end(JSON.stringify(published));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const open = (more: Partial<JwksVerifierOptions> = {}) =>
    createJwksVerifier({
      keys: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`),
      issuer: ISSUER,
      audience: AUDIENCE,
      timeoutMs: 10_000,
      ...more,
    });

  it('are fetched once for many calls', async () => {
    const verifier = open();
    const text = await sign(first);
    await Promise.all(Array.from({ length: 20 }, () => verifier.verify(text)));
    expect(requests).to.equal(1);
  });

  it('are fetched again for a key id that is new', async () => {
    const verifier = open({ cooldownMs: 0 });
    await verifier.verify(await sign(first));
    published = { keys: [first.jwk, second.jwk] };
    await verifier.verify(await sign(second));
    await verifier.verify(await sign(first));
    expect(requests).to.equal(2);
  });

  it('are not fetched for every invented key id', async () => {
    const verifier = open();
    await verifier.verify(await sign(first));
    for (let index = 0; index < 10; index += 1) {
      const text = await sign(second, {}, { kid: `invented ${index}` });
      expect(await failureOf(verifier.verify(text))).to.be.instanceOf(Unauthenticated);
    }
    expect(requests).to.equal(1);
  });

  it('that cannot be fetched make the service unavailable, not the caller unknown', async () => {
    const text = await sign(first);
    for (const state of ['silence', 'failure', 'no keys'] as const) {
      published = state;
      const timeoutMs = state === 'silence' ? 100 : 10_000;
      expect(await failureOf(open({ timeoutMs }).verify(text)), state).to.be.instanceOf(ServiceUnavailable);
    }
    const unreachable = open();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const failure = await failureOf(unreachable.verify(text));
    expect(failure, 'unreachable').to.be.instanceOf(ServiceUnavailable).with.property('cause').that.is.an('error');
  });

  it('are asked for again once the server is back', async () => {
    published = 'failure';
    const verifier = open();
    const text = await sign(first);
    expect(await failureOf(verifier.verify(text))).to.be.instanceOf(ServiceUnavailable);
    published = { keys: [first.jwk] };
    await verifier.verify(text);
  });

  it('that are known stay in use while the server is down, which is told', async () => {
    let told = (_error: unknown): void => undefined;
    const fault = new Promise((resolve) => (told = resolve));
    const verifier = open({ renewAfterMs: 0, onFault: (error) => told(error) });
    const text = await sign(first);
    await verifier.verify(text);
    published = 'failure';
    await verifier.verify(text);
    expect(await fault).to.be.instanceOf(Error);
    await verifier.verify(text);
  });

  it('are fetched again from time to time, so that withdrawn ones end', async () => {
    const verifier = open({ renewAfterMs: 0 });
    const text = await sign(first);
    await verifier.verify(text);
    published = { keys: [second.jwk] };
    let failure: unknown;
    // They are fetched beside the calls, which takes as long as it takes.
    for (const until = performance.now() + 10_000; failure === undefined && performance.now() < until;) {
      await delay(5);
      failure = await verifier.verify(text).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(failure).to.be.instanceOf(Unauthenticated);
  });

  it('are fetched by https only, except on this machine', () => {
    const open = (url: string) => createJwksVerifier({ keys: new URL(url), issuer: ISSUER, audience: AUDIENCE });
    expect(() => open('http://id.example.com/jwks.json')).to.throw(TypeError, 'https');
    expect(() => open('ftp://localhost/jwks.json')).to.throw(TypeError, 'https');
    open('https://id.example.com/jwks.json');
    open('http://localhost:1/jwks.json');
  });
});

describe('The principal of a JSON Web Token', () => {
  const of = (claims: object) => principalOf({ sub: '42', ...claims }, roles, manifest);
  const permissionsOf = (claims: object) => [...of(claims).permissions].sort();

  it('is the user that the subject names, in the tenant that the token names', () => {
    expect(of({})).to.deep.equal({ id: 'user:42', kind: 'user', tenant: 'default', permissions: new Set() });
    expect(of({ tenant: 'acme' }).tenant).to.equal('acme');
  });

  it('holds the permissions of its roles and those named one by one', () => {
    expect(permissionsOf({ roles: ['auditor'], permissions: ['api-tokens:create'] })).to.deep.equal([
      'api-tokens:create',
      'api-tokens:list',
    ]);
    expect(permissionsOf({ roles: 'auditor admin' })).to.deep.equal(['*', 'api-tokens:list']);
  });

  it('holds nothing for names that mean nothing here', () => {
    expect(permissionsOf({ roles: ['offline_access', '__proto__'], permissions: ['mail:read'] })).to.deep.equal([]);
  });

  it('holds nothing by its scope alone', () => {
    expect(permissionsOf({ scope: 'api-tokens:list *' })).to.deep.equal([]);
  });

  it('is narrowed by a scope that names permissions', () => {
    expect(permissionsOf({ roles: ['admin'], scope: 'openid api-tokens:list' })).to.deep.equal(['api-tokens:list']);
    expect(permissionsOf({ roles: ['auditor'], scope: 'api-tokens:*' })).to.deep.equal(['api-tokens:list']);
    expect(permissionsOf({ roles: ['auditor'], scope: '*' })).to.deep.equal(['api-tokens:list']);
  });

  it('is narrowed to nothing by a scope that names permissions of others only', () => {
    expect(permissionsOf({ roles: ['admin'], scope: 'mail:read' })).to.deep.equal([]);
  });

  it('is not narrowed by a scope that names no permission', () => {
    expect(permissionsOf({ roles: ['auditor'], scope: 'openid profile' })).to.deep.equal(['api-tokens:list']);
  });

  it('takes claims from where the configuration says', () => {
    const names = { tenant: 'org', roles: 'https://example.com/roles', permissions: 'may', scope: 'scp' };
    const claims = { sub: '42', org: 'acme', 'https://example.com/roles': ['admin'], scp: ['api-tokens:list'] };
    const principal = principalOf(claims, roles, manifest, names);
    expect(principal.tenant).to.equal('acme');
    expect([...principal.permissions]).to.deep.equal(['api-tokens:list']);
  });

  it('is refused where a claim has the wrong form', () => {
    const wrong = [{ sub: '' }, { sub: 42 }, { sub: 'a b' }, { sub: 'x'.repeat(256) }, { tenant: 7 }, { tenant: '' }];
    const lists = [{ roles: 1 }, { roles: [1] }, { permissions: {} }, { scope: 5 }, { scope: [['a:b']] }];
    for (const claims of [...wrong, ...lists]) {
      expect(() => of(claims), JSON.stringify(claims)).to.throw(Unauthenticated);
    }
  });
});

describe('Authentication by JSON Web Token', () => {
  it('verifies a token again after half a minute, and never believes it beyond its expiry', async () => {
    const clock = { now: Date.now() };
    let verified = 0;
    const exp = clock.now / 1000 + 40;
    const verifier: JwtVerifier = {
      verify: () => {
        verified += 1;
        return Promise.resolve({ sub: '42', exp });
      },
    };
    const tokens = { repository: { find: () => Promise.resolve(undefined) }, secrets: tokenSecrets };
    const { authenticate } = createAuthenticator({ tokens, jwt: { verifier }, roles, manifest, now: () => clock.now });
    const at = async (seconds: number) => {
      clock.now += seconds * 1000;
      expect((await authenticate('Bearer a.b.c')).id).to.equal('user:42');
      return verified;
    };
    expect([await at(0), await at(29), await at(1), await at(9), await at(2)]).to.deep.equal([1, 1, 2, 2, 3]);
  });

  it('passes on that it cannot be told now whether a token holds', async () => {
    const verifier: JwtVerifier = { verify: () => Promise.reject(new ServiceUnavailable('later')) };
    const tokens = { repository: { find: () => Promise.resolve(undefined) }, secrets: tokenSecrets };
    const { authenticate } = createAuthenticator({ tokens, jwt: { verifier }, roles, manifest, now: Date.now });
    expect(await failureOf(Promise.resolve(authenticate('Bearer a.b.c')))).to.be.instanceOf(ServiceUnavailable);
  });
});
