import { expect } from 'chai';
import fc from 'fast-check';
import {
  apiTokenHandlers,
  apiTokens,
  createAuthenticator,
  createRoles,
  permissionManifest,
} from '../../src/application/access/index.ts';
import type { Call, Principal, Reply } from '../../src/application/shared/call.ts';
import { InvalidInput, PermissionDenied } from '../../src/application/shared/errors.ts';
import { compile } from '../../src/application/shared/pipeline.ts';
import type { Sealer } from '../../src/application/shared/sealer.ts';
import {
  ApiTokenNotFound,
  CreatorNoLongerActive,
  InvalidTokenExpiry,
  PermissionNotHeld,
  UnknownPermission,
  UnknownRole,
} from '../../src/domain/access/errors.ts';
import { ACROSS_TENANTS, missingFrom } from '../../src/domain/shared/permission.ts';
import type { CommandContext, NewEvent } from '../../src/domain/shared/decision.ts';
import { tokenSecrets } from '../../src/infrastructure/access/token-secrets.ts';
import { createMemoryApiTokens } from '../../src/infrastructure/memory/memory-api-tokens.ts';
import { uuidHash } from '../../src/infrastructure/system/keyed-hash.ts';
import { createSealer } from '../../src/infrastructure/system/sealer.ts';

const START = Date.UTC(2026, 0, 1);
const SECRET = new Uint8Array(32).fill(3);

const principal = (permissions: readonly string[], id = 'user:1', tenant = 'default'): Principal => ({
  id,
  kind: id.startsWith('token:') ? 'token' : 'user',
  tenant,
  permissions: new Set(permissions),
});
const admin = principal(['*']);

interface Shown {
  readonly id: string;
  readonly token: string;
  readonly tenant: string;
  readonly permissions: readonly string[];
}

function setUp() {
  const clock = { now: START };
  const log: { readonly event: NewEvent; readonly context: CommandContext }[] = [];
  const repository = createMemoryApiTokens({
    now: () => new Date(clock.now),
    append: (events, context) => {
      log.push(...events.map((event) => ({ event, context })));
      return BigInt(log.length);
    },
  });
  const manifest = permissionManifest([apiTokens]);
  const roles = createRoles({ auditor: ['api-tokens:list'] }, manifest);
  const authenticator = createAuthenticator({
    tokens: { repository, secrets: tokenSecrets },
    roles,
    manifest,
    now: () => clock.now,
  });
  const { forget } = authenticator;
  const real = createSealer([{ id: 'a', secret: SECRET }]);
  const sealedFor: string[] = [];
  const sealer: Sealer = {
    seal(plain, context) {
      sealedFor.push(context);
      return real.seal(plain, context);
    },
    open: (sealed, context) => real.open(sealed, context),
  };
  const mustNotBeKept = (text: string): boolean => text.includes('7K3M');
  const ports = { repository, secrets: tokenSecrets, sealer, roles, manifest, forget, mustNotBeKept };
  const handlers = apiTokenHandlers(ports);
  const operations = compile(apiTokens, handlers, { hash: uuidHash(SECRET) });
  let keys = 0;
  const run = async <Data>(verb: string, input: unknown, by: Principal, more: Partial<Call> = {}) => {
    const call: Call = {
      principal: by,
      correlationId: 'c',
      idempotencyKey: `key ${(keys += 1)}`.replace(' ', '-'),
      ...more,
    };
    return (await operations.get(`ApiToken.${verb}`)?.invoke(input, call)) as Reply<Data>;
  };
  const create = async (input: object, by: Principal = admin, more: Partial<Call> = {}) =>
    (await run<Shown>('create', { name: 'test', ...input }, by, more)).data;
  const bearerOf = async ({ token }: Shown) => authenticator.authenticate(`Bearer ${token}`);
  return { clock, log, sealedFor, run, create, bearerOf, authenticator };
}

const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('Creating an API token', () => {
  it('answers with a token that authenticates with the permissions given', async () => {
    const { create, bearerOf } = setUp();
    const shown = await create({ permissions: ['api-tokens:list'], roles: ['auditor'] });
    const bearer = await bearerOf(shown);
    expect(bearer).to.deep.include({ id: `token:${shown.id}`, kind: 'token', tenant: 'default' });
    expect([...bearer.permissions]).to.deep.equal(['api-tokens:list']);
  });

  it('makes a token of the form that secret scanners know', async () => {
    const { create } = setUp();
    const { id, token } = await create({});
    expect(token).to.match(/^ptl_[0-9a-f]{24}_[A-Za-z0-9_-]{43}[0-9a-z]{7}$/);
    expect(token).to.include(id);
    expect(tokenSecrets.idOf(token)).to.equal(id);
    for (let index = 4; index < token.length; index += 1) {
      const other = token[index] === 'a' ? 'b' : 'a';
      const typo = token.slice(0, index) + other + token.slice(index + 1);
      expect(tokenSecrets.idOf(typo), `changed at ${index}`).to.equal(undefined);
    }
  });

  it('shows the same token again to a repeat with the same key, and creates no second one', async () => {
    const { create, run } = setUp();
    const first = await create({}, admin, { idempotencyKey: 'once' });
    const again = await run<Shown>('create', { name: 'test' }, admin, { idempotencyKey: 'once' });
    expect(again.replayed).to.equal(true);
    expect(again.data).to.deep.equal(first);
    const { data } = await run<{ tokens: readonly unknown[] }>('list', {}, admin);
    expect(data.tokens).to.have.length(1);
  });

  it('keeps it sealed for whoever has the same key', async () => {
    const { create, sealedFor } = setUp();
    await create({}, admin, { idempotencyKey: 'known-to-the-client' });
    await create({}, admin, { idempotencyKey: 'another' });
    expect(sealedFor[0]).to.include('known-to-the-client').and.include('user:1');
    expect(new Set(sealedFor).size).to.equal(2);
  });

  it('shows a token to nobody else who uses the same key', async () => {
    const { create } = setUp();
    const first = await create({}, admin, { idempotencyKey: 'once' });
    const other = await create({}, principal(['*'], 'user:2'), { idempotencyKey: 'once' });
    expect(other.token).to.not.equal(first.token);
  });

  it('publishes who may do what, without token, hash or name', async () => {
    const { create, log } = setUp();
    const shown = await create({ name: 'Of Ann', permissions: ['api-tokens:list'], expiresAt: '2027-01-01T00:00:00Z' });
    expect(log.map(({ event }) => event)).to.deep.equal([
      {
        stream: `api_token:${shown.id}`,
        streamVersion: 1,
        type: 'api_token.created',
        payload: {
          tokenId: shown.id,
          createdBy: 'user:1',
          permissions: ['api-tokens:list'],
          roles: [],
          expiresAt: '2027-01-01T00:00:00.000Z',
        },
      },
    ]);
    expect(apiTokens.events['api_token.created'].payload.safeParse(log[0]?.event.payload).success).to.equal(true);
  });

  it('answers as the contract says', async () => {
    const { create } = setUp();
    const shown = await create({ permissions: ['api-tokens:*'] });
    expect(apiTokens.operations.create.output.strict().safeParse(shown).error).to.equal(undefined);
  });

  it('gives no permission that the creator lacks, whatever sets are tried', async () => {
    const { create } = setUp();
    const all = permissionManifest([apiTokens]).entries.map(({ permission }) => permission);
    const some = fc.uniqueArray(fc.constantFrom(...all), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(some, some, async (held, wanted) => {
        const creator = principal([...held, 'api-tokens:create']);
        const missing = missingFrom(creator.permissions, wanted);
        const outcome = await create({ permissions: wanted }, creator).catch((error: unknown) => error);
        if (missing.length === 0) expect(outcome).to.have.property('token');
        else expect((outcome as PermissionNotHeld).details).to.deep.equal({ permissions: missing });
      }),
      { numRuns: 500 },
    );
  });

  it('gives no role whose permissions the creator lacks', async () => {
    const { create } = setUp();
    const creator = principal(['api-tokens:create', 'api-tokens:list']);
    await create({ roles: ['auditor'] }, creator);
    const error = await failure(create({ roles: ['admin'] }, creator));
    expect(error).to.be.instanceOf(PermissionNotHeld);
  });

  it('names permissions and roles that do not exist, and the field that has them', async () => {
    const { create } = setUp();
    const permission = (await failure(create({ permissions: ['gift-card:redeem'] }))) as UnknownPermission;
    expect(permission).to.be.instanceOf(UnknownPermission);
    const issue = { path: 'permissions', message: permission.message };
    expect(permission.details).to.deep.equal({ permissions: ['gift-card:redeem'], issues: [issue] });
    const role = (await failure(create({ roles: ['owner', 'constructor'] }))) as UnknownRole;
    expect(role).to.be.instanceOf(UnknownRole);
    const issues = [{ path: 'roles', message: role.message }];
    expect(role.details).to.deep.equal({ roles: ['owner', 'constructor'], issues });
  });

  it('refuses a name that must not be kept, without telling it, and stores nothing', async () => {
    const { create, run, log } = setUp();
    const error = (await failure(create({ name: 'Till of GIFT-7K3M' }))) as InvalidInput;
    expect(error).to.be.instanceOf(InvalidInput);
    expect(error.details).to.have.nested.property('issues[0].path', 'name');
    expect(JSON.stringify([error.message, error.details])).to.not.include('7K3M');
    expect(log).to.deep.equal([]);
    expect((await run<{ readonly tokens: readonly unknown[] }>('list', {}, admin)).data.tokens).to.deep.equal([]);
  });

  it('refuses an expiry that has passed', async () => {
    const { create } = setUp();
    const error = await failure(create({ expiresAt: new Date(START).toISOString() }));
    expect(error).to.be.instanceOf(InvalidTokenExpiry);
  });

  it('with a token gives none that lives longer', async () => {
    const { create, bearerOf } = setUp();
    const parent = await bearerOf(await create({ permissions: ['*'], expiresAt: '2026-06-01T00:00:00Z' }));
    for (const expiresAt of [undefined, '2026-06-01T00:00:01Z']) {
      expect(await failure(create({ expiresAt }, parent))).to.be.instanceOf(InvalidTokenExpiry);
    }
    await create({ expiresAt: '2026-06-01T00:00:00Z' }, parent);
  });

  it('with a token fails once that is revoked, even for a call that was let in before', async () => {
    const { create, bearerOf, run } = setUp();
    const shown = await create({ permissions: ['*'] });
    const parent = await bearerOf(shown);
    await run('revoke', { id: shown.id }, admin);
    expect(await failure(create({}, parent))).to.be.instanceOf(CreatorNoLongerActive);
  });

  it('in another tenant needs the permission for it by name', async () => {
    const { create, bearerOf, log } = setUp();
    expect(await failure(create({ tenant: 'acme' }))).to.be.instanceOf(PermissionDenied);
    const shown = await create({ tenant: 'acme' }, principal(['*', ACROSS_TENANTS]));
    expect((await bearerOf(shown)).tenant).to.equal('acme');
    expect(log.at(-1)?.context.tenant).to.equal('acme');
  });
});

describe('Revoking an API token', () => {
  it('ends it at once', async () => {
    const { create, bearerOf, run } = setUp();
    const shown = await create({});
    await bearerOf(shown);
    await run('revoke', { id: shown.id }, admin);
    expect(await failure(bearerOf(shown))).to.match(/revoked/);
  });

  it('again changes nothing and answers the same', async () => {
    const { clock, create, run, log } = setUp();
    const { id } = await create({});
    const first = await run('revoke', { id }, admin);
    clock.now += 1000;
    const second = await run('revoke', { id }, principal(['*'], 'user:2'));
    expect(second.data).to.deep.equal(first.data);
    expect(log.map(({ event }) => event.type)).to.deep.equal(['api_token.created', 'api_token.revoked']);
    expect(log[1]?.event.payload).to.deep.equal({ tokenId: id, revokedBy: 'user:1' });
  });

  it('finds no token of another tenant, and none at all', async () => {
    const { create, run } = setUp();
    const { id } = await create({});
    const stranger = principal(['*'], 'user:1', 'acme');
    const other = await failure(run('revoke', { id }, stranger));
    const none = await failure(run('revoke', { id: '0'.repeat(24) }, admin));
    expect(other).to.be.instanceOf(ApiTokenNotFound);
    expect((none as Error).message).to.equal((other as Error).message);
  });

  it('with the right to own tokens reaches those that the caller created, and itself', async () => {
    const { create, bearerOf, run } = setUp();
    const own = ['api-tokens:create', 'api-tokens:revoke:own'];
    const creator = principal(own, 'user:2');
    const mine = await create({ permissions: ['api-tokens:revoke:own'] }, creator);
    const others = await create({});
    expect(await failure(run('revoke', { id: others.id }, creator))).to.be.instanceOf(ApiTokenNotFound);
    const bearer = await bearerOf(mine);
    await run('revoke', { id: mine.id }, bearer);
    const second = await create({}, creator);
    await run('revoke', { id: second.id }, creator);
    expect(await failure(bearerOf(second))).to.match(/revoked/);
  });
});

describe('Listing API tokens', () => {
  interface Page {
    readonly tokens: readonly { readonly id: string }[];
  }

  it('goes through all of a tenant page by page, without texts and hashes', async () => {
    const { create, run } = setUp();
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) ids.push((await create({ permissions: ['api-tokens:list'] })).id);
    await create({ tenant: 'acme' }, principal(['*', ACROSS_TENANTS]));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page: Reply<Page> = await run<Page>('list', { limit: 3, cursor }, admin);
      expect(apiTokens.operations.list.output.strict().safeParse(page.data).error).to.equal(undefined);
      expect(JSON.stringify(page.data)).to.not.match(/ptl_|[0-9a-f]{64}|hash/);
      seen.push(...page.data.tokens.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).to.deep.equal(ids.sort());
  });

  it('shows only their own to callers who may see no others', async () => {
    const { create, run } = setUp();
    await create({});
    const caller = principal(['api-tokens:create', 'api-tokens:list:own'], 'user:2');
    const { id } = await create({}, caller);
    const { data } = await run<Page>('list', {}, caller);
    expect(data.tokens.map((token) => token.id)).to.deep.equal([id]);
    const other = await failure(run('list', { tenant: 'acme' }, principal(['api-tokens:list:own', ACROSS_TENANTS])));
    expect(other).to.be.instanceOf(PermissionDenied);
  });
});

describe('The permission manifest', () => {
  it('lists wildcards, operations, their own forms and further permissions with what they allow', () => {
    const { entries } = permissionManifest([apiTokens]);
    expect(entries.map(({ permission }) => permission)).to.deep.equal([
      '*',
      'api-tokens:*',
      'api-tokens:create',
      'api-tokens:list',
      'api-tokens:list:own',
      'api-tokens:revoke',
      'api-tokens:revoke:own',
      ACROSS_TENANTS,
    ]);
    expect(entries.every(({ summary }) => summary.length > 10)).to.equal(true);
  });
});

describe('Roles', () => {
  const manifest = permissionManifest([apiTokens]);

  it('have one that holds everything, and those of the configuration', () => {
    const roles = createRoles({ auditor: ['api-tokens:list'] }, manifest);
    expect(roles.names).to.deep.equal(['admin', 'auditor']);
    expect(roles.permissionsOf(['admin', 'auditor', 'unknown'])).to.deep.equal(['*', 'api-tokens:list']);
  });

  it('name every permission that no contract has', () => {
    const table = { one: ['api-tokens:list', 'api-tokens:lst'], two: ['gift-cards:*'] };
    expect(() => createRoles(table, manifest)).to.throw(
      UnknownPermission,
      'api-tokens:lst in role one, gift-cards:* in role two',
    );
  });

  it('leave admin as it is', () => {
    expect(() => createRoles({ admin: [] }, manifest)).to.throw(TypeError);
  });
});
