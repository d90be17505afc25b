import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { RateLimited, ServiceUnavailable } from '../../src/application/shared/errors.ts';
import type { RequestFacts } from '../../src/interfaces/http/exchange.ts';
import { clerk, closeDemoApis, rawExchange, startDemoApi } from '../support/demo-api.ts';

const nobody = { id: 'anonymous', kind: 'anonymous', tenant: 'default', permissions: new Set<string>() } as const;

describe('callers over HTTP', () => {
  afterEach(closeDemoApis);

  it('are anonymous without credentials and may do what anybody may', async () => {
    const api = await startDemoApi();
    expect((await api.get('/v1/parcels/find')).status).to.equal(200);
    expect(api.calls[0]?.call.principal.kind).to.equal('anonymous');
  });

  it('are asked for credentials where anybody may not, and told how', async () => {
    const api = await startDemoApi({ api: { anonymous: nobody } });
    const response = await api.get('/v1/parcels/find');
    expect(response.status).to.equal(401);
    expect(response.headers.get('www-authenticate')).to.equal('Bearer');
    expect(await response.json()).to.have.nested.property('error.details.permission', 'parcels:find');
  });

  it('are refused with credentials that do not hold, before their body is read', async () => {
    const api = await startDemoApi();
    const response = await api.post('/v1/parcels/echo', '{broken', { authorization: 'Bearer stolen' });
    expect(response.status).to.equal(401);
    expect(response.headers.get('www-authenticate')).to.equal('Bearer error="invalid_token"');
  });

  it('are known by credentials that are checked at once or later', async () => {
    const api = await startDemoApi({ api: { anonymous: nobody } });
    for (const token of ['clerk', 'later']) {
      expect((await api.get('/v1/parcels/find', { authorization: `Bearer ${token}` })).status).to.equal(200);
    }
    expect(api.calls.map(({ call }) => call.principal.id)).to.deep.equal(['user:clerk', 'user:clerk']);
  });

  it('are forbidden what their permissions do not cover', async () => {
    const api = await startDemoApi();
    const response = await api.post('/v1/parcels/open', { pin: '1' }, { authorization: 'Bearer reader' });
    expect(response.status).to.equal(403);
    expect(response.headers.get('www-authenticate')).to.equal(null);
  });

  it('reach only their own rows where they hold only that permission', async () => {
    const own = { ...nobody, permissions: new Set(['parcels:find:own']) };
    const api = await startDemoApi({ api: { anonymous: own } });
    expect((await api.get('/v1/parcels/find')).status).to.equal(200);
    expect(api.calls[0]?.call.reach).to.equal('own');
    expect((await api.post('/v1/parcels/open', { pin: '1' })).status).to.equal(401);
  });

  it('see a failure of the credential check as unexpected, with a report', async () => {
    const api = await startDemoApi({
      api: {
        authenticate: () => {
          throw new TypeError('no keys');
        },
      },
    });
    expect((await api.get('/v1/parcels/find', { authorization: 'Bearer x' })).status).to.equal(500);
    expect(api.reports).to.have.length(1);
  });

  it('leave a trace of an outage behind the credential check, and none of a refusal or of being busy', async () => {
    const outage = new ServiceUnavailable('The keys cannot be fetched now.');
    outage.cause = new Error('connection refused');
    for (const [error, status, reports] of [
      [outage, 503, [outage]],
      [new ServiceUnavailable('Too many commands are waiting.'), 503, []],
      [new RateLimited('Too many calls.'), 429, []],
    ] as const) {
      const authenticate = (): never => {
        throw error;
      };
      const api = await startDemoApi({ api: { authenticate } });
      expect((await api.get('/v1/parcels/find', { authorization: 'Bearer x' })).status).to.equal(status);
      expect(api.reports.map((report) => report.error)).to.deep.equal(reports);
    }
  });

  it('have the address of their connection, whatever they claim, unless a proxy is trusted', async () => {
    const distrusting = await startDemoApi();
    await distrusting.get('/v1/parcels/find', { 'x-forwarded-for': '203.0.113.9' });
    expect(distrusting.calls[0]?.call.address).to.equal('127.0.0.1');
    const trusting = await startDemoApi({ api: { trustProxy: 'loopback' } });
    await trusting.get('/v1/parcels/find', { 'x-forwarded-for': '203.0.113.9' });
    expect(trusting.calls[0]?.call.address).to.equal('203.0.113.9');
  });

  it('have an id that must not be kept replaced at every address, before anybody reads it', async () => {
    const seen: RequestFacts[] = [];
    const mustNotBeKept = (text: string): boolean => text.includes('secret');
    const api = await startDemoApi({
      hooks: { mustNotBeKept },
      api: { authenticate: (_, facts) => (seen.push(facts), clerk), newId: () => 'new' },
    });
    const idOf = async (path: string, headers: Record<string, string>): Promise<string | null> =>
      (await api.get(path, { ...headers, authorization: 'Bearer x' })).headers.get('x-correlation-id');
    for (const path of ['/v1/parcels/find', '/v1/parcels/open', '/', '/openapi.json', '/nowhere']) {
      for (const name of ['x-correlation-id', 'x-request-id']) {
        expect(await idOf(path, { [name]: 'a-secret' }), path).to.equal('new');
        expect(await idOf(path, { [name]: 'harmless' }), path).to.equal('harmless');
      }
      expect(await idOf(path, { 'x-correlation-id': 'a-secret', 'x-request-id': 'harmless' })).to.equal('harmless');
    }
    expect(new Set(api.calls.map(({ call }) => call.correlationId))).to.deep.equal(new Set(['new', 'harmless']));
    expect(seen.length).to.be.above(4);
    expect(JSON.stringify(seen)).to.not.include('secret');
  });

  it('get an answer at the deadline, and the handler an abort', async () => {
    let reason: unknown;
    const api = await startDemoApi({
      api: { deadlineMs: 30 },
      handlers: {
        find: (_input, { signal }) =>
          new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => {
              reason = signal.reason;
              reject(signal.reason as Error);
            });
          }),
      },
    });
    const response = await api.get('/v1/parcels/find');
    expect(response.status).to.equal(503);
    expect(response.headers.get('retry-after')).to.equal('1');
    expect(await response.json()).to.have.nested.property('error.code', 'request.deadline_exceeded');
    expect(reason).to.have.property('code', 'request.deadline_exceeded');
    expect(api.reports).to.deep.equal([]);
  });

  it('get an answer at the deadline also from a handler that does not listen', async () => {
    let finish = (): void => undefined;
    const api = await startDemoApi({
      api: { deadlineMs: 30 },
      handlers: { find: () => new Promise((resolve) => (finish = () => resolve({ data: { found: null } }))) },
    });
    const response = await api.get('/v1/parcels/find');
    expect(response.status).to.equal(503);
    await response.text();
    finish();
    expect((await api.get('/livez')).status).to.equal(200);
    expect(api.reports).to.deep.equal([]);
  });

  it('get an answer at the deadline when their own body does not arrive', async () => {
    const api = await startDemoApi({ api: { deadlineMs: 30 } });
    const answer = await rawExchange(
      api.port,
      'POST /v1/parcels/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"id"',
    );
    expect(answer).to.match(/^HTTP\/1\.1 503 /);
    expect(api.calls).to.have.length(0);
  });

  it('abort their command by hanging up, which is no error', async () => {
    let aborted: Promise<unknown> | undefined;
    let began = (): void => undefined;
    const running = new Promise<void>((resolve) => (began = resolve));
    const api = await startDemoApi({
      handlers: {
        echo: (_input, { signal }) => {
          aborted = signal && once(signal, 'abort');
          began();
          return new Promise((_resolve, reject) =>
            signal?.addEventListener('abort', () => reject(signal.reason as Error)),
          );
        },
      },
    });
    const socket = connect(api.port, '127.0.0.1');
    const body = '{"id":"a","amount":"1"}';
    socket.write(
      `POST /v1/parcels/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await running;
    socket.destroy();
    await aborted;
    expect(api.reports).to.deep.equal([]);
  });
});
