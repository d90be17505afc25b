import { expect } from 'chai';
import {
  CommandInProgress,
  IdempotencyKeyReused,
  PositionUnavailable,
  RateLimited,
} from '../../src/application/shared/errors.ts';
import { ERROR_TABLE } from '../../src/application/shared/error-table.ts';
import { clerk, closeDemoApis, startDemoApi, type DemoApi } from '../support/demo-api.ts';
import { PARCEL_ERRORS } from '../support/demo-contract.ts';

interface Envelope {
  readonly success: boolean;
  readonly data: unknown;
  readonly message?: string;
  readonly meta: { readonly [name: string]: unknown };
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: { readonly [name: string]: unknown };
  };
  readonly timestamp: string;
}
const LIMIT_HEADERS = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'ratelimit-policy', 'retry-after'];
const limitsOf = ({ status, headers }: Response): readonly (string | number | null)[] => [
  status,
  ...LIMIT_HEADERS.map((name) => headers.get(name)),
];
const envelope = async (response: Response): Promise<Envelope> => (await response.json()) as Envelope;

describe('operations over HTTP', () => {
  let api: DemoApi;
  beforeEach(async () => {
    api = await startDemoApi();
  });
  afterEach(closeDemoApis);

  const send = (headers: Record<string, string> = {}): Promise<Response> =>
    api.post('/v1/parcels/send', { note: 'x' }, { 'idempotency-key': 'k1', ...headers });

  it('answer a command with data, message, meta and time, and forbid keeping it', async () => {
    const response = await send({ 'x-correlation-id': 'c-1' });
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('application/json; charset=utf-8');
    expect(response.headers.get('cache-control')).to.equal('no-store');
    expect(response.headers.get('x-correlation-id')).to.equal('c-1');
    expect(response.headers.get('etag')).to.equal(null);
    const { timestamp, ...rest } = await envelope(response);
    expect(Math.abs(Date.parse(timestamp) - Date.now())).to.be.below(5_000);
    expect(rest).to.deep.equal({
      success: true,
      data: { id: 'p1', note: 'x', weight: { grams: 5 } },
      message: 'On its way.',
      meta: { correlationId: 'c-1', position: 'log.42', replayed: false },
    });
  });

  it('get the caller, ids, key and address of the request', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await send({ authorization: 'Bearer clerk', traceparent, 'x-request-id': 'r-1', 'idempotency-key': '"quoted"' });
    const call = api.calls[0]?.call;
    expect(call).to.include({ traceParent: traceparent, correlationId: 'r-1', idempotencyKey: 'quoted' });
    expect(call?.principal).to.equal(clerk);
    expect(call?.address).to.match(/127\.0\.0\.1$/);
    expect(call?.receipt?.operation).to.equal('Parcel.send');
  });

  it('read a query from the URL by the types of its schema, with defaults', async () => {
    const response = await api.get(
      '/v1/parcels/find?limit=7&ratio=0.5&sent=true&status=new&tags=a&tags=b&text=caf%C3%A9',
    );
    const { data, meta } = await envelope(response);
    const found = { limit: 7, ratio: 0.5, sent: true, status: 'new', tags: ['a', 'b'], text: 'café' };
    expect(data).to.deep.equal({ found });
    expect(meta['nextCursor']).to.equal('next');
    expect((await envelope(await api.get('/v1/parcels/find'))).data).to.deep.equal({ found: { limit: 10 } });
  });

  it('name the field of a query that has a wrong type, is unknown, or is given twice', async () => {
    for (const [query, path] of [
      ['limit=many', 'limit'],
      ['sent=yes', 'sent'],
      ['numbers=1&numbers=x', 'numbers.1'],
      ['colour=red', 'colour'],
      ['limit=1&limit=2', 'limit'],
    ]) {
      const response = await api.get(`/v1/parcels/find?${query}`);
      expect(response.status).to.equal(400);
      const { error } = await envelope(response);
      expect(error.code).to.equal('request.invalid_input');
      expect((error.details['issues'] as { path: string }[])[0]?.path).to.equal(path);
    }
  });

  it('take the same query by POST, so that its input can have any length', async () => {
    const input = { tags: Array.from({ length: 5_000 }, (_, i) => `tag${i}`), limit: 3 };
    const response = await api.post('/v1/parcels/find', input);
    expect((await envelope(response)).data).to.deep.equal({ found: input });
    expect(response.headers.get('etag')).to.equal(null);
  });

  it('keep secrets and personal data out of URLs: such a query is POST only', async () => {
    for (const path of ['/v1/parcels/open?pin=1234', '/v1/parcels/by-recipient?email=a@b.c']) {
      const response = await api.get(path);
      expect(response.status).to.equal(405);
      expect(response.headers.get('allow')).to.equal('POST');
    }
    expect((await api.post('/v1/parcels/open', { pin: '1234' })).status).to.equal(200);
  });

  it('refuse a wrong method with the methods that are allowed', async () => {
    const command = await api.get('/v1/parcels/send');
    expect(command.status).to.equal(405);
    expect(command.headers.get('allow')).to.equal('POST');
    const query = await fetch(`${api.url}/v1/parcels/find`, { method: 'DELETE' });
    expect(query.headers.get('allow')).to.equal('GET, HEAD, POST');
    expect((await envelope(query)).error).to.deep.include({ code: 'request.method_not_allowed' });
    const stream = await fetch(`${api.url}/v1/parcels/list`, { method: 'HEAD' });
    expect(stream.headers.get('allow')).to.equal('GET, POST');
    expect(api.calls).to.have.length(0);
  });

  it('answer OPTIONS with the methods and HEAD with the head of GET', async () => {
    const options = await fetch(`${api.url}/v1/parcels/find`, { method: 'OPTIONS' });
    expect(options.status).to.equal(204);
    expect(options.headers.get('allow')).to.equal('GET, HEAD, POST, OPTIONS');
    const head = await fetch(`${api.url}/v1/parcels/find`, { method: 'HEAD' });
    expect(head.status).to.equal(200);
    expect(head.headers.get('etag')).to.match(/^W\/"/);
    expect(await head.text()).to.equal('');
  });

  it('are unknown at any other address, also one that differs in case or a slash', async () => {
    for (const path of ['/v1/parcels/lose', '/v1/Parcels/find', '/v1/parcels/find/', '/v1', '/x%00y', '/%ff']) {
      const response = await api.get(path);
      expect(response.status, path).to.equal(404);
      expect((await envelope(response)).error.code).to.equal('request.unknown_operation');
    }
  });

  it('answer a query that did not change with 304 by its weak entity tag', async () => {
    const first = await api.get('/v1/parcels/find?limit=1');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).to.match(/^W\/"[\w-]{27}"$/);
    const same = await api.get('/v1/parcels/find?limit=1', { 'if-none-match': `"other", ${etag}` });
    expect(same.status).to.equal(304);
    expect(await same.text()).to.equal('');
    expect(same.headers.get('etag')).to.equal(etag);
    // Without leave to keep the answer no client would ever have a tag to send.
    for (const { headers } of [first, same]) expect(headers.get('cache-control')).to.equal('private, no-cache');
    expect((await api.get('/v1/parcels/find?limit=2', { 'if-none-match': etag })).status).to.equal(200);
  });

  it('map every kind of error to its status, with code, message and details', async () => {
    for (const [kind, type] of Object.entries(PARCEL_ERRORS)) {
      const response = await api.post('/v1/parcels/fail', { kind });
      expect(response.status, kind).to.equal(ERROR_TABLE[type.kind].httpStatus);
      const { success, error } = await envelope(response);
      expect(success).to.equal(false);
      expect(error).to.deep.equal({ code: type.code, message: `Told to fail as ${kind}.`, details: {} });
    }
    expect(api.reports).to.deep.equal([]);
  });

  it('send errors as problem details to those who ask for them', async () => {
    const response = await api.post(
      '/v1/parcels/fail',
      { kind: 'rule_violated' },
      { accept: 'application/problem+json' },
    );
    expect(response.status).to.equal(422);
    expect(response.headers.get('content-type')).to.equal('application/problem+json; charset=utf-8');
    const { timestamp, ...problem } = (await response.json()) as { timestamp: string };
    expect(new Date(timestamp).toISOString()).to.equal(timestamp);
    expect(problem).to.deep.equal({
      type: '/errors#parcels.too_heavy',
      title: 'parcels.too_heavy',
      status: 422,
      detail: 'Told to fail as rule_violated.',
      code: 'parcels.too_heavy',
      details: {},
    });
  });

  it('tell nothing of an unexpected error but the correlation id, and report it', async () => {
    const response = await api.post('/v1/parcels/fail', { kind: 'bug' }, { 'x-correlation-id': 'c-9' });
    expect(response.status).to.equal(500);
    const text = await response.text();
    expect(text).to.not.contain('internals');
    expect((JSON.parse(text) as Envelope).error).to.deep.include({
      code: 'request.unexpected',
      details: { correlationId: 'c-9' },
    });
    expect(api.reports).to.have.length(1);
    expect(api.reports[0]?.error).to.be.instanceOf(TypeError);
    expect(api.reports[0]?.context).to.deep.equal({ correlationId: 'c-9', where: 'Parcel.fail' });
  });

  it('answer 500, not a broken body, when the data cannot be written as JSON', async () => {
    const faulty = await startDemoApi({ handlers: { find: async () => ({ data: { found: 5n as never } }) } });
    const response = await faulty.get('/v1/parcels/find');
    expect(response.status).to.equal(500);
    expect(response.headers.get('etag')).to.equal(null);
    expect(faulty.reports).to.have.length(1);
  });

  it('answer a missing idempotency key with 400, a reused one with 422, a running one with 409 and Retry-After', async () => {
    expect((await api.post('/v1/parcels/send', { note: 'x' })).status).to.equal(400);
    for (const key of ['', 'with blank', 'x'.repeat(256), 'kéy']) {
      expect((await send({ 'idempotency-key': key })).status, key).to.equal(400);
    }
    const failing = await startDemoApi({
      handlers: {
        send: async ({ note }) => {
          throw note === 'reused' ? new IdempotencyKeyReused('Reused.') : new CommandInProgress('Running.');
        },
      },
    });
    const withKey = { 'idempotency-key': 'k' };
    expect((await failing.post('/v1/parcels/send', { note: 'reused' }, withKey)).status).to.equal(422);
    const running = await failing.post('/v1/parcels/send', { note: 'running' }, withKey);
    expect(running.status).to.equal(409);
    expect(running.headers.get('retry-after')).to.equal('1');
  });

  it('put retryAfterSeconds of an error into Retry-After, rounded up', async () => {
    const response = await api.post('/v1/parcels/fail', { kind: 'unavailable', retryAfterSeconds: 2.1 });
    expect(response.status).to.equal(503);
    expect(response.headers.get('retry-after')).to.equal('3');
  });

  it('tell the limit and what is left of it, with success and with refusal', async () => {
    let left = 2;
    const limited = await startDemoApi({
      hooks: {
        limit: () => {
          const reached = { limit: 2, remaining: 0, windowSeconds: 60 };
          if (left === 0) throw new RateLimited('Too many.', { retryAfterSeconds: 9, ...reached });
          left--;
        },
      },
      api: { rateLimitOf: () => ({ limit: 2, remaining: left, windowSeconds: 60 }) },
    });
    const headers = async () => limitsOf(await limited.get('/v1/parcels/find'));
    expect(await headers()).to.deep.equal([200, '2', '1', '60', '2;w=60', null]);
    expect(await headers()).to.deep.equal([200, '2', '0', '60', '2;w=60', null]);
    expect(await headers()).to.deep.equal([429, '2', '0', '9', '2;w=60', '9']);
  });

  it('tell of the limit that was reached in all headers where it is another than the one of the operation', async () => {
    const limited = await startDemoApi({
      handlers: {
        find: async () => {
          const reached = { limit: 10, remaining: 0, windowSeconds: 3600 };
          throw new RateLimited('Too many guesses.', { retryAfterSeconds: 9, ...reached });
        },
        open: async () => {
          throw new PARCEL_ERRORS.rate_limited('No room.', { retryAfterSeconds: 5 });
        },
      },
      api: { rateLimitOf: () => ({ limit: 600, remaining: 599, windowSeconds: 60 }) },
    });
    const guess = await limited.get('/v1/parcels/find');
    expect(limitsOf(guess)).to.deep.equal([429, '10', '0', '9', '10;w=3600', '9']);
    // No limit of calls was reached: the caller stands where it stood.
    const full = await limited.post('/v1/parcels/open', { pin: '1' });
    expect(limitsOf(full)).to.deep.equal([429, '600', '599', '60', '600;w=60', '5']);
  });

  it('wait for the log position of the parameter or the header, and refuse one of another epoch', async () => {
    const reached: bigint[] = [];
    const waiting = await startDemoApi({ hooks: { reached: async (position) => void reached.push(position) } });
    await waiting.get('/v1/parcels/find?after=log.41');
    await waiting.get('/v1/parcels/find', { 'portolan-after': 'log.42' });
    await waiting.post('/v1/parcels/open', { pin: '1' }, { 'portolan-after': 'log.43' });
    expect(reached).to.deep.equal([41n, 42n, 43n]);
    const other = await waiting.get('/v1/parcels/find?after=old.41');
    expect(other.status).to.equal(503);
    expect((await envelope(other)).error.code).to.equal(PositionUnavailable.code);
    expect((await waiting.get('/v1/parcels/find?after=41')).status).to.equal(400);
  });
});
