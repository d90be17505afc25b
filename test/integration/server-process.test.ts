import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { access, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/postgres.ts';
import { databaseRuns, ServerProcess, stopDatabase } from '../support/server-process.ts';
import { startLimitMs } from '../support/start-limit.ts';

const shell = promisify(execFile);

const promisedMs = { firstStart: 5_000, laterStart: 2_000 };

describe('the server process', function () {
  this.timeout(90_000);
  let dataFolder: string;
  const servers: ServerProcess[] = [];

  function spawn(environment: NodeJS.ProcessEnv = {}): ServerProcess {
    const server = new ServerProcess({ DATA_FOLDER: dataFolder, ...environment });
    servers.push(server);
    return server;
  }

  const start = (environment: NodeJS.ProcessEnv = {}): Promise<ServerProcess> => spawn(environment).ready();

  /** What a start that must not succeed says on standard error, and its exit code. */
  async function refusal(environment: NodeJS.ProcessEnv): Promise<{ lines: string[]; code: number | null }> {
    const server = spawn(environment);
    const { code } = await server.ended;
    expect(server.stdout, 'standard output').to.equal('');
    return { lines: server.stderr.trimEnd().split('\n'), code };
  }

  /** Starts a server within what is promised; on a machine that has other work to do, within some times that. */
  async function startWithin(ms: number, what: string): Promise<ServerProcess> {
    const limitMs = startLimitMs(ms);
    const startedAt = performance.now();
    const server = await start();
    const tookMs = Math.round(performance.now() - startedAt);
    console.log(`        ready ${what}: ${tookMs} ms of ${limitMs} ms`);
    expect(tookMs, what).to.be.below(limitMs);
    return server;
  }

  before(async () => void (dataFolder = await temporaryFolder()));

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.end('SIGKILL');
  });

  after(async () => {
    await stopDatabase(dataFolder);
    await rm(dataFolder, { recursive: true, force: true });
  });

  describe('at its start', () => {
    it('is ready within 5 seconds the first time, and within 2 later and after kill -9', async () => {
      const first = await startWithin(promisedMs.firstStart, 'the first time');
      await first.end('SIGTERM');
      const later = await startWithin(promisedMs.laterStart, 'later');
      await later.end('SIGKILL');
      await startWithin(promisedMs.laterStart, 'after kill -9');
    });

    it('prints where everything is, and three requests that work each time they are pasted', async () => {
      const { stdout, url, adminToken } = await start();
      expect(stdout).to.match(new RegExp(`^Documentation: +${url}/docs$`, 'm'));
      expect(adminToken).to.match(/^dev_[\w-]{32}$/);
      const pasted = stdout.slice(stdout.indexOf('\n\n') + 2);
      expect(pasted.match(/curl /g)).to.have.lengthOf(3);
      const codes = new Set<string>();
      for (const program of ['bash', 'bash', 'sh']) {
        const { stdout: output } = await shell(program, ['-c', pasted]);
        const [code = '', redeemed = '', balance = ''] = output.trim().split('\n');
        expect(code).to.match(/^GIFT(-[0-9A-Z]{4}){4}$/);
        expect(JSON.parse(redeemed)).to.have.nested.property('data.redeemedAmount.amount', '0.25');
        expect(JSON.parse(balance)).to.have.nested.property('data.currentBalance.amount', '49.75');
        codes.add(code);
      }
      expect(codes.size).to.equal(3);
    });

    it('keeps its token in a file that its owner alone can read, the same at each start', async () => {
      const { adminToken } = await start();
      const file = join(dataFolder, 'admin-token');
      expect(await readFile(file, 'utf8')).to.equal(`${adminToken}\n`);
      expect((await stat(file)).mode & 0o777).to.equal(0o600);
      await servers[0]?.end('SIGTERM');
      expect((await start()).adminToken).to.equal(adminToken);
    });

    it('refuses a folder that another server uses, and leaves that one alone', async () => {
      const first = await start();
      const { lines, code } = await refusal({});
      expect(lines).to.deep.equal([`Another server process is using the data folder ${dataFolder}`]);
      expect(code).to.equal(1);
      expect((await fetch(`${first.url}/readyz`)).status).to.equal(200);
    });

    it('refuses a port that is in use, and stops the database again', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => other.once('listening', resolve));
      const { port } = other.address() as AddressInfo;
      const { lines, code } = await refusal({ PORT: String(port) });
      other.close();
      expect(lines).to.deep.equal([`PORT=${port} with HOST=127.0.0.1 is in use by another process`]);
      expect(code).to.equal(1);
      expect(await databaseRuns(dataFolder)).to.equal(false);
    });

    it('refuses an address that is not its own', async () => {
      const { lines, code } = await refusal({ HOST: '203.0.113.1', PORT: '3999' });
      const why = 'cannot be listened on: the address is not one of this machine';
      expect(lines).to.deep.equal([`PORT=3999 with HOST=203.0.113.1 ${why}`]);
      expect(code).to.equal(1);
    });

    it('says in a line that the database cannot be reached', async () => {
      const { lines, code } = await refusal({ DATABASE_URL: 'postgres://somebody:secret@127.0.0.1:1/nothing' });
      expect(lines).to.deep.equal(['The database cannot be reached: connect ECONNREFUSED 127.0.0.1:1']);
      expect(code).to.equal(1);
    });

    it('says in a line that the database is not what it should be', async () => {
      const server = await start();
      const { passwords, port } = JSON.parse(await readFile(join(dataFolder, 'postgres.json'), 'utf8'));
      const url = `postgres://portolan_app:${passwords.application}@127.0.0.1:${port}/no_such`;
      const { lines, code } = await refusal({ DATABASE_URL: url });
      expect(lines).to.deep.equal(['The database refuses the connection: database "no_such" does not exist']);
      expect(code).to.equal(1);
      await server.end('SIGTERM');
    });
  });

  describe('with a configuration that cannot be used', () => {
    it('names each fault in a line of its own and ends with 2', async () => {
      const { lines, code } = await refusal({ PORT: 'http', LOG_LEVEL: 'loud', PORTOLAN_HOST: 'x' });
      expect(lines).to.have.lengthOf(3);
      for (const part of ['PORT="http"', 'LOG_LEVEL="loud"', 'PORTOLAN_HOST']) {
        expect(lines.filter((line) => line.startsWith(part))).to.have.lengthOf(1);
      }
      expect(code).to.equal(2);
    });

    it('refuses a role with a permission that nothing has', async () => {
      const { lines, code } = await refusal({ ROLES: '{"clerk": ["gift-cards:steal"]}' });
      expect(lines).to.have.lengthOf(1);
      expect(lines[0]).to.include('gift-cards:steal');
      expect(code).to.equal(2);
      expect(await databaseRuns(dataFolder)).to.equal(false);
    });

    it('refuses production without keys, peppers and a database', async () => {
      const { lines, code } = await refusal({ NODE_ENV: 'production' });
      expect(lines.map((line) => line.split(' ')[0]).sort()).to.deep.equal(['DATABASE_URL', 'JWKS_URL', 'PEPPERS']);
      expect(code).to.equal(2);
    });

    it('refuses services that it has no adapter for', async () => {
      const { lines, code } = await refusal({
        REDIS_URL: 'redis://u:secret@localhost',
        KAFKA_BROKERS: 'localhost:9092',
      });
      expect(lines).to.have.lengthOf(2);
      expect(lines.join()).to.include('REDIS_URL').and.to.include('KAFKA_BROKERS').and.not.to.include('secret');
      expect(code).to.equal(2);
    });

    it('refuses a token file that is damaged', async () => {
      const { adminToken } = await start();
      await servers[0]?.end('SIGTERM');
      const file = join(dataFolder, 'admin-token');
      await writeFile(file, '');
      const { lines, code } = await refusal({});
      await writeFile(file, `${adminToken}\n`);
      expect(lines).to.have.lengthOf(1);
      expect(lines[0]).to.include(file);
      expect(code).to.equal(2);
    });
  });

  it('shows no code, no e-mail address and no token in its metrics and its log', async () => {
    const server = await start({ LOG_LEVEL: 'debug' });
    const recipientEmail = 'somebody@example.org';
    const card = { amount: { amount: '10.00', currency: 'USD' }, purchaserId: 'user_1', recipientEmail };
    const { code } = await server.call<{ code: string }>('gift-cards/create', card);
    await server.call('gift-cards/create', { ...card, deliver: 'email' });
    await server.call('gift-cards/redeem', { code, orderId: 'order-1' });
    await server.post('gift-cards/redeem', { code: `${code.slice(0, -1)}?`, orderId: 'order-1' });
    await server.post('gift-cards/check-balance', { code, [code]: recipientEmail });
    const response = await fetch(`${server.url}/metrics`);
    const metrics = await response.text();
    expect(response.status).to.equal(200);
    expect(metrics).to.include('GiftCard.redeem');
    expect(metrics).to.match(/^portolan_commands_pending\{repository="gift-cards"\} \d+$/m);
    await server.end('SIGTERM');
    const log = server.log.map((line) => JSON.stringify(line)).join('\n');
    expect(log).to.include('/v1/gift-cards/redeem');
    for (const [name, text] of Object.entries({ metrics, log, errors: server.stderr })) {
      for (const secret of [code, code.slice(5), recipientEmail, server.adminToken]) {
        expect(text, name).not.to.include(secret);
      }
    }
  });

  it('tells callers of the limits that they have, and of no others', async () => {
    const server = await start({ RATE_LIMIT_PER_MINUTE: '0' });
    const limitsOf = (response: Response): string[] =>
      [...response.headers.keys()].filter((name) => name.startsWith('ratelimit'));
    const amount = { amount: '1.00', currency: 'USD' };
    const created = await server.post('gift-cards/create', { amount, purchaserId: 'user_1' });
    expect(created.status).to.equal(200);
    expect(limitsOf(created)).to.deep.equal([]);
    const { data } = (await created.json()) as { data: { code: string } };
    const checked = await server.post('gift-cards/check-balance', { code: data.code });
    expect(checked.headers.get('ratelimit-policy')).to.equal('60;w=60');
  });

  it('stops cleanly when it is told to before it was ready', async () => {
    const fresh = await temporaryFolder();
    const server = spawn({ DATA_FOLDER: fresh });
    while (
      !(await access(join(fresh, 'postgres.log')).then(
        () => true,
        () => false,
      ))
    )
      await delay(2);
    expect(await server.end('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    expect(server.log.map(({ message }) => message)).to.include.members(['stopping', 'stopped']);
    expect(await databaseRuns(fresh)).to.equal(false);
    await rm(fresh, { recursive: true, force: true });
  });
});
