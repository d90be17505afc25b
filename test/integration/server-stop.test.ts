import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { postmasterOf } from '../support/embedded-process.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { RawRequest } from '../support/raw-request.ts';
import { collect } from '../support/run.ts';
import { PROGRAM } from '../support/program.ts';
import { databaseRuns, ServerProcess, stopDatabase } from '../support/server-process.ts';

const BATCH_SIZE = 30_000;

interface Card {
  readonly id: string;
  readonly code: string;
}

describe('a server process that is stopped', function () {
  this.timeout(90_000);
  let dataFolder: string;
  const servers: ServerProcess[] = [];

  async function start(environment: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
    const server = new ServerProcess({ DATA_FOLDER: dataFolder, ...environment });
    servers.push(server);
    return server.ready();
  }

  /** A payment whose body the server still waits for: a request under way for as long as the test likes. */
  async function beginPayment(server: ServerProcess): Promise<{ finish(): Promise<string> }> {
    const amount = { amount: '10.00', currency: 'USD' };
    const { code } = await server.call<Card>('gift-cards/create', { amount, purchaserId: 'user_1' });
    const body = JSON.stringify({ code, orderId: `order-${code}` });
    const request = await RawRequest.open(server.port);
    await request.send(head(server, 'POST /v1/gift-cards/redeem', `Content-Length: ${body.length}`) + body.slice(0, 9));
    return {
      async finish() {
        await request.send(body.slice(9));
        return request.answer();
      },
    };
  }

  const head = (server: ServerProcess, line: string, ...more: string[]): string =>
    [
      `${line} HTTP/1.1`,
      'Host: portolan',
      `Authorization: Bearer ${server.adminToken}`,
      ...[`Idempotency-Key: ${crypto.randomUUID()}`, 'Content-Type: application/json', ...more, '', ''],
    ].join('\r\n');

  const isRefused = (server: ServerProcess): Promise<boolean> =>
    fetch(`${server.url}/livez`).then(
      () => false,
      () => true,
    );

  /** Waits until nobody new is taken. */
  async function refuses(server: ServerProcess): Promise<void> {
    while (!(await isRefused(server))) await delay(5);
  }

  before(async () => void (dataFolder = await temporaryFolder()));

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.end('SIGKILL');
    await stopDatabase(dataFolder);
  });

  after(() => rm(dataFolder, { recursive: true, force: true }));

  it('answers what is under way, takes nobody new, says so, and ends with 0', async () => {
    const server = await start();
    const payment = await beginPayment(server);
    const ended = server.end('SIGTERM');
    await server.says('stopping');
    await refuses(server);
    const answer = await payment.finish();
    expect(answer).to.match(/^HTTP\/1.1 200 /);
    expect(answer).to.match(/\r\nConnection: close\r\n/i);
    expect(answer).to.include('"redeemedAmount":{"amount":"10.00","currency":"USD"}');
    expect(await ended).to.deep.equal({ code: 0, signal: null });
    expect(server.log.find(({ message }) => message === 'stopping')).to.include({ signal: 'SIGTERM' });
    expect(server.log.at(-1)).to.include({ message: 'stopped' });
    expect(server.stderr).to.equal('');
  });

  it('sends a long download to its end', async () => {
    const server = await start();
    const amount = { amount: '1.00', currency: 'USD' };
    const { batchId } = await server.call<{ batchId: string }>('gift-cards/bulk-create', { count: BATCH_SIZE, amount });
    while ((await server.call<{ status: string }>('gift-cards/get-batch', { batchId })).status !== 'ready')
      await delay(50);
    const download = await RawRequest.open(server.port);
    await download.send(head(server, `GET /v1/gift-cards/download-batch?batchId=${batchId}`));
    await download.begun();
    download.pause();
    const ended = server.end('SIGTERM');
    await server.says('stopping');
    await refuses(server);
    expect(server.child.exitCode).to.equal(null);
    download.resume();
    const answer = await download.answer();
    expect(answer.match(/"code":"PROMO-/g)).to.have.lengthOf(BATCH_SIZE);
    expect(answer.endsWith('\r\n0\r\n\r\n'), 'the end mark').to.equal(true);
    expect(await ended).to.deep.equal({ code: 0, signal: null });
  });

  it('is not ready any more while it drains', async () => {
    const server = await start();
    const [payment, probe] = [await beginPayment(server), await RawRequest.open(server.port)];
    await probe.send('GET /readyz HTTP/1.1\r\nHost: portolan\r\n');
    // By the time that these are answered the server has read it; a connection that says nothing would be closed.
    for (let count = 0; count < 3; count += 1) await (await fetch(`${server.url}/livez`)).arrayBuffer();
    const ended = server.end('SIGTERM');
    await server.says('stopping');
    await probe.send('\r\n');
    const answer = await probe.answer();
    expect(answer).to.match(/^HTTP\/1.1 503 /);
    expect(answer).to.include('"status":"draining"');
    await payment.finish();
    expect((await ended).code).to.equal(0);
  });

  it('serves on for the delay, not ready any more, and then stops', async () => {
    const server = await start({ SHUTDOWN_DELAY_MS: '4000' });
    const readiness = async (): Promise<number> => (await fetch(`${server.url}/readyz`)).status;
    expect(await readiness()).to.equal(200);
    const stoppedAt = performance.now();
    const ended = server.end('SIGTERM');
    await server.says('stopping');
    expect(await readiness()).to.equal(503);
    const payment = await beginPayment(server);
    expect(await payment.finish()).to.match(/^HTTP\/1.1 200 /);
    expect(await ended).to.deep.equal({ code: 0, signal: null });
    expect(performance.now() - stoppedAt).to.be.above(3_950);
    expect(server.log.at(-1)).to.include({ message: 'stopped' });
  });

  it('counts the delay into no deadline', async () => {
    const server = await start({ SHUTDOWN_DELAY_MS: '6000', SHUTDOWN_TIMEOUT_MS: '100' });
    expect(await server.end('SIGTERM')).to.deep.equal({ code: 0, signal: null });
  });

  it('ends at once, with 1, when somebody insists in the delay', async () => {
    const server = await start({ SHUTDOWN_DELAY_MS: '60000' });
    const ended = server.end('SIGTERM');
    await server.says('stopping');
    await delay(1_100);
    const insistedAt = performance.now();
    server.child.kill('SIGTERM');
    expect(await ended).to.deep.equal({ code: 1, signal: null });
    expect(performance.now() - insistedAt).to.be.below(5_000);
  });

  it('closes everything in the reverse of the order in which it was opened, the database last', async () => {
    const server = await start({ LOG_LEVEL: 'debug' });
    await server.end('SIGTERM');
    const closed = server.log.filter(({ message }) => message === 'closed').map(({ resource }) => String(resource));
    const order = ['HTTP server', 'event seals', 'consumer portolan.jobs', 'job queue', 'gift cards', 'commands pool'];
    expect(closed.filter((name) => order.includes(name))).to.deep.equal(order);
    expect(closed.at(-1)).to.equal('embedded PostgreSQL');
    expect(new Set(closed).size).to.equal(closed.length);
    expect(await databaseRuns(dataFolder)).to.equal(false);
    expect(await readFile(join(dataFolder, 'postgres.log'), 'utf8')).to.match(/database system is shut down\n$/);
  });

  it('keeps its database through a Ctrl-C in the terminal until it has drained', async () => {
    const server = await start();
    const payment = await beginPayment(server);
    server.interruptGroup();
    // npm passes the signal on once more.
    server.interruptGroup();
    await server.says('stopping');
    await refuses(server);
    expect(await databaseRuns(dataFolder)).to.equal(true);
    expect(await payment.finish()).to.match(/^HTTP\/1.1 200 /);
    expect(await server.ended).to.deep.equal({ code: 0, signal: null });
    expect(await databaseRuns(dataFolder)).to.equal(false);
  });

  it('stops as well when its terminal is closed', async () => {
    const server = await start();
    expect(await server.end('SIGHUP')).to.deep.equal({ code: 0, signal: null });
    expect(await databaseRuns(dataFolder)).to.equal(false);
  });

  it('stops as well when npm, which passes no signal on, has ended', async () => {
    const env = { PATH: process.env['PATH'], npm_lifecycle_event: 'start', DATA_FOLDER: dataFolder, PORT: '0' };
    const shell = spawn('sh', ['-c', `"${process.execPath}" "${PROGRAM}" serve; true`], { env });
    const output = collect(shell);
    while (!output().includes('listening')) await once(shell.stdout, 'data');
    shell.kill('SIGTERM');
    // Only the server still holds its end of this.
    await once(shell.stdout, 'close');
    expect(output()).to.include('"signal":"npm ended"').and.to.include('"message":"stopped"');
    expect(await databaseRuns(dataFolder)).to.equal(false);
  });

  it('cuts off what takes too long, and ends with 0', async () => {
    const server = await start({ SHUTDOWN_TIMEOUT_MS: '300' });
    await beginPayment(server);
    expect(await server.end('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    expect(server.log.find(({ message }) => message === 'requests were cut off')).to.include({ cut: 1 });
  });

  it('ends at once, with 1, when somebody insists', async () => {
    const server = await start({ SHUTDOWN_TIMEOUT_MS: '60000' });
    await beginPayment(server);
    const ended = server.end('SIGINT');
    await server.says('stopping');
    await delay(1_100);
    const insistedAt = performance.now();
    server.child.kill('SIGINT');
    expect(await ended).to.deep.equal({ code: 1, signal: null });
    expect(performance.now() - insistedAt).to.be.below(5_000);
    expect(server.log.at(-1)).to.include({ message: 'stopped uncleanly', reason: 'a second signal came' });
  });

  it('ends at its deadline, with 1, whatever hangs', async () => {
    const server = await start({ SHUTDOWN_TIMEOUT_MS: '100' });
    const postmaster = (await postmasterOf(dataFolder))?.processId ?? 0;
    process.kill(postmaster, 'SIGSTOP');
    try {
      const startedAt = performance.now();
      expect(await server.end('SIGTERM')).to.deep.equal({ code: 1, signal: null });
      expect(performance.now() - startedAt).to.be.within(5_000, 15_000);
      expect(server.log.at(-1)).to.include({ message: 'stopped uncleanly', reason: 'too slow' });
    } finally {
      process.kill(postmaster, 'SIGCONT');
    }
  });

  it('stops in good order, but with 1, after an error that nobody caught', async () => {
    const thrower = `process.on('SIGUSR2',()=>{throw new Error('lost')})`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(thrower)}`;
    const server = await start({ NODE_OPTIONS, SHUTDOWN_DELAY_MS: '60000' });
    const payment = await beginPayment(server);
    const ended = server.end('SIGUSR2');
    await server.says('stopping');
    expect(await payment.finish()).to.match(/^HTTP\/1.1 200 /);
    expect(await ended).to.deep.equal({ code: 1, signal: null });
    expect(server.log.find(({ message }) => message === 'nobody caught an error')?.level).to.equal('error');
    expect(await databaseRuns(dataFolder)).to.equal(false);
  });
});
