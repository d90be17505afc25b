import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeDemoApis, rawExchange, startDemoApi } from '../support/demo-api.ts';

const parcel = { id: 'p', note: 'glass', weight: { grams: 5 } };

describe('streams over HTTP', () => {
  afterEach(closeDemoApis);

  it('are JSON lines, one item each', async () => {
    const api = await startDemoApi();
    const response = await api.get('/v1/parcels/list?count=2');
    expect(response.headers.get('content-type')).to.equal('application/x-ndjson; charset=utf-8');
    expect(response.headers.get('cache-control')).to.equal('no-store');
    expect(response.headers.get('x-correlation-id')).to.match(/^[\w-]{36}$/);
    const text = await response.text();
    expect(text.endsWith('\n')).to.equal(true);
    const items = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string });
    expect(items.map(({ id }) => id)).to.deep.equal(['p0', 'p1']);
  });

  it('can be called by POST and can be empty', async () => {
    const api = await startDemoApi();
    const response = await api.post('/v1/parcels/list', { count: 0 });
    expect(response.status).to.equal(200);
    expect(await response.text()).to.equal('');
  });

  it('are CSV with a header line for those who prefer it, also when empty', async () => {
    const api = await startDemoApi();
    const csv = await api.get('/v1/parcels/list?count=1', { accept: 'text/csv' });
    expect(csv.headers.get('content-type')).to.equal('text/csv; charset=utf-8; header=present');
    expect(await csv.text()).to.equal('id,note,weight.grams\r\np0,glass,5\r\n');
    expect(await (await api.get('/v1/parcels/list?count=0', { accept: 'text/csv' })).text()).to.equal(
      'id,note,weight.grams\r\n',
    );
  });

  it('without columns are refused as CSV with 406', async () => {
    const api = await startDemoApi();
    const response = await api.get('/v1/parcels/numbers', { accept: 'text/csv' });
    expect(response.status).to.equal(406);
    expect(await response.json()).to.have.nested.property('error.code', 'request.not_acceptable');
    expect(await (await api.get('/v1/parcels/numbers')).text()).to.equal('1\n');
  });

  it('that fail before their first item are answered like any other failure', async () => {
    const api = await startDemoApi();
    expect((await api.get('/v1/parcels/list?failAt=0')).status).to.equal(500);
    expect(api.reports).to.have.length(1);
    expect((await api.get('/v1/parcels/list?count=-1')).status).to.equal(400);
  });

  it('that fail before anything was sent are answered too, even if some items were made', async () => {
    const api = await startDemoApi();
    const response = await api.get('/v1/parcels/list?failAt=2');
    expect(response.status).to.equal(500);
    expect(await response.json()).to.have.property('success', false);
  });

  it('that fail in the middle break the connection, so that they never look complete, and are reported', async () => {
    const api = await startDemoApi();
    const response = await api.get('/v1/parcels/list?count=2000&failAt=1000');
    expect(response.status).to.equal(200);
    const failure = await response.text().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(Error);
    expect(api.reports.map(({ context }) => context.where)).to.deep.equal(['Parcel.list']);
  });

  it('that fail in the middle reset the connection of an HTTP/1.0 client, for whom its end would be the end', async () => {
    const api = await startDemoApi();
    const socket = connect(api.port, '127.0.0.1');
    socket.write('GET /v1/parcels/list?count=2000&failAt=1000 HTTP/1.0\r\n\r\n');
    socket.resume();
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNRESET');
    const whole = await rawExchange(api.port, 'GET /v1/parcels/list?count=2 HTTP/1.0\r\n\r\n');
    expect(whole).to.match(/"p1".*\n$/);
  });

  it('produce no faster than the client reads', async () => {
    let produced = 0;
    let ended = false;
    const api = await startDemoApi({
      handlers: {
        list: async function* () {
          try {
            for (;;) {
              yield { ...parcel, note: 'x'.repeat(1_000) };
              produced++;
            }
          } finally {
            ended = true;
          }
        },
      },
    });
    const socket = connect(api.port, '127.0.0.1').pause();
    socket.write('GET /v1/parcels/list HTTP/1.1\r\nHost: x\r\n\r\n');
    let before = -1;
    while (produced === 0 || produced !== before) {
      before = produced;
      await sleep(100);
    }
    expect(produced).to.be.below(20_000);
    socket.destroy();
    while (!ended) await sleep(5);
    expect(api.reports).to.deep.equal([]);
  });

  it('send an item while the next one is still being made', async () => {
    let goOn = (): void => undefined;
    const api = await startDemoApi({
      handlers: {
        list: async function* () {
          yield parcel;
          await new Promise<void>((resolve) => (goOn = resolve));
          yield parcel;
        },
      },
    });
    const response = await api.get('/v1/parcels/list');
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).to.equal(`${JSON.stringify(parcel)}\n`);
    goOn();
    expect((await reader?.read())?.done).to.equal(false);
    expect((await reader?.read())?.done).to.equal(true);
  });

  it('may take longer than the deadline as long as they make progress, and are cut when they stall', async () => {
    let stalled: unknown;
    const api = await startDemoApi({
      api: { deadlineMs: 120 },
      handlers: {
        list: async function* (input, { signal }) {
          for (let i = 0; i < 8; i++) {
            await sleep(30);
            yield parcel;
          }
          if (input.failAt === undefined) return;
          await new Promise((resolve) => signal?.addEventListener('abort', resolve));
          stalled = signal?.reason;
        },
      },
    });
    expect((await (await api.get('/v1/parcels/list')).text()).trim().split('\n')).to.have.length(8);
    const cut = await (await api.get('/v1/parcels/list?failAt=8')).text().catch((error: unknown) => error);
    expect(cut).to.be.instanceOf(Error);
    expect(stalled).to.have.property('code', 'request.deadline_exceeded');
  });

  it('that stall before their first item are answered at the deadline', async () => {
    const api = await startDemoApi({
      api: { deadlineMs: 30 },
      handlers: {
        list: async function* (_input, { signal }) {
          await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        },
      },
    });
    expect((await api.get('/v1/parcels/list')).status).to.equal(503);
  });

  it('abort their producer when the client hangs up', async () => {
    let aborted = (): void => undefined;
    const hungUp = new Promise<void>((resolve) => (aborted = resolve));
    const api = await startDemoApi({
      handlers: {
        list: async function* (_input, { signal }) {
          signal?.addEventListener('abort', () => aborted());
          yield parcel;
          await hungUp;
        },
      },
    });
    const response = await api.get('/v1/parcels/list');
    await response.body?.cancel();
    await hungUp;
    expect(api.reports).to.deep.equal([]);
  });
});
