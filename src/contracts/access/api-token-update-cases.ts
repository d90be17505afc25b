import assert from 'node:assert/strict';
import { ApiToken } from '../../domain/access/api-token.ts';
import { PermissionNotHeld } from '../../domain/access/errors.ts';
import { refuse } from '../../domain/shared/decision.ts';
import {
  accept,
  contextOf,
  created,
  failureOf,
  found,
  newReceipt,
  newToken,
  outcomes,
  revoke,
  type ApiTokenCase,
} from './api-token-scenario.ts';

const refusal = () => new PermissionNotHeld('You lack the permission a:b.', { permissions: ['a:b'] });

const unasked = (): never => {
  throw new Error('The decision of a repeated command was asked for.');
};

/** What `update` promises. */
export const updateCases: readonly ApiTokenCase[] = [
  {
    title: 'stores a new token with its event',
    async run(site) {
      const { id } = await created(site, { tenant: 'acme' });
      const event = { tenant: 'acme', type: 'api_token.created', streamVersion: 1 };
      assert.deepEqual(await site.events(id), [event]);
    },
  },
  {
    title: 'stores a change with its event, and shows it to the next reader',
    async run(site) {
      const { id } = await created(site);
      assert.equal((await revoke(site, id, { by: 'user:2' })).answer, 2);
      const { revokedAt, revokedBy, version } = found(await site.repository.find(id)).toSnapshot();
      assert.deepEqual([revokedAt instanceof Date, revokedBy, version], [true, 'user:2', 2]);
      assert.deepEqual(
        (await site.events(id)).map(({ type, streamVersion }) => [type, streamVersion]),
        [
          ['api_token.created', 1],
          ['api_token.revoked', 2],
        ],
      );
    },
  },
  {
    title: 'shows a decision the tokens that its keys name and no others',
    async run(site) {
      const [named, other] = [await created(site), await created(site, { tenant: 'acme' })];
      const keys = { tokens: [named.id, '0'.repeat(24)] };
      const { answer } = await site.repository.update(contextOf(), keys, (book) => ({
        ...accept(),
        answer: [named.id, '0'.repeat(24)].map((id) => book.token(id) !== undefined),
      }));
      assert.deepEqual(answer, [true, false]);
      const { answer: both } = await site.repository.update(contextOf(), { tokens: [named.id, other.id] }, (book) => ({
        ...accept(),
        answer: book.token(other.id)?.tenant ?? null,
      }));
      assert.equal(both, 'acme');
    },
  },
  {
    title: 'stores nothing of a refusal, thrown or returned',
    async run(site) {
      const from = newToken();
      const update = (end: () => never | ReturnType<typeof refuse>) =>
        failureOf(
          site.repository.update<number>(contextOf(), { tokens: [from.id] }, (book) => {
            ApiToken.create(from, book.now);
            return end();
          }),
        );
      const thrown = await update(() => {
        throw refusal();
      });
      const returned = await update(() => refuse(refusal()));
      assert.ok(thrown instanceof PermissionNotHeld && returned instanceof PermissionNotHeld);
      assert.equal(await site.repository.find(from.id), undefined);
      assert.deepEqual(await site.events(from.id), []);
    },
  },
  {
    title: 'stores nothing of a fault, not even a receipt',
    async run(site) {
      const from = newToken();
      const context = contextOf({ receipt: newReceipt() });
      const fault = new Error('a fault');
      const failing = site.repository.update<number>(context, { tokens: [from.id] }, () => {
        throw fault;
      });
      assert.equal(await failureOf(failing), fault);
      const again = await site.repository.update(context, { tokens: [from.id] }, (book) =>
        accept(ApiToken.create(from, book.now)),
      );
      assert.equal(again.replayed, false);
    },
  },
  {
    title: 'answers a repeat with the first answer, seal and position, and does not ask its decision',
    async run(site) {
      const from = newToken();
      const context = contextOf({ receipt: newReceipt() });
      const answer = { name: '“码” \\', list: [1, null, true] };
      const first = await site.repository.update(context, { tokens: [from.id] }, (book) => ({
        ...accept(ApiToken.create(from, book.now)),
        answer,
        sealed: '1.pepper.c2VhbGVk',
      }));
      assert.deepEqual([first.answer, first.sealed, first.replayed], [answer, '1.pepper.c2VhbGVk', false]);
      const again = await site.repository.update(context, { tokens: [newToken().id] }, unasked);
      assert.deepEqual(again, { ...first, replayed: true });
      assert.equal((await site.events(from.id)).length, 1);
    },
  },
  {
    title: 'repeats a refusal with its class, message and details',
    async run(site) {
      const context = contextOf({ receipt: newReceipt() });
      const first = await failureOf(site.repository.update<number>(context, { tokens: [] }, () => refuse(refusal())));
      const again = await failureOf(site.repository.update(context, { tokens: [] }, unasked));
      for (const error of [first, again]) {
        assert.ok(error instanceof PermissionNotHeld);
        assert.deepEqual([error.message, error.details], [refusal().message, refusal().details]);
      }
    },
  },
  {
    title: 'refuses the key of a command for another input',
    async run(site) {
      const receipt = newReceipt();
      await site.repository.update(contextOf({ receipt }), { tokens: [] }, () => accept());
      const other = contextOf({ receipt: newReceipt({ id: receipt.id }) });
      const error = await failureOf(site.repository.update(other, { tokens: [] }, unasked));
      assert.equal((error as { code?: unknown }).code, 'request.idempotency_key_reused');
    },
  },
  {
    title: 'creates one token for fifty copies of a command that arrive at once',
    async run(site) {
      const context = contextOf({ receipt: newReceipt() });
      const tokens = Array.from({ length: 50 }, () => newToken());
      const { accepted, codes } = await outcomes(
        tokens.map((from) =>
          site.repository.update(context, { tokens: [from.id] }, (book) => accept(ApiToken.create(from, book.now))),
        ),
      );
      assert.ok(accepted >= 1);
      assert.deepEqual(
        codes.filter((code) => code !== 'request.in_progress'),
        [],
      );
      const stored = await Promise.all(tokens.map(({ id }) => site.repository.find(id)));
      assert.equal(stored.filter((token) => token !== undefined).length, 1);
    },
  },
  {
    title: 'revokes a token once when two or fifty ask at once',
    async run(site) {
      for (const count of [2, 50]) {
        const { id } = await created(site);
        const { accepted } = await outcomes(
          Array.from({ length: count }, (_, index) => revoke(site, id, { by: `user:${index}` })),
        );
        assert.equal(accepted, count);
        assert.deepEqual(
          (await site.events(id)).map(({ streamVersion }) => streamVersion),
          [1, 2],
        );
      }
    },
  },
  {
    title: 'creates fifty tokens that are asked for at once',
    async run(site) {
      const tokens = await Promise.all(Array.from({ length: 50 }, () => created(site)));
      assert.equal(new Set(tokens.map(({ id }) => id)).size, 50);
    },
  },
  {
    title: "joins a transaction of its caller's, to the end of it",
    needs: 'transaction',
    async run(site) {
      const { id } = await created(site);
      const rolledBack = site.transaction?.(async (unit) => {
        await revoke(site, id, { unit });
        throw new Error('on second thoughts');
      });
      await failureOf(rolledBack ?? Promise.resolve());
      assert.equal(found(await site.repository.find(id)).revokedAt, null);
      await site.transaction?.(async (unit) => void (await revoke(site, id, { unit })));
      assert.ok(found(await site.repository.find(id)).revokedAt instanceof Date);
      assert.equal((await site.events(id)).length, 2);
    },
  },
];
