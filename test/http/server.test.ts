import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HttpServer } from '../../src/interfaces/http/http-server.ts';
import { closeDemoApis, rawExchange, startDemoApi, type DemoApi } from '../support/demo-api.ts';

const GET = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';

async function open(port: number): Promise<Socket & { received: string }> {
  const socket = Object.assign(connect(port, '127.0.0.1'), { received: '' });
  socket.setEncoding('utf8').on('data', (text: string) => (socket.received += text));
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}
async function receive(socket: Socket & { received: string }, text: string): Promise<void> {
  while (!socket.received.includes(text)) await once(socket, 'data');
}

/** A server whose command `echo` answers when the test says so. */
async function startHeld(): Promise<{ api: DemoApi; begun: Promise<void>; release: () => void }> {
  let release = (): void => undefined;
  let begin = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const api = await startDemoApi({
    handlers: {
      echo: async (data) => {
        begin();
        await held;
        return { data };
      },
    },
  });
  return { api, begun, release };
}

describe('the HTTP server', () => {
  afterEach(closeDemoApis);

  it('rejects when its port is taken, and can be closed all the same', async () => {
    const { port } = await startDemoApi();
    const second = new HttpServer((_request, response) => response.end());
    const failure = await second.listen(port, '127.0.0.1').catch((error: unknown) => error);
    expect(failure).to.have.property('code', 'EADDRINUSE');
    expect(await second.close(0)).to.deep.equal({ cut: 0 });
  });

  it('keeps a connection for several requests, also pipelined ones, answered in order', async () => {
    const api = await startDemoApi();
    const last = 'GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const answers = await rawExchange(api.port, GET, GET + last);
    expect(answers.match(/HTTP\/1\.1 200 OK/g)).to.have.length(3);
    expect(answers.indexOf('"checks"')).to.be.greaterThan(answers.lastIndexOf('{"status":"ok"}'));
  });

  it('finishes what is under way when it closes, and takes nothing new', async () => {
    const { api, begun, release } = await startHeld();
    const answer = api.post('/v1/parcels/echo', { id: 'a', amount: '1' });
    await begun;
    expect(api.server.inFlight).to.equal(1);
    const closed = api.server.close(5_000);
    expect(api.server.draining).to.equal(true);
    const refused = await fetch(`${api.url}/livez`).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
    release();
    const response = await answer;
    expect(response.status).to.equal(200);
    expect(response.headers.get('connection')).to.equal('close');
    expect(await closed).to.deep.equal({ cut: 0 });
  });

  it('closes idle connections at once when it closes', async () => {
    const api = await startDemoApi();
    const socket = await open(api.port);
    socket.write(GET);
    await receive(socket, '{"status":"ok"}');
    const began = performance.now();
    expect(await api.server.close(5_000)).to.deep.equal({ cut: 0 });
    expect(performance.now() - began).to.be.below(900);
  });

  it('asks connections to close while it drains, and still answers them', async () => {
    const api = await startDemoApi();
    const socket = await open(api.port);
    socket.write(GET);
    await receive(socket, '{"status":"ok"}');
    expect(socket.received).to.match(/connection: keep-alive/i);
    socket.received = '';
    api.server.drain();
    socket.write(GET);
    await once(socket, 'close');
    expect(socket.received)
      .to.match(/HTTP\/1\.1 200 OK/)
      .and.match(/connection: close/i);
  });

  it('keeps idle connections while it drains: a request may be on its way there', async () => {
    const api = await startDemoApi();
    const idle = await open(api.port);
    idle.write(GET);
    await receive(idle, '{"status":"ok"}');
    idle.received = '';
    api.server.drain();
    await (await api.get('/livez')).arrayBuffer();
    await (await api.get('/livez')).arrayBuffer();
    idle.write(GET);
    await once(idle, 'close');
    expect(idle.received).to.match(/HTTP\/1\.1 200 OK/);
  });

  it('closes a connection whose answer had begun before the draining, once the answer is complete', async () => {
    let goOn = (): void => undefined;
    const api = await startDemoApi({
      handlers: {
        numbers: async function* () {
          yield 1;
          await new Promise<void>((resolve) => (goOn = resolve));
          yield 2;
        },
      },
    });
    const socket = await open(api.port);
    socket.write('GET /v1/parcels/numbers HTTP/1.1\r\nHost: x\r\n\r\n');
    await receive(socket, '1\n');
    const ended = once(socket, 'close');
    const closed = api.server.close(5_000);
    const began = performance.now();
    goOn();
    await ended;
    expect(await closed).to.deep.equal({ cut: 0 });
    expect(performance.now() - began).to.be.below(900);
    expect(socket.received).to.match(/2\n\r\n0\r\n\r\n$/);
  });

  it('does not wait until the deadline for a connection that sent no whole request', async () => {
    const api = await startDemoApi();
    const silent = await open(api.port);
    const slow = await open(api.port);
    slow.write('GET /livez HTT');
    const ended = Promise.all([once(silent, 'close'), once(slow, 'close')]);
    const began = performance.now();
    expect(await api.server.close(10_000)).to.deep.equal({ cut: 0 });
    await ended;
    expect(performance.now() - began).to.be.below(3_000);
  });

  it('cuts what is left at the deadline, and says how much that was', async () => {
    const { api, begun, release } = await startHeld();
    const answer = api.post('/v1/parcels/echo', { id: 'a', amount: '1' }).catch((error: unknown) => error);
    await begun;
    const [first, second] = [api.server.close(50), api.server.close(50)];
    expect(await first).to.deep.equal({ cut: 1 });
    expect(await second).to.deep.equal({ cut: 1 });
    expect(await answer).to.be.instanceOf(Error);
    release();
  });

  const limits = { headersTimeoutMs: 150, requestTimeoutMs: 300, checkIntervalMs: 30 };

  it('answers 408 to a client that sends its headers too slowly', async () => {
    const api = await startDemoApi({ server: limits });
    const answer = await rawExchange(api.port, 'GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect(answer).to.match(/^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/);
    expect(answer).to.contain('"code":"request.malformed"');
  });

  it('answers 408 to a client that sends its body too slowly', async () => {
    const api = await startDemoApi({ server: limits });
    const head =
      'POST /v1/parcels/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n';
    expect(await rawExchange(api.port, head, '{"id":')).to.match(/^HTTP\/1\.1 408 /);
    expect(api.calls).to.have.length(0);
  });

  it('closes a connection that stays idle too long', async () => {
    const api = await startDemoApi({ server: { ...limits, keepAliveTimeoutMs: 100 } });
    expect(await rawExchange(api.port, GET)).to.match(/^HTTP\/1\.1 200 OK/);
  });

  it('answers 431 to a head that is too long, and 400 to what is no HTTP', async () => {
    const api = await startDemoApi({ server: { maxHeaderBytes: 2_048 } });
    const long = await rawExchange(api.port, `GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(4_096)}\r\n\r\n`);
    expect(long).to.match(/^HTTP\/1\.1 431 /);
    for (const nonsense of [
      'hello\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /livez HTTP/1.1\r\nBad Header\r\n\r\n',
      'POST /v1/parcels/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ]) {
      const answer = await rawExchange(api.port, nonsense);
      expect(answer, nonsense).to.match(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/);
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as { error: { code: string } };
      expect(body.error.code).to.equal('request.malformed');
    }
  });

  it('answers broken bytes after a good request on the same connection', async () => {
    const api = await startDemoApi();
    const socket = await open(api.port);
    socket.write(GET);
    await receive(socket, '{"status":"ok"}');
    socket.write('nonsense\r\n\r\n');
    await once(socket, 'close');
    expect(socket.received).to.match(/HTTP\/1\.1 400 Bad Request/);
  });

  it('refuses connections beyond its limit', async () => {
    const api = await startDemoApi({ server: { maxConnections: 1 } });
    const first = await open(api.port);
    first.write(GET);
    await receive(first, '{"status":"ok"}');
    expect(await rawExchange(api.port, GET)).to.equal('');
    first.destroy();
  });
});
