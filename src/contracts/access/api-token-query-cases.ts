import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { created, found, revoke, type ApiTokenCase, type ApiTokenSite } from './api-token-scenario.ts';

const lastUse = async ({ repository }: ApiTokenSite, tenant: string): Promise<string | undefined> => {
  const [listed] = await repository.list({ tenant, limit: 1 });
  return listed?.lastUsedAt?.toISOString();
};

/** What `find`, `list` and `recordUses` promise. */
export const queryCases: readonly ApiTokenCase[] = [
  {
    title: 'gives back a token exactly as it was stored',
    async run(site) {
      const values = {
        tenant: 'Ümläut-ß',
        name: `'"\\ {null} “码” 🎁 \u200f`,
        permissions: ['*', 'gift-cards:redeem:own', 'a"b{,}'],
        roles: ['admin', 'NULL', ''],
        createdBy: 'user:ünï',
        expiresAt: new Date('2262-12-31T23:59:59.999Z'),
      };
      const state = (await created(site, values)).toSnapshot();
      assert.deepEqual({ ...state, ...values }, state);
      assert.deepEqual([state.revokedAt, state.revokedBy, state.version], [null, null, 1]);
      assert.match(state.hash, /^[0-9a-f]{64}$/);
    },
  },
  {
    title: 'gives back a token without end, permissions and roles, and without events that are stored',
    async run(site) {
      const token = await created(site, { permissions: [], roles: [] });
      const { permissions, roles, expiresAt } = token.toSnapshot();
      assert.deepEqual([permissions, roles, expiresAt, token.events], [[], [], null, []]);
    },
  },
  {
    title: 'finds tokens of every tenant by id, and nothing for an unknown one',
    async run(site) {
      const token = await created(site, { tenant: 'acme' });
      assert.equal(found(await site.repository.find(token.id)).tenant, 'acme');
      assert.equal(await site.repository.find('0'.repeat(24)), undefined);
    },
  },
  {
    title: "lists a tenant's tokens in order of id, page by page, revoked ones included",
    async run(site) {
      const tenant = randomUUID();
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) ids.push((await created(site, { tenant })).id);
      await created(site, { tenant: randomUUID() });
      ids.sort();
      await revoke(site, ids[3] ?? '', { tenant });
      const first = await site.repository.list({ tenant, limit: 3 });
      const rest = await site.repository.list({ tenant, limit: 3, after: first.at(-1)?.token.id });
      assert.deepEqual(
        [first, rest].map((page) => page.map(({ token }) => token.id)),
        [ids.slice(0, 3), ids.slice(3)],
      );
      assert.ok(rest[0]?.token.revokedAt instanceof Date);
      assert.deepEqual(await site.repository.list({ tenant, limit: 3, after: ids[4] }), []);
    },
  },
  {
    title: "lists only a principal's tokens: those that it created, and itself",
    async run(site) {
      const tenant = randomUUID();
      const parent = await created(site, { tenant, createdBy: 'user:2' });
      const child = await created(site, { tenant, createdBy: parent.principalId });
      await created(site, { tenant, createdBy: 'user:3' });
      const idsOf = async (belongingTo: string) =>
        (await site.repository.list({ tenant, belongingTo, limit: 10 })).map(({ token }) => token.id);
      assert.deepEqual(await idsOf('user:2'), [parent.id]);
      assert.deepEqual(await idsOf(parent.principalId), [parent.id, child.id].sort());
      assert.deepEqual(await idsOf('user:4'), []);
    },
  },
  {
    title: 'keeps the latest use of a token, in whatever order uses are noted',
    async run(site) {
      const tenant = randomUUID();
      const { id } = await created(site, { tenant });
      assert.equal(await lastUse(site, tenant), undefined);
      const [early, late] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.123Z'];
      for (const time of [early, late, early]) await site.repository.recordUses(new Map([[id, new Date(time)]]));
      assert.equal(await lastUse(site, tenant), late);
    },
  },
  {
    title: 'notes uses of many tokens at once, from many instances, and passes over unknown ones',
    async run(site) {
      const tenant = randomUUID();
      const at = new Date('2026-01-01T00:00:00.000Z');
      const tokens = await Promise.all(Array.from({ length: 20 }, () => created(site, { tenant })));
      const uses = [...tokens.map(({ id }) => id), 'unknown'].map((id) => [id, at] as const);
      await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          site.repository.recordUses(new Map(index % 2 === 0 ? uses : uses.toReversed())),
        ),
      );
      await site.repository.recordUses(new Map());
      const listed = await site.repository.list({ tenant, limit: 100 });
      assert.deepEqual(new Set(listed.map(({ lastUsedAt }) => lastUsedAt?.getTime())), new Set([at.getTime()]));
      assert.equal(await site.repository.find('unknown'), undefined);
    },
  },
  {
    title: 'changes nothing else of a token that is used',
    async run(site) {
      const token = await created(site);
      await site.repository.recordUses(new Map([[token.id, new Date()]]));
      assert.deepEqual(found(await site.repository.find(token.id)).toSnapshot(), token.toSnapshot());
    },
  },
];
