import { expect } from 'chai';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inProcessClient, type Client } from '../../src/application/shared/client.ts';
import {
  CommandInProgress,
  DeadlineExceeded,
  InvalidInput,
  ServiceUnavailable,
  Unauthenticated,
  UnknownOperation,
} from '../../src/application/shared/errors.ts';
import { httpClient, type HttpClientOptions } from '../../src/interfaces/http/http-client.ts';
import { RemoteFailure } from '../../src/interfaces/http/remote-failure.ts';
import { anyone, closeDemoApis, startDemoApi, type DemoApi } from '../support/demo-api.ts';
import { PARCEL_ERRORS, parcels, ParcelNotFound, ParcelTooHeavy } from '../support/demo-contract.ts';

type DemoClient = Client<readonly [typeof parcels]>;

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
}
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const clientOf = (url: string, options: Partial<HttpClientOptions> = {}): DemoClient =>
  httpClient([parcels], { baseUrl: url, retry: { baseDelayMs: 1 }, ...options });

const transports: Record<string, (api: DemoApi) => DemoClient> = {
  'over HTTP': (api) => clientOf(`${api.url}/`),
  'in the same process': (api) => {
    let ids = 0;
    return inProcessClient([parcels], api.operations, { principal: anyone, newId: () => `id-${++ids}` });
  },
};

for (const [transport, connect] of Object.entries(transports)) {
  describe(`a client ${transport}`, () => {
    let api: DemoApi;
    let client: DemoClient;
    beforeEach(async () => {
      api = await startDemoApi();
      client = connect(api);
    });
    afterEach(closeDemoApis);

    it('calls operations by noun and verb and gives their data', async () => {
      const sent = await client.Parcel.send({ note: 'x', weight: { grams: 5 } });
      expect(sent.weight.grams).to.equal(5);
      const input = { limit: 7, text: 'a&b=ü', tags: [], sent: false };
      expect(await client.Parcel.find(input)).to.deep.equal({ found: input });
      expect(await client.Parcel.open({ pin: '1' })).to.include({ id: 'p1' });
    });

    it('gives every command that needs one an idempotency key, a new one for each call', async () => {
      await client.Parcel.send({ note: 'x' });
      await client.Parcel.send({ note: 'x' });
      await client.Parcel.send({ note: 'x' }, { idempotencyKey: 'mine' });
      await client.Parcel.echo({ id: 'a', amount: '1' });
      const [first, second, third, none] = api.calls.map(({ call }) => call.idempotencyKey);
      expect(first).to.be.a('string');
      expect(second).to.not.equal(first);
      expect(third).to.equal('mine');
      expect(none).to.equal(undefined);
    });

    it('gives data and meta by word', async () => {
      const answer = await client.call('Parcel.send', { note: 'x' }, { correlationId: 'c-1' });
      expect(answer).to.deep.include({ message: 'On its way.', data: { id: 'p1', note: 'x', weight: { grams: 5 } } });
      expect(answer.meta).to.include({ correlationId: 'c-1', position: 'log.42', replayed: false });
      expect((await client.call('Parcel.find', {})).meta.nextCursor).to.equal('next');
    });

    it('hands a position on, so that a query waits for the change', async () => {
      const { meta } = await client.call('Parcel.send', { note: 'x' });
      await client.Parcel.find({}, { after: meta.position ?? '' });
      expect(api.calls[1]?.call.after).to.equal(42n);
    });

    it('hands trace and correlation on', async () => {
      const traceParent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      await client.Parcel.find({}, { traceParent, correlationId: 'c-2' });
      expect(api.calls[0]?.call).to.include({ traceParent, correlationId: 'c-2' });
    });

    it('throws the error classes of the contract, with message and details', async () => {
      for (const [kind, type] of Object.entries(PARCEL_ERRORS)) {
        const error = await failure(client.Parcel.fail({ kind: kind as keyof typeof PARCEL_ERRORS }));
        expect(error).to.be.instanceOf(type);
        expect(error).to.have.property('message', `Told to fail as ${kind}.`);
      }
      const missing = await failure(client.Parcel.find({ text: 'nothing' }));
      expect(missing).to.be.instanceOf(ParcelNotFound).and.have.deep.property('details', { text: 'nothing' });
    });

    it('throws the errors of the frame', async () => {
      const wrong = await failure(client.Parcel.find({ limit: 0 }));
      expect(wrong).to.be.instanceOf(InvalidInput).and.have.nested.property('details.issues[0].path', 'limit');
      expect(await failure(client.call('Parcel.lose', {}))).to.be.instanceOf(UnknownOperation);
      expect(await failure(client.Parcel.find({}, { after: 'nonsense' }))).to.be.instanceOf(InvalidInput);
    });

    it('gives a stream item by item', async () => {
      const items = await collect(client.Parcel.list({ count: 3 }));
      expect(items.map(({ id }) => id)).to.deep.equal(['p0', 'p1', 'p2']);
      expect(await collect(client.stream('Parcel.numbers', {}))).to.deep.equal([1]);
      expect(await failure(collect(client.Parcel.list({ count: -1 })))).to.be.instanceOf(InvalidInput);
    });

    it('stops the producer when the reader stops', async () => {
      for await (const item of client.Parcel.list({ count: 1_000_000 })) if (item.id === 'p5') break;
      const { signal } = api.calls[0]?.call ?? {};
      while (transport === 'over HTTP' && signal?.aborted === false) await sleep(1);
      expect(api.reports).to.deep.equal([]);
    });

    it('ends a call when the caller aborts it, with the caller’s reason', async () => {
      const waiting = connect(
        await startDemoApi({
          handlers: {
            echo: (_input, { signal }) =>
              new Promise((_resolve, reject) =>
                signal?.addEventListener('abort', () => reject(signal.reason as Error)),
              ),
          },
        }),
      );
      const controller = new AbortController();
      const error = failure(waiting.Parcel.echo({ id: 'a', amount: '1' }, { signal: controller.signal }));
      await sleep(20);
      controller.abort(new RangeError('enough'));
      expect(await error).to.be.instanceOf(RangeError);
    });
  });
}

describe('a client of a remote server', () => {
  afterEach(closeDemoApis);

  it('sends its token, a fresh one for each call where it is a function', async () => {
    const api = await startDemoApi({ api: { anonymous: { ...anyone, permissions: new Set() } } });
    expect(await failure(clientOf(api.url).Parcel.find({}))).to.be.instanceOf(Unauthenticated);
    await clientOf(api.url, { token: 'clerk' }).Parcel.find({});
    const tokens = ['clerk', 'stolen'];
    const client = clientOf(api.url, { token: async () => tokens.shift() ?? '' });
    await client.Parcel.find({});
    expect(await failure(client.Parcel.find({}))).to.be.instanceOf(Unauthenticated);
    const broken = clientOf(api.url, { token: () => Promise.reject(new RangeError('no token')) });
    expect(await failure(broken.Parcel.find({}))).to.be.instanceOf(RangeError);
  });

  it('repeats a command under the same key while the server asks to try again', async () => {
    const keys: (string | undefined)[] = [];
    const api = await startDemoApi({
      handlers: {
        send: async (_input, call) => {
          keys.push(call.idempotencyKey);
          if (keys.length === 1) throw new ServiceUnavailable('Not now.');
          if (keys.length === 2) throw new CommandInProgress('Running.', { retryAfterSeconds: 0 });
          return { data: { id: 'p', note: 'x', weight: { grams: 1 } } };
        },
      },
    });
    expect(await clientOf(api.url).Parcel.send({ note: 'x' })).to.include({ id: 'p' });
    expect(keys).to.have.length(3);
    expect(new Set(keys).size).to.equal(1);
  });

  it('waits as long as Retry-After says', async () => {
    const times: number[] = [];
    const api = await startDemoApi({
      handlers: {
        find: async () => {
          times.push(performance.now());
          if (times.length === 1) throw new ServiceUnavailable('Not now.', { retryAfterSeconds: 1 });
          return { data: { found: null } };
        },
      },
    });
    await clientOf(api.url).Parcel.find({});
    expect((times[1] ?? 0) - (times[0] ?? 0)).to.be.within(950, 5_000);
  });

  it('does not repeat what was refused for good, nor a conflict of the business', async () => {
    const api = await startDemoApi();
    const client = clientOf(api.url);
    await failure(client.Parcel.fail({ kind: 'rule_violated' }));
    await failure(client.Parcel.fail({ kind: 'conflict' }));
    await failure(client.Parcel.fail({ kind: 'conflict', retryAfterSeconds: 0 }));
    await failure(client.Parcel.fail({ kind: 'bug' }));
    expect(api.calls).to.have.length(4);
  });

  it('does not ask again what a query had no time for, but repeats a command', async () => {
    let calls = 0;
    const error = { code: 'request.deadline_exceeded', message: 'Too late' };
    const slow = await serve((_request, response) => {
      calls += 1;
      response.statusCode = 503;
      response.end(JSON.stringify({ success: false, error, meta: { correlationId: 'c' } }));
    });
    const client = clientOf(slow.url, { retry: { attempts: 3, baseDelayMs: 1 } });
    expect(await failure(client.Parcel.find({}))).to.be.instanceOf(DeadlineExceeded);
    expect(calls).to.equal(1);
    expect(await failure(client.Parcel.send({ note: 'x' }))).to.be.instanceOf(DeadlineExceeded);
    expect(calls).to.equal(4);
    slow.close();
  });

  it('gives up after some attempts with the last error, and at once where Retry-After exceeds the deadline', async () => {
    const api = await startDemoApi();
    const client = clientOf(api.url, { retry: { attempts: 3, baseDelayMs: 1 } });
    expect(await failure(client.Parcel.fail({ kind: 'unavailable' }))).to.be.instanceOf(PARCEL_ERRORS.unavailable);
    expect(api.calls).to.have.length(3);
    const late = await failure(client.Parcel.fail({ kind: 'rate_limited', retryAfterSeconds: 60 }));
    expect(late).to.be.instanceOf(PARCEL_ERRORS.rate_limited);
    expect(api.calls).to.have.length(4);
  });

  it('repeats under the same key when the connection breaks before the answer', async () => {
    const keys: unknown[] = [];
    const flaky = await serve((request, response) => {
      keys.push(request.headers['idempotency-key']);
      if (keys.length < 3) request.socket.destroy();
      else response.end(JSON.stringify({ success: true, data: { id: 'p' }, meta: { correlationId: 'c' } }));
    });
    expect(await clientOf(flaky.url).Parcel.send({ note: 'x' })).to.deep.equal({ id: 'p' });
    expect(keys).to.have.length(3);
    expect(new Set(keys).size).to.equal(1);
    flaky.close();
  });

  it('says so when the server cannot be reached, with the cause', async () => {
    const gone = await serve(() => undefined);
    gone.close();
    const error = await failure(clientOf(gone.url).Parcel.find({}));
    expect(error).to.be.instanceOf(ServiceUnavailable).with.property('cause').instanceOf(Error);
  });

  it('ends a call with all its attempts at the deadline', async () => {
    const silent = await serve(() => undefined);
    const began = performance.now();
    const error = await failure(clientOf(silent.url, { deadlineMs: 50 }).Parcel.find({}));
    expect(error).to.be.instanceOf(DeadlineExceeded);
    expect(performance.now() - began).to.be.below(2_000);
    silent.close();
  });

  it('ends a call at the deadline, or when the caller aborts it, also while it waits for a token', async () => {
    const never = () => new Promise<string>(() => undefined);
    const waiting = clientOf('http://127.0.0.1:1', { token: never, deadlineMs: 20 });
    expect(await failure(waiting.Parcel.send({ note: 'x' }))).to.be.instanceOf(DeadlineExceeded);
    expect(await failure(collect(waiting.Parcel.list({ count: 1 })))).to.be.instanceOf(DeadlineExceeded);
    const reason = new Error('changed my mind');
    const patient = clientOf('http://127.0.0.1:1', { token: never });
    const call = patient.Parcel.send({ note: 'x' }, { signal: AbortSignal.abort(reason) });
    expect(await failure(call)).to.equal(reason);
    const caller = new AbortController();
    setTimeout(() => caller.abort(reason), 10);
    expect(await failure(patient.Parcel.send({ note: 'x' }, { signal: caller.signal }))).to.equal(reason);
  });

  it('takes an answer that is none of the contract for what it is', async () => {
    const api = await startDemoApi();
    const bug = await failure(clientOf(api.url).call('Parcel.fail', { kind: 'bug' }, { correlationId: 'c-7' }));
    expect(bug).to.be.instanceOf(RemoteFailure);
    expect(bug).to.include({ status: 500, code: 'request.unexpected', correlationId: 'c-7' });
    for (const [status, body] of [
      [200, '<html>'],
      [200, '{"success":true}'],
      [404, '<html>'],
      [418, '{"success":false,"error":{"code":"new.code","message":"New."}}'],
    ] as const) {
      const other = await serve((_request, response) => response.writeHead(status).end(body));
      const error = await failure(clientOf(other.url).Parcel.find({}));
      expect(error).to.be.instanceOf(RemoteFailure).with.property('status', status);
      other.close();
    }
  });

  it('never takes a stream that broke off for a complete one', async () => {
    const api = await startDemoApi();
    const seen: string[] = [];
    const error = await failure(
      (async () => {
        for await (const { id } of clientOf(api.url).Parcel.list({ count: 2_000, failAt: 1_000 })) seen.push(id);
      })(),
    );
    expect(error).to.be.instanceOf(ServiceUnavailable);
    expect(seen.slice(0, 2)).to.deep.equal(['p0', 'p1']);
    expect(seen.length).to.be.below(1_001);
  });

  it('lets a stream that has begun outlast the deadline', async () => {
    const api = await startDemoApi({
      handlers: {
        numbers: async function* () {
          for (let i = 0; i < 5; i++) {
            yield i;
            await sleep(30);
          }
        },
      },
    });
    expect(await collect(clientOf(api.url, { deadlineMs: 80 }).Parcel.numbers({}))).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it('repeats a stream that did not begin', async () => {
    let calls = 0;
    const api = await startDemoApi({
      handlers: {
        numbers: async function* () {
          if (++calls < 3) throw new ServiceUnavailable('Not now.');
          yield 7;
        },
      },
    });
    expect(await collect(clientOf(api.url).Parcel.numbers({}))).to.deep.equal([7]);
  });

  it('refuses two contracts with one noun', () => {
    expect(() => httpClient([parcels, parcels], { baseUrl: 'http://x' })).to.throw('Parcel');
  });

  it('is checked by the compiler', () => {
    const client = clientOf('http://127.0.0.1:1');
    const never = (): unknown[] => [
      // @ts-expect-error a misspelt verb
      client.Parcel.sendd,
      // @ts-expect-error a misspelt noun
      client.Parcels,
      // @ts-expect-error a missing field
      client.Parcel.send({}),
      // @ts-expect-error a field of another type
      client.Parcel.find({ limit: '1' }),
      // @ts-expect-error a stream is no promise
      client.Parcel.list({}).then,
      // @ts-expect-error a field that the answer doesn't have
      client.Parcel.open({ pin: '1' }).then((parcel) => parcel.colour),
    ];
    expect(never).to.be.a('function');
    expect(new ParcelTooHeavy('x').code).to.equal('parcels.too_heavy');
  });
});

async function serve(listener: RequestListener): Promise<{ url: string; close: () => void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
