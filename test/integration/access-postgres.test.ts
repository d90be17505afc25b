import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import {
  apiTokenHandlers,
  apiTokens,
  createAuthenticator,
  createRoles,
  permissionManifest,
} from '../../src/application/access/index.ts';
import { createTokenUses } from '../../src/application/access/token-uses.ts';
import type { Call, Principal, Reply } from '../../src/application/shared/call.ts';
import { compile } from '../../src/application/shared/pipeline.ts';
import { PermissionNotHeld } from '../../src/domain/access/errors.ts';
import { tokenSecrets } from '../../src/infrastructure/access/token-secrets.ts';
import { createPostgresRateCounters } from '../../src/infrastructure/postgres/postgres-rate-counters.ts';
import { SlidingWindows } from '../../src/infrastructure/rate-limit/sliding-windows.ts';
import { uuidHash } from '../../src/infrastructure/system/keyed-hash.ts';
import { createSealer } from '../../src/infrastructure/system/sealer.ts';
import { accessDatabase, type AccessDatabase } from '../support/access-database.ts';

const SECRET = new Uint8Array(32).fill(5);
const admin: Principal = { id: 'user:1', kind: 'user', tenant: 'default', permissions: new Set(['*']) };
const callWith = (idempotencyKey: string, principal = admin): Call => ({
  principal,
  correlationId: 'c',
  idempotencyKey,
});

/** One instance of the service on the database, with a clock of its own for its caches. */
function instance({ repository }: AccessDatabase) {
  const clock = { now: Date.now() };
  const manifest = permissionManifest([apiTokens]);
  const roles = createRoles({}, manifest);
  const uses = createTokenUses(repository);
  const tokens = { repository, secrets: tokenSecrets };
  const authenticator = createAuthenticator({ tokens, uses, roles, manifest, now: () => clock.now });
  const sealer = createSealer([{ id: 'a', secret: SECRET }]);
  const { forget } = authenticator;
  const mustNotBeKept = (): boolean => false;
  const ports = { repository, secrets: tokenSecrets, sealer, roles, manifest, forget, mustNotBeKept };
  const handlers = apiTokenHandlers(ports);
  const operations = compile(apiTokens, handlers, { hash: uuidHash(SECRET) });
  const run = async <Data>(verb: string, input: object, call: Call): Promise<Reply<Data>> =>
    (await operations.get(`ApiToken.${verb}`)?.invoke(input, call)) as Reply<Data>;
  const create = (input: object, call: Call) =>
    run<{ readonly id: string; readonly token: string }>('create', { name: 'test', ...input }, call);
  return { clock, uses, authenticator, run, create };
}

const failureOf = async (work: () => unknown): Promise<unknown> => {
  try {
    return await work();
  } catch (error) {
    return error;
  }
};

describe('API tokens on PostgreSQL', () => {
  let database: AccessDatabase;
  before(async () => (database = await accessDatabase()));
  after(() => database.close());

  it('are shown once more to a repeat on another instance, and are nowhere readable in the database', async () => {
    const [one, two] = [instance(database), instance(database)];
    const call = callWith('a-key-of-a-client');
    const first = await one.create({ permissions: ['api-tokens:*'] }, call);
    const again = await two.create({ permissions: ['api-tokens:*'] }, call);
    expect(again.data).to.deep.equal(first.data);
    expect([first.replayed, again.replayed]).to.deep.equal([false, true]);
    expect(again.position).to.equal(first.position);
    const secretPart = first.data.token.split('_').slice(2).join('_');
    for (const { dump } of await everything(database.ownerUrl)) {
      expect(dump).to.not.include(secretPart);
      expect(dump).to.not.include('a-key-of-a-client');
    }
  });

  it('that are revoked end at once on that instance and within a second on the others', async () => {
    const [one, two] = [instance(database), instance(database)];
    const { data } = await one.create({}, callWith('revoked'));
    const header = `Bearer ${data.token}`;
    await one.authenticator.authenticate(header);
    await two.authenticator.authenticate(header);
    await one.run('revoke', { id: data.id }, callWith('revoke'));
    expect(await failureOf(() => one.authenticator.authenticate(header))).to.match(/revoked/);
    two.clock.now += 1000;
    expect(await failureOf(() => two.authenticator.authenticate(header))).to.match(/revoked/);
  });

  it('that were refused stay refused for a repeat, with the same error', async () => {
    const poor: Principal = { ...admin, permissions: new Set(['api-tokens:create']) };
    const errors = [];
    for (const one of [instance(database), instance(database)]) {
      errors.push(await failureOf(() => one.create({ permissions: ['api-tokens:list'] }, callWith('poor', poor))));
    }
    for (const error of errors) {
      expect(error).to.be.instanceOf(PermissionNotHeld);
      expect((error as PermissionNotHeld).details).to.deep.equal({ permissions: ['api-tokens:list'] });
    }
  });

  it('wait for somebody who holds them, and are then revoked as he left them', async () => {
    const one = instance(database);
    const { data } = await one.create({}, callWith('held'));
    const holder = await database.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(
        `UPDATE access.api_tokens SET revoked_at = now(), revoked_by = 'somebody', version = 2 WHERE id = $1`,
        [data.id],
      );
      const revoking = one.run<{ revokedAt: string }>('revoke', { id: data.id }, callWith('later'));
      await sleep(50);
      await holder.query('COMMIT');
      await revoking;
    } finally {
      holder.release();
    }
    expect((await database.repository.find(data.id))?.toSnapshot()).to.deep.include({
      revokedBy: 'somebody',
      version: 2,
    });
  });

  it('remember their last use once it is flushed', async () => {
    const one = instance(database);
    const { data } = await one.create({}, callWith('used'));
    await one.authenticator.authenticate(`Bearer ${data.token}`);
    await one.uses.flush();
    const listed = await database.repository.list({ tenant: 'default', limit: 100 });
    const used = listed.find(({ token }) => token.id === data.id);
    expect(used?.lastUsedAt?.getTime()).to.equal(one.clock.now);
  });

  it('cannot be given other rights by the application, nor disappear', async () => {
    const { data } = await instance(database).create({}, callWith('fixed'));
    const attempts = [
      `UPDATE access.api_tokens SET permissions = '{*}' WHERE id = $1`,
      `UPDATE access.api_tokens SET roles = '{admin}' WHERE id = $1`,
      `UPDATE access.api_tokens SET hash = sha256('x') WHERE id = $1`,
      `UPDATE access.api_tokens SET expires_at = NULL WHERE id = $1`,
      `UPDATE access.api_tokens SET tenant = 'other' WHERE id = $1`,
      `DELETE FROM access.api_tokens WHERE id = $1`,
    ];
    for (const text of attempts) {
      const error = await failureOf(() => database.pool.query(text, [data.id]));
      expect(error, text).to.have.property('code', '42501');
    }
    const truncating = await failureOf(() => database.pool.query('TRUNCATE access.api_tokens'));
    expect(truncating).to.have.property('code', '42501');
  });
});

describe('Rate limits of two instances on PostgreSQL', () => {
  let database: AccessDatabase;
  before(async () => (database = await accessDatabase()));
  after(() => database.close());

  const hash = uuidHash(SECRET);
  const limit = { max: 10, windowMs: 60_000 };

  it('admit the limit together, once each has merged', async () => {
    const at = Date.now();
    const open = () => new SlidingWindows({ shared: createPostgresRateCounters(database.pool, hash) });
    const [one, two] = [open(), open()];
    for (let index = 0; index < 7; index += 1) expect(one.take('user:1', limit, at)).to.equal(0);
    expect(two.take('user:1', limit, at)).to.equal(0);
    await one.merge();
    await two.merge();
    expect(two.remaining('user:1', limit, at)).to.equal(2);
    const { rows } = await database.pool.query<{ dump: string }>(
      `SELECT string_agg(counts::text, ' ') AS dump FROM access.rate_counts AS counts`,
    );
    expect(rows[0]?.dump).to.be.a('string').and.not.include('user:1');
  });

  it('leave no rows behind that count for nothing any more', async () => {
    const counters = createPostgresRateCounters(database.pool, hash);
    const now = Math.floor(Date.now() / 1000);
    const count = (window: number) => ({ key: `key ${window}`, windowMs: 1000, window, hits: 1 });
    await counters.exchange([count(now - 100), count(now + 100)]);
    for (let exchanges = 1; exchanges < 60; exchanges += 1) await counters.exchange([]);
    const totals = await counters.exchange([
      { ...count(now - 100), hits: 0 },
      { ...count(now + 100), hits: 0 },
    ]);
    expect(totals).to.deep.equal([0, 1]);
  });
});

/** The contents of every table, as text. */
async function everything(ownerUrl: string): Promise<readonly { readonly dump: string }[]> {
  const owner = new pg.Client(ownerUrl);
  await owner.connect();
  try {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    expect(rows.map(({ name }) => name)).to.include.members(['access.api_tokens', 'portolan.receipts']);
    const dumps = [];
    for (const { name } of rows) {
      const result = await owner.query<{ dump: string }>(
        `SELECT coalesce(string_agg(line::text, ' '), '') AS dump FROM ${name} AS line`,
      );
      dumps.push(...result.rows);
    }
    return dumps;
  } finally {
    await owner.end();
  }
}
