import { inspect } from 'node:util';
import { expect } from 'chai';
import { createAuthenticator, type AuthenticatorPorts } from '../../src/application/access/authenticate.ts';
import { apiTokens } from '../../src/application/access/contract.ts';
import { permissionManifest } from '../../src/application/access/permission-manifest.ts';
import { createRoles } from '../../src/application/access/roles.ts';
import { forgetRevoked, TOKEN_TTL_MS } from '../../src/application/access/token-cache.ts';
import { createTokenUses } from '../../src/application/access/token-uses.ts';
import type { Principal } from '../../src/application/shared/call.ts';
import { Unauthenticated } from '../../src/application/shared/errors.ts';
import type { LoggedEvent } from '../../src/application/shared/event-log.ts';
import { ApiToken } from '../../src/domain/access/api-token.ts';
import { UnknownPermission } from '../../src/domain/access/errors.ts';
import { tokenSecrets } from '../../src/infrastructure/access/token-secrets.ts';

const START = Date.UTC(2026, 0, 1);
const manifest = permissionManifest([apiTokens]);
const roles = createRoles({ auditor: ['api-tokens:list'] }, manifest);

/** A store of tokens that counts how often it is asked, and can be told to wait. */
function setUp(more: Partial<AuthenticatorPorts> = {}) {
  const clock = { now: START };
  const stored = new Map<string, ApiToken>();
  const asked: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  const repository = {
    async find(id: string) {
      asked.push(id);
      const found = stored.get(id);
      await gate;
      return found;
    },
  };
  const authenticator = createAuthenticator({
    tokens: { repository, secrets: tokenSecrets },
    roles,
    manifest,
    now: () => clock.now,
    ...more,
  });
  const issue = (change: Partial<Parameters<typeof ApiToken.create>[0]> = {}) => {
    const { id, text, hash } = tokenSecrets.issue();
    const from = { tenant: 'acme', name: 'x', permissions: ['api-tokens:create'], roles: ['auditor'], expiresAt: null };
    stored.set(id, ApiToken.create({ id, hash, createdBy: 'user:1', ...from, ...change }, new Date(START - 1)));
    return { id, text, header: `Bearer ${text}` };
  };
  const revoke = (id: string) => {
    const token = stored.get(id);
    if (token !== undefined) stored.set(id, token.revoke('user:1', new Date(clock.now)));
  };
  const hold = () => {
    let release = (): void => undefined;
    gate = new Promise((resolve) => (release = resolve));
    return () => release();
  };
  const failureOf = async (header: string | undefined): Promise<unknown> => {
    try {
      return await authenticator.authenticate(header);
    } catch (error) {
      return error;
    }
  };
  return { clock, stored, asked, authenticator, issue, revoke, hold, failureOf };
}

/** A token that was revoked, and forgotten, while the look-up that `release` lets go on had read it. */
function forgottenWhileRead() {
  const { authenticator, issue, revoke, hold, failureOf } = setUp();
  const { id, header } = issue();
  const release = hold();
  const early = authenticator.authenticate(header);
  revoke(id);
  authenticator.forget(id);
  return { header, failureOf, early, release, hold };
}

describe('Authentication', () => {
  it('takes a caller without credentials for the anonymous one, who may do nothing by default', async () => {
    const { authenticator } = setUp();
    const principal = await authenticator.authenticate(undefined);
    expect(principal).to.deep.equal({
      id: 'anonymous',
      kind: 'anonymous',
      tenant: 'default',
      permissions: new Set(),
    });
  });

  it('gives the anonymous caller what the configuration says, if that exists', async () => {
    const { authenticator } = setUp({ anonymousPermissions: ['api-tokens:list'] });
    expect([...(await authenticator.authenticate(undefined)).permissions]).to.deep.equal(['api-tokens:list']);
    expect(() => setUp({ anonymousPermissions: ['nothing:such'] })).to.throw(UnknownPermission, 'nothing:such');
  });

  it('accepts an API token with its tenant, its permissions and those of its roles', async () => {
    const { authenticator, issue } = setUp();
    const { id, header } = issue();
    expect(await authenticator.authenticate(header)).to.deep.equal({
      id: `token:${id}`,
      kind: 'token',
      tenant: 'acme',
      permissions: new Set(['api-tokens:create', 'api-tokens:list']),
    });
  });

  it('gives nothing for a role that the configuration has no more', async () => {
    const { authenticator, issue } = setUp();
    const { header } = issue({ roles: ['gone'], permissions: [] });
    expect((await authenticator.authenticate(header)).permissions.size).to.equal(0);
  });

  it('answers at once for a token in use, and looks at most once a second', async () => {
    const { authenticator, issue, asked, clock } = setUp();
    const { header } = issue();
    const principal = await authenticator.authenticate(header);
    clock.now += TOKEN_TTL_MS - 1;
    expect(authenticator.authenticate(header)).to.equal(principal);
    expect(asked).to.have.length(1);
    clock.now += 1;
    await authenticator.authenticate(header);
    expect(asked).to.have.length(2);
  });

  it('looks a token up once for all who present it at the same time', async () => {
    const { authenticator, issue, asked } = setUp();
    const { header } = issue();
    await Promise.all(Array.from({ length: 50 }, async () => authenticator.authenticate(header)));
    expect(asked).to.have.length(1);
  });

  it('looks again after a look-up has failed', async () => {
    const { issue } = setUp();
    const { header } = issue();
    let fails = true;
    const repository = {
      find: () => (fails ? Promise.reject(new Error('down')) : Promise.resolve(undefined)),
    };
    const { failureOf } = setUp({ tokens: { repository, secrets: tokenSecrets } });
    expect(((await failureOf(header)) as Error).message).to.equal('down');
    fails = false;
    expect(await failureOf(header)).to.be.instanceOf(Unauthenticated);
  });

  it('refuses a token that was revoked elsewhere within a second', async () => {
    const { authenticator, issue, revoke, failureOf, clock } = setUp();
    const { id, header } = issue();
    await authenticator.authenticate(header);
    revoke(id);
    clock.now += 1000;
    expect(await failureOf(header)).to.match(/revoked/);
  });

  it('refuses a token at once that it is told to forget, even while reading it', async () => {
    const { header, failureOf, early, release } = forgottenWhileRead();
    const late = failureOf(header);
    release();
    await early;
    expect(await late).to.match(/revoked/);
    expect(await failureOf(header)).to.match(/revoked/);
  });

  it('does not believe a slow look-up that began before a token was forgotten', async () => {
    const { header, failureOf, early, release, hold } = forgottenWhileRead();
    hold()();
    expect(await failureOf(header)).to.match(/revoked/);
    release();
    await early;
    expect(await failureOf(header)).to.match(/revoked/);
  });

  it('forgets tokens of which live events say that they were revoked', async () => {
    const { authenticator, issue, revoke, failureOf } = setUp();
    const { id, header } = issue();
    await authenticator.authenticate(header);
    revoke(id);
    const event = { type: 'api_token.revoked', payload: { tokenId: id } } as unknown as LoggedEvent;
    forgetRevoked(authenticator)([event]);
    expect(await failureOf(header)).to.match(/revoked/);
  });

  it('refuses a token from the millisecond of its expiry on', async () => {
    const { authenticator, issue, failureOf, clock } = setUp();
    const { header } = issue({ expiresAt: new Date(START + 500) });
    clock.now += 499;
    await authenticator.authenticate(header);
    clock.now += 1;
    expect(await failureOf(header)).to.match(/expired/);
  });

  it('refuses a token whose id is right and whose secret is not', async () => {
    const { authenticator, issue, failureOf, stored } = setUp();
    const [mine, theirs] = [issue(), issue()];
    const token = stored.get(theirs.id);
    // The text of one token under the id of the other: what somebody would try who knows ids from a list.
    if (token !== undefined) stored.set(mine.id, token);
    expect(await failureOf(mine.header)).to.be.instanceOf(Unauthenticated);
    await authenticator.authenticate(theirs.header);
  });

  it('asks nobody about text that cannot be a token', async () => {
    const { issue, asked, failureOf } = setUp();
    const { text } = issue();
    const typo = text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
    for (const wrong of [typo, `${text}0`, text.toUpperCase(), text.slice(1), 'ptl_', 'a.b', 'secret']) {
      expect(await failureOf(`Bearer ${wrong}`), wrong).to.be.instanceOf(Unauthenticated);
    }
    expect(asked).to.have.length(0);
  });

  it('refuses credentials of other kinds, and never takes them for none', async () => {
    const { issue, failureOf } = setUp({ anonymousPermissions: ['*'] });
    const { text } = issue();
    const jwt = 'eyJhbGciOiJub25lIn0.e30.';
    for (const header of ['', ' ', 'Bearer', 'Bearer ', `Basic ${text}`, text, `Bearer ${text} x`, `Bearer ${jwt}`]) {
      expect(await failureOf(header), header).to.be.instanceOf(Unauthenticated);
    }
    expect(await failureOf(`Bearer ${'a'.repeat(100_000)}`)).to.be.instanceOf(Unauthenticated);
  });

  it('takes the scheme in any case', async () => {
    const { authenticator, issue } = setUp();
    const { id, text } = issue();
    expect((await authenticator.authenticate(`bearer  ${text}`)).id).to.equal(`token:${id}`);
  });

  it('accepts static tokens, known by their hash', async () => {
    const principal: Principal = { id: 'user:admin', kind: 'user', tenant: 'default', permissions: new Set(['*']) };
    const { text, hash } = tokenSecrets.issue();
    const { authenticator, failureOf } = setUp({ staticTokens: [{ hash, principal }] });
    expect(authenticator.authenticate(`Bearer ${text}`)).to.equal(principal);
    expect(await failureOf(`Bearer ${hash}`)).to.be.instanceOf(Unauthenticated);
  });

  it('tells nothing of the credentials in any refusal', async () => {
    const { issue, revoke, failureOf, stored } = setUp();
    const [revoked, unknown] = [issue(), issue()];
    revoke(revoked.id);
    stored.delete(unknown.id);
    const cut = `${unknown.text.slice(0, -1)}_`;
    for (const text of [revoked.text, unknown.text, cut, 'opensesame', 'eyJhIjoib3BlbnNlc2FtZSJ9.opensesame.x']) {
      const error = await failureOf(`Bearer ${text}`);
      expect(error).to.be.instanceOf(Unauthenticated);
      const shown = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
      expect(shown).to.not.match(/ptl_|opensesame/);
      expect(shown).to.not.include(tokenSecrets.hash(text));
    }
  });
});

describe('The last use of a token', () => {
  it('is stored once a minute however often the token is used', async () => {
    const stored: (readonly [string, Date])[] = [];
    const uses = createTokenUses({
      recordUses: (some) => {
        stored.push(...some);
        return Promise.resolve();
      },
    });
    for (let second = 0; second < 120; second += 1) {
      uses.note('a', START + second * 1000);
      await uses.flush();
    }
    expect(stored.map(([, at]) => at.getTime() - START)).to.deep.equal([0, 60_000]);
  });

  it('is kept until it can be stored', async () => {
    const stored: string[] = [];
    let fails = true;
    const uses = createTokenUses({
      recordUses: (some) => {
        if (fails) return Promise.reject(new Error('down'));
        stored.push(...some.keys());
        return Promise.resolve();
      },
    });
    uses.note('a', START);
    const failure = await uses.flush().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    uses.note('b', START);
    fails = false;
    await uses.flush();
    await uses.flush();
    expect(stored).to.deep.equal(['a', 'b']);
  });

  it('is noted for tokens that are accepted, and no others', async () => {
    const noted: string[] = [];
    const { issue, revoke, failureOf } = setUp({ uses: { note: (id) => noted.push(id) } });
    const [good, revoked] = [issue(), issue()];
    revoke(revoked.id);
    await failureOf(good.header);
    await failureOf(revoked.header);
    expect(noted).to.deep.equal([good.id]);
  });
});
