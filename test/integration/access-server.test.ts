import { expect } from 'chai';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { App } from '../../src/app.ts';
import type { ContextContract } from '../../src/application/shared/contract.ts';
import { spell } from '../../src/application/shared/spelling.ts';
import { loadConfig } from '../../src/composition/config.ts';
import { APPLICATION_CONTRACTS } from '../../src/composition/contracts.ts';
import { logBook } from '../support/log-lines.ts';
import { freePort } from '../support/ports.ts';
import { refusedCodes } from '../support/refused-codes.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';

const ADMIN_TOKEN = randomBytes(24).toString('base64url');
const UNKNOWN_CODE = 'GIFT-0000-0000-0000-0000';
/** Above the number of reasons to refuse a code. */
const GUESS_LIMIT = 12;
const FEW = 3;
const ROLES = { cashier: ['gift-cards:redeem', 'gift-cards:check-balance'] };
const usd = (amount: string) => ({ amount, currency: 'USD' });

interface Card {
  readonly id: string;
  readonly code: string;
}

interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly data: T;
  /** The code of the error, where it is one. */
  readonly code: string | undefined;
}

describe('a server whose callers an identity provider knows', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let issuer: TokenIssuer;
  let shop: string;
  /** Another server on the same database: behind a proxy, and with low limits. */
  let strict: string;
  let metricsPort: number;
  const apps: App[] = [];
  const peppers = `1:${randomBytes(32).toString('base64')}`;

  async function start(settings: Readonly<Record<string, string>>): Promise<string> {
    const config = loadConfig({
      ...{ NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0', PEPPERS: peppers },
      ...{ DATABASE_URL: database.applicationUrl, DATABASE_OWNER_URL: database.ownerUrl },
      ADMIN_TOKEN_SHA256: createHash('sha256').update(ADMIN_TOKEN).digest('hex'),
      ANONYMOUS_PERMISSIONS: 'gift-cards:check-balance',
      ...issuer.settings,
      ...settings,
    });
    const app = new App(config, logBook({ level: 'error' }).logger);
    apps.push(app);
    return (await app.start()).url;
  }

  before(async () => {
    [database, issuer, metricsPort] = [
      await testDatabase({ fsync: false }),
      await startTokenIssuer(),
      await freePort(),
    ];
    const limits = { RATE_LIMIT_PER_MINUTE: String(FEW), GUESS_LIMIT_PER_MINUTE: String(FEW) };
    shop = await start({
      ...{ ROLES: JSON.stringify(ROLES), METRICS_PORT: String(metricsPort) },
      GUESS_LIMIT_PER_MINUTE: String(GUESS_LIMIT),
    });
    strict = await start({ TRUST_PROXY: '1', ...limits });
  });
  after(async () => {
    for (const app of apps) await app.stop();
    await issuer.close();
    await database.close();
  });

  /** Calls an operation with a token, or without any. */
  async function call<T = unknown>(
    operation: string,
    input: object,
    token?: string,
    { url = shop, headers = {} }: { url?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const bearer = token === undefined ? undefined : { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/v1/${operation}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...bearer, ...headers },
      body: JSON.stringify(input),
    });
    const text = await response.text();
    const { data, error } = JSON.parse(text) as { data: T; error?: { code: string } };
    return { status: response.status, headers: response.headers, text, data, code: error?.code };
  }

  /** What the administrator does has to succeed. */
  async function manage<T>(operation: string, input: object): Promise<T> {
    const { status, text, data } = await call<T>(`gift-cards/${operation}`, input, ADMIN_TOKEN);
    expect(status, text).to.equal(200);
    return data;
  }

  const issue = (change: object = {}): Promise<Card> =>
    manage('create', { amount: usd('50.00'), purchaserId: 'buyer', ...change });

  const redeem = (token: string, code: string, orderId: string = randomUUID()): Promise<Answer> =>
    call('gift-cards/redeem', { code, orderId, amount: usd('10.00') }, token);

  describe('by JWKS_URL, JWT_ISSUER, JWT_AUDIENCE and ROLES', () => {
    it('lets a role do what it is for, and nothing else of all that there is', async () => {
      const cashier = await issuer.sign({ sub: 'carl', roles: ['cashier'] });
      const { code } = await issue();
      expect((await redeem(cashier, code)).status).to.equal(200);
      const balance = await call('gift-cards/check-balance', { code }, cashier);
      expect(balance.data).to.have.nested.property('currentBalance.amount', '40.00');
      const contracts: readonly ContextContract[] = APPLICATION_CONTRACTS;
      const others = contracts
        .flatMap((contract) => Object.keys(contract.operations).map((verb) => spell(contract, verb)))
        .filter(({ permission }) => !ROLES.cashier.includes(permission));
      expect(others).to.have.length.above(20);
      for (const { path, word } of others) {
        const { status, code: reason } = await call(path.replace('/v1/', ''), {}, cashier);
        expect({ status, reason }, word).to.deep.equal({ status: 403, reason: 'request.permission_denied' });
      }
    });

    it('shows a caller with :own permissions his own cards only', async () => {
      const permissions = ['gift-cards:list-cards:own', 'gift-cards:get-card:own', 'gift-cards:redeem:own'];
      const ann = await issuer.sign({ sub: 'ann', permissions });
      const [held, bought] = [await issue({ holderId: 'ann' }), await issue({ purchaserId: 'ann' })];
      const foreign = await issue({ holderId: 'bob' });
      const listed = await call<readonly Card[]>('gift-cards/list-cards', {}, ann);
      expect(listed.data.map(({ id }) => id)).to.have.members([held.id, bought.id]);
      expect((await call('gift-cards/get-card', { cardId: held.id }, ann)).status).to.equal(200);
      expect((await call('gift-cards/get-card', { cardId: foreign.id }, ann)).status).to.equal(404);
      const payment = (card: Card, holderId: string) => ({ cardId: card.id, holderId, orderId: randomUUID() });
      expect((await call('gift-cards/redeem', payment(held, 'ann'), ann)).status).to.equal(200);
      expect((await call('gift-cards/redeem', payment(foreign, 'bob'), ann)).status).to.equal(422);
    });

    it('refuses tokens of another issuer, for another service, or of nobody', async () => {
      const faults = [{ sub: 'carl', iss: 'https://other.example.com/' }, { sub: 'carl', aud: 'warehouse' }, {}];
      for (const fault of faults) {
        const token = await issuer.sign({ roles: ['admin'], ...fault });
        expect((await call('gift-cards/list-cards', {}, token)).status, JSON.stringify(fault)).to.equal(401);
      }
      const token = await issuer.sign({ sub: 'carl', roles: ['admin'] });
      expect((await call('gift-cards/list-cards', {}, token)).status).to.equal(200);
    });
  });

  it('lets callers without credentials do what ANONYMOUS_PERMISSIONS names, and nothing else', async () => {
    const { code } = await issue();
    const balance = await call('gift-cards/check-balance', { code });
    expect(balance.data).to.have.nested.property('currentBalance.amount', '50.00');
    expect((await call('gift-cards/redeem', { code, orderId: 'o1' })).status).to.equal(401);
  });

  it('has its metrics at METRICS_PORT, for anybody, and nowhere else', async () => {
    const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    expect(response.status).to.equal(200);
    expect(await response.text()).to.match(/^portolan_/m);
    expect((await fetch(`${shop}/metrics`)).status).to.equal(404);
  });

  describe('to a caller who may not know why a code is refused', () => {
    const reasons = (orderId: string): Promise<Readonly<Record<string, string>>> =>
      refusedCodes(
        {
          issue,
          void: (input) => manage('void', input),
          freeze: (input) => manage('freeze', input),
          redeem: (input) => manage('redeem', input),
          soon: () => {
            const at = new Date(Date.now() + 3_000);
            return { at, over: () => delay(Math.max(0, at.getTime() - Date.now()) + 50) };
          },
        },
        orderId,
      );

    /** Everything that comes over the wire but what differs from each answer to the next. */
    function wireOf({ status, headers, text }: Answer): object {
      const changing = ['date', 'x-correlation-id', 'ratelimit-remaining'];
      const kept = [...headers].filter(([name]) => !changing.includes(name));
      return { status, headers: kept, text: text.replace(/"timestamp":"[^"]+"/, '') };
    }

    it('answers the same, byte for byte, whatever the reason', async () => {
      const orderId = randomUUID();
      const codes = await reasons(orderId);
      const stranger = await issuer.sign({ sub: 'stranger', permissions: ['gift-cards:redeem'] });
      const diagnose = await issuer.sign({
        ...{ sub: 'inspector', permissions: ['gift-cards:redeem', 'gift-cards:diagnose'] },
      });
      const answers: object[] = [];
      for (const [reason, code] of Object.entries(codes)) {
        expect((await redeem(diagnose, code, orderId)).code).to.equal(reason);
        answers.push(wireOf(await redeem(stranger, code, orderId)));
      }
      const [first] = answers;
      expect(first).to.include({ status: 422 });
      for (const answer of answers) expect(answer).to.deep.equal(first);
    });

    it('says 429 with Retry-After beyond GUESS_LIMIT_PER_MINUTE, whatever the code then is', async () => {
      const guesser = await issuer.sign({ sub: 'guesser', permissions: ['gift-cards:redeem'] });
      const { code } = await issue();
      for (let count = 0; count < GUESS_LIMIT; count += 1) {
        expect((await redeem(guesser, UNKNOWN_CODE)).status).to.equal(422);
      }
      for (const tried of [UNKNOWN_CODE, code]) expectLimited(await redeem(guesser, tried), GUESS_LIMIT);
      const other = await issuer.sign({ sub: 'other', permissions: ['gift-cards:redeem'] });
      expect((await redeem(other, code)).status).to.equal(200);
    });
  });

  /** A refusal whose headers all speak of this limit, whatever the limit of the operation is. */
  function expectLimited({ status, code, headers }: Answer, limit: number): void {
    expect({ status, code }).to.deep.equal({ status: 429, code: 'request.rate_limited' });
    const wait = headers.get('retry-after');
    expect(Number(wait)).to.be.within(1, 120);
    const said = ['limit', 'remaining', 'reset', 'policy'].map((name) => headers.get(`ratelimit-${name}`));
    expect(said).to.deep.equal([String(limit), '0', wait, `${limit};w=60`]);
  }

  it('says 429 with Retry-After beyond RATE_LIMIT_PER_MINUTE, to the caller and for the operation that it is', async () => {
    const [eager, other] = [await issuer.sign({ sub: 'eager', roles: ['admin'] }), ADMIN_TOKEN];
    const list = (token: string): Promise<Answer> => call('gift-cards/list-cards', {}, token, { url: strict });
    for (let count = 0; count < FEW; count += 1) expect((await list(eager)).status).to.equal(200);
    expectLimited(await list(eager), FEW);
    expect((await list(other)).status).to.equal(200);
    expect((await call('api-tokens/list', {}, eager, { url: strict })).status).to.equal(200);
  });

  describe('that counts callers without credentials by their address', () => {
    const guess = (url: string, forwarded: string): Promise<Answer> =>
      call('gift-cards/check-balance', { code: UNKNOWN_CODE }, undefined, {
        ...{ url, headers: { 'x-forwarded-for': forwarded } },
      });

    it('takes the one that the proxy of TRUST_PROXY has forwarded', async () => {
      const address = '203.0.113.1';
      for (let count = 0; count < FEW; count += 1) expect((await guess(strict, address)).status).to.equal(422);
      expectLimited(await guess(strict, address), FEW);
      expect((await guess(strict, '203.0.113.2')).status).to.equal(422);
      // What the client itself has written stands before what the proxy adds.
      expectLimited(await guess(strict, `203.0.113.3, ${address}`), FEW);
    });

    it('believes no forwarded address where TRUST_PROXY is not set', async () => {
      for (let count = 0; count < GUESS_LIMIT; count += 1) {
        expect((await guess(shop, `203.0.113.${100 + count}`)).status).to.equal(422);
      }
      expectLimited(await guess(shop, '203.0.113.99'), GUESS_LIMIT);
    });
  });
});
