import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { tokenSecrets } from '../../src/infrastructure/access/token-secrets.ts';
import { generateCode } from '../../src/domain/gift-cards/code.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { operationsOf, sampleOf, type ApiDocument, type Json, type Operation } from '../support/openapi-generator.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ServerProcess } from '../support/server-process.ts';

const ADMIN_TOKEN = randomBytes(24).toString('base64url');

const UNAVAILABLE = 'request.unavailable';
const BEARER = { code: generateCode(randomBytes).reveal() };
const CARD = { cardId: crypto.randomUUID() };

/** Fields of which one has to be given, besides those that are required. */
const MORE: { readonly [word: string]: object } = {
  'GiftCard.redeem': BEARER,
  'GiftCard.hold': BEARER,
  'GiftCard.transfer': { fromCardId: crypto.randomUUID(), toCardId: crypto.randomUUID() },
  ...Object.fromEntries(
    ['reload', 'void', 'freeze', 'unfreeze', 'extendExpiry', 'reissueCode', 'getCard', 'listTransactions'].map(
      (verb) => [`GiftCard.${verb}`, CARD],
    ),
  ),
  'Event.ingest': {
    events: [
      { specversion: '1.0', id: '1', source: 'https://shop.example', type: 'order.cancelled', data: { orderId: '1' } },
    ],
  },
  'Person.erase': { email: 'friend@example.com' },
};

describe('a server whose database is away', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let proxy: ChaosProxy;
  let server: ServerProcess;
  let api: ApiDocument;

  before(async () => {
    database = await testDatabase();
    proxy = await ChaosProxy.start(database.applicationUrl);
    const settings = {
      ...{ DATABASE_URL: proxy.url, DATABASE_OWNER_URL: database.ownerUrl, RATE_LIMIT_PER_MINUTE: '0' },
      ...{ PEPPERS: `1:${randomBytes(32).toString('base64')}`, REQUEST_TIMEOUT_MS: '1000' },
    };
    server = await new ServerProcess(settings, ADMIN_TOKEN).ready();
    api = (await (await fetch(`${server.url}/openapi.json`)).json()) as ApiDocument;
    await proxy.close();
  });

  after(async () => {
    await server?.end('SIGKILL');
    await database?.close();
  });

  const answerOf = async (path: string, init: RequestInit, token = ADMIN_TOKEN): Promise<readonly unknown[]> => {
    const headers = { authorization: `Bearer ${token}`, 'idempotency-key': crypto.randomUUID(), ...init.headers };
    const response = await fetch(`${server.url}${path}`, { ...init, headers });
    const { error } = (await response.json()) as { error?: { code: string } };
    return [response.status, error?.code, response.headers.get('retry-after')];
  };

  const answerTo = ({ word, path, byQuery, input }: Operation): Promise<readonly unknown[]> => {
    const sample = { ...(sampleOf(input) as { readonly [field: string]: Json }), ...MORE[word] };
    if (byQuery)
      return answerOf(
        `${path}?${new URLSearchParams(Object.entries(sample).map(([k, v]): [string, string] => [k, `${v}`]))}`,
        {},
      );
    const headers = { 'content-type': 'application/json' };
    return answerOf(path, { method: 'POST', headers, body: JSON.stringify(sample) });
  };

  it('says of every operation that it cannot be carried out now, and when to ask again', async () => {
    const operations = operationsOf(api);
    expect(operations).to.have.lengthOf.above(30);
    const answers = await Promise.all(operations.map(async (each) => [each.word, ...(await answerTo(each))]));
    // A command is tried again until its time is over, of which whoever looks first tells.
    const told = answers.map((each) => each.map((part) => (part === 'request.deadline_exceeded' ? UNAVAILABLE : part)));
    expect(told).to.deep.equal(operations.map(({ word }) => [word, 503, UNAVAILABLE, '1']));
  });

  it('says so to a caller too whose token has to be looked up', async () => {
    const { text } = tokenSecrets.issue();
    expect(await answerOf('/v1/gift-cards/list-cards', {}, text)).to.deep.equal([503, UNAVAILABLE, '1']);
  });

  it('logs outages as warnings, few of them, and no failure that nobody expected', () => {
    expect(server.log.filter(({ level }) => level === 'error')).to.deep.equal([]);
    const outages = server.log.filter(({ message }) => message === 'something that this service depends on fails');
    expect(outages).to.have.lengthOf.within(1, 3);
  });
});
