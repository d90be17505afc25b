import { expect } from 'chai';
import { spawn as spawnProcess } from 'node:child_process';
import { chown, cp, lstat, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadBinaries } from '../../src/infrastructure/embedded-postgres/binaries.ts';
import { layoutOf } from '../../src/infrastructure/embedded-postgres/cluster.ts';
import { EmbeddedPostgresError } from '../../src/infrastructure/embedded-postgres/embedded-postgres-error.ts';
import {
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import type {
  EmbeddedPostgres,
  EmbeddedPostgresOptions,
} from '../../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import { chooseLauncher, run } from '../../src/infrastructure/embedded-postgres/launcher.ts';
import { stopPostmaster } from '../../src/infrastructure/embedded-postgres/postmaster.ts';
import { postmasterOf, query, spawnServer } from '../support/embedded-process.ts';
import type { Report, ServerProcess } from '../support/embedded-process.ts';
import { AS_ORDINARY_USER, requireOrdinaryUser } from '../support/ordinary-user.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { skip } from '../support/skip.ts';
import { startLimitMs } from '../support/start-limit.ts';

describe('embedded PostgreSQL', function () {
  this.timeout(60_000);
  let parent: string;
  let dataFolder: string;
  const processes: ServerProcess[] = [];

  function spawn(...as: string[]): ServerProcess {
    const spawned = spawnServer(dataFolder, as);
    processes.push(spawned);
    return spawned;
  }

  async function refusal(options: Partial<EmbeddedPostgresOptions> = {}): Promise<string> {
    try {
      const server = await startEmbeddedPostgres({ dataFolder, ...options });
      await server.stop();
    } catch (error) {
      expect(error).to.be.instanceOf(EmbeddedPostgresError);
      const { message } = error as EmbeddedPostgresError;
      expect(message).to.not.include('\n');
      return message;
    }
    throw new Error('The start was not refused');
  }

  /** A folder that has been in use: the table `kept` in it has one row. */
  async function startAndStop(): Promise<void> {
    const server = await startEmbeddedPostgres({ dataFolder });
    await query(server.ownerUrl, 'CREATE TABLE kept AS SELECT 1 AS one');
    await server.stop();
  }

  /** Starts on that folder again and finds the row. */
  async function startAndStopAgain(): Promise<void> {
    const server = await startEmbeddedPostgres({ dataFolder });
    expect(await query(server.ownerUrl, 'SELECT one FROM kept')).to.deep.equal([{ one: 1 }]);
    await server.stop();
  }

  async function killed(processId: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    process.kill(processId, signal);
    while ((await postmasterOf(dataFolder))?.processId === processId) await delay(5);
  }

  /** The process that is executing pg_sleep. */
  async function sleepingBackend(url: string): Promise<number> {
    for (;;) {
      const [row] = await query(url, `SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'`);
      if (row !== undefined) return row['pid'] as number;
    }
  }

  /** The others have been refused for the one reason that is theirs. */
  function expectOneWinner(reports: readonly Report[]): Report {
    const [winner, ...more] = reports.filter((report) => report.refusal === undefined);
    const refused = reports.filter(({ refusal: line }) => line?.includes('Another server process is using'));
    if (winner === undefined) throw new Error('All were refused');
    expect([more.length, refused.length]).to.deep.equal([0, reports.length - 1]);
    return winner;
  }

  beforeEach(async () => {
    parent = await temporaryFolder();
    dataFolder = join(parent, 'data');
  });

  afterEach(async () => {
    for (const spawned of processes.splice(0)) await spawned.end('SIGKILL');
    await stopPostmaster(layoutOf(dataFolder));
    await rm(parent, { recursive: true, force: true });
  });

  describe('on first use', () => {
    it('is ready within five seconds, and within two the next time, with the same data on the same port', async () => {
      const limits = { first: startLimitMs(5_000), again: startLimitMs(2_000) };
      const first = spawn();
      const { readyMs, ownerUrl } = await first.report;
      await query(ownerUrl, 'CREATE TABLE kept AS SELECT 1 AS one');
      await first.end('SIGTERM');
      expect(await postmasterOf(dataFolder)).to.equal(undefined);
      const again = await spawn().report;
      expect(await query(again.ownerUrl, 'SELECT one FROM kept')).to.deep.equal([{ one: 1 }]);
      expect(again.ownerUrl).to.equal(ownerUrl);
      expect(readyMs).to.be.below(limits.first);
      expect(again.readyMs).to.be.below(limits.again);
    });

    it('gives the owner the database, and the application nothing but a connection', async () => {
      const server = await startEmbeddedPostgres({ dataFolder });
      try {
        await query(server.ownerUrl, 'CREATE SCHEMA own CREATE TABLE own.things (id int)');
        const roles = await query(
          server.applicationUrl,
          `SELECT rolname AS name FROM pg_roles WHERE rolname LIKE 'portolan%' AND rolcanlogin
             AND NOT rolsuper AND NOT rolcreatedb AND NOT rolcreaterole AND NOT rolbypassrls AND NOT rolreplication
           ORDER BY 1`,
        );
        expect(roles).to.deep.equal([{ name: 'portolan_app' }, { name: 'portolan_owner' }]);
        for (const forbidden of ['CREATE SCHEMA mine', 'CREATE TABLE public.mine ()', 'SELECT FROM own.things']) {
          const outcome = await query(server.applicationUrl, forbidden).catch((error: unknown) => error);
          expect(outcome).to.have.property('code', '42501');
        }
      } finally {
        await server.stop();
      }
    });

    it('is durable, checksummed, UTF-8, asks for passwords and listens on the loopback interface alone', async () => {
      const server = await startEmbeddedPostgres({ dataFolder, settings: { work_mem: '7MB' } });
      try {
        const names = ['fsync', 'synchronous_commit', 'data_checksums', 'server_encoding', 'work_mem'];
        const [row] = await query(
          server.applicationUrl,
          `SELECT ${names.map((name) => `current_setting('${name}') AS ${name}`).join(', ')},
                  (SELECT datlocale FROM pg_database WHERE datname = current_database()) AS locale`,
        );
        expect(row).to.deep.equal({
          fsync: 'on',
          synchronous_commit: 'on',
          data_checksums: 'on',
          server_encoding: 'UTF8',
          work_mem: '7MB',
          locale: 'C.UTF-8',
        });
        const listening = (await readFile(join(dataFolder, 'postgres.log'), 'utf8')).match(/listening on .*/g);
        const url = new URL(server.applicationUrl);
        expect(listening).to.deep.equal([`listening on IPv4 address "127.0.0.1", port ${url.port}`]);
        url.password = 'wrong';
        expect(await query(url.href, 'SELECT 1').catch((error: unknown) => error)).to.have.property('code', '28P01');
      } finally {
        await server.stop();
      }
    });

    it('closes the folder and the file of passwords to other users', async () => {
      await startAndStop();
      expect((await stat(dataFolder)).mode & 0o777).to.equal(0o700);
      expect((await stat(join(dataFolder, 'postgres.json'))).mode & 0o777).to.equal(0o600);
      expect((await stat(join(dataFolder, 'postgres.log'))).mode & 0o777).to.equal(0o600);
    });

    it('works in a folder whose path is longer than a socket address and has spaces in it', async () => {
      dataFolder = join(parent, 'a long name '.repeat(15).trim());
      await startAndStop();
    });

    for (const entry of ['postgres.json', 'postgres.new-', 'postgres', 'postgres.log']) {
      it(`completes a first start that was killed when ${entry} had just appeared`, async () => {
        const first = spawn();
        for (;;) {
          const entries = await readdir(dataFolder).catch(() => []);
          if (entries.some((name) => name === entry || (entry.endsWith('-') && name.startsWith(entry)))) break;
          await delay(1);
        }
        await first.end('SIGKILL');
        const { applicationUrl } = await spawn().report;
        expect(await query(applicationUrl, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
        expect((await readdir(dataFolder)).sort()).to.deep.equal(['postgres', 'postgres.json', 'postgres.log']);
      });
    }
  });

  describe('after a crash', () => {
    it('takes over the server that a killed process has left, with all that was committed', async () => {
      const first = spawn();
      const { ownerUrl } = await first.report;
      await query(ownerUrl, 'CREATE TABLE kept AS SELECT 1 AS one');
      await first.end('SIGKILL');
      const left = await postmasterOf(dataFolder);
      const limitMs = startLimitMs(2_000);
      const second = await spawn().report;
      expect(left).to.not.equal(undefined);
      expect((await postmasterOf(dataFolder))?.processId).to.equal(left?.processId);
      expect(second.readyMs).to.be.below(limitMs);
      expect(await query(second.ownerUrl, 'SELECT one FROM kept')).to.deep.equal([{ one: 1 }]);
    });

    it('recovers when process and server were both killed, in under two seconds', async () => {
      const first = spawn();
      const { ownerUrl } = await first.report;
      await query(ownerUrl, 'CREATE TABLE kept AS SELECT n FROM generate_series(1, 100000) n');
      const { processId = 0 } = (await postmasterOf(dataFolder)) ?? {};
      await first.end('SIGKILL');
      await killed(processId);
      const limitMs = startLimitMs(2_000);
      const second = await spawn().report;
      expect(await query(second.ownerUrl, 'SELECT count(*)::int AS n FROM kept')).to.deep.equal([{ n: 100000 }]);
      expect(second.readyMs).to.be.below(limitMs);
    });

    it('waits for a server that is shutting down, then starts it again', async () => {
      const first = spawn();
      await first.report;
      const { processId = 0 } = (await postmasterOf(dataFolder)) ?? {};
      await first.end('SIGKILL');
      process.kill(processId, 'SIGINT');
      const { applicationUrl } = await spawn().report;
      expect(await query(applicationUrl, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
      expect((await postmasterOf(dataFolder))?.processId).to.not.equal(processId);
    });

    it('recovers when backends of a killed server still hold the shared memory', async function () {
      if (process.platform !== 'linux') skip(this, 'orphaned backends are found by /proc, which Linux has');
      const first = spawn();
      const { ownerUrl } = await first.report;
      const { processId = 0 } = (await postmasterOf(dataFolder)) ?? {};
      const sleeping = query(ownerUrl, 'SELECT pg_sleep(60)').catch((error: unknown) => error);
      const backend = await sleepingBackend(ownerUrl);
      process.kill(backend, 'SIGSTOP');
      await first.end('SIGKILL');
      await killed(processId);
      const { applicationUrl } = await spawn().report;
      expect(await query(applicationUrl, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
      expect(await sleeping).to.be.instanceOf(Error);
    });

    it('is not deceived by a process that has got the number of the dead server', async function () {
      if (process.platform !== 'linux') skip(this, 'the true owner of a number is found by /proc, which Linux has');
      const first = spawn();
      await first.report;
      const { processId = 0 } = (await postmasterOf(dataFolder)) ?? {};
      await first.end('SIGKILL');
      await killed(processId);
      const lockFile = join(dataFolder, 'postgres', 'postmaster.pid');
      const { uid, gid } = await stat(lockFile);
      const other = spawnProcess('sleep', ['60'], { uid, gid });
      await writeFile(lockFile, (await readFile(lockFile, 'utf8')).replace(/^\d+/, String(other.pid)));
      const { applicationUrl } = await spawn().report;
      other.kill();
      expect(await query(applicationUrl, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    });

    it('starts over an empty lock file', async () => {
      await startAndStop();
      const lockFile = join(dataFolder, 'postgres', 'postmaster.pid');
      await writeFile(lockFile, '');
      const { uid, gid } = await stat(dirname(lockFile));
      await chown(lockFile, uid, gid);
      await startAndStopAgain();
    });
  });

  describe('one server per folder', () => {
    it('refuses a second process with one line that names the folder', async () => {
      await spawn().report;
      const { refusal: line } = await spawn().report;
      expect(line).to.equal(`EmbeddedPostgresError: Another server process is using the data folder ${dataFolder}`);
      expect(await refusal()).to.include(dataFolder);
      expect(await postmasterOf(dataFolder)).to.not.equal(undefined);
    });

    it('lets exactly one of six simultaneous first starts win', async () => {
      const reports = await Promise.all(Array.from({ length: 6 }, () => spawn().report));
      const winner = expectOneWinner(reports);
      expect(await query(winner.ownerUrl, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    });

    it('lets exactly one of six simultaneous starts take over from a killed process', async () => {
      const first = spawn();
      await first.report;
      await first.end('SIGKILL');
      const reports = await Promise.all(Array.from({ length: 6 }, () => spawn().report));
      expectOneWinner(reports);
    });

    it('can be started again in the process that has stopped it, but not before', async () => {
      const server = await startEmbeddedPostgres({ dataFolder });
      expect(await refusal()).to.include('Another server process is using the data folder');
      await server.stop();
      await startAndStop();
    });
  });

  describe('its port', () => {
    it('is exchanged for another, and that one kept, when something else has taken it', async () => {
      await startAndStop();
      const { port } = JSON.parse(await readFile(join(dataFolder, 'postgres.json'), 'utf8')) as { port: number };
      const occupant = createServer().listen(port, '127.0.0.1').unref();
      const lines: string[] = [];
      const server = await startEmbeddedPostgres({ dataFolder, log: (line) => lines.push(line) });
      await server.stop();
      await new Promise((resolve) => occupant.close(resolve));
      const again = await startEmbeddedPostgres({ dataFolder });
      await again.stop();
      expect(new URL(server.ownerUrl).port).to.not.equal(String(port));
      expect(lines.join()).to.include(`Port ${port} is used by something else`);
      expect(again.ownerUrl).to.equal(server.ownerUrl);
    });
  });

  describe('stopping', () => {
    it('is not caused by an interrupt from the terminal, which goes to the whole process group', async () => {
      const { child, report } = spawn();
      const { ownerUrl } = await report;
      process.kill(-(child.pid ?? 0), 'SIGINT');
      // A server in that group would have stopped by now: it takes some 20 ms.
      await delay(300);
      expect(await query(ownerUrl, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
      expect((await postmasterOf(dataFolder))?.status).to.equal('ready');
    });

    it('can be asked for twice, and ends open connections', async () => {
      const server = await startEmbeddedPostgres({ dataFolder });
      const busy = query(server.applicationUrl, 'SELECT pg_sleep(60)').catch((error: unknown) => error);
      await query(server.applicationUrl, 'SELECT 1');
      await Promise.all([server.stop(), server.stop()]);
      await server.stop();
      expect(await busy).to.be.instanceOf(Error);
      expect(await postmasterOf(dataFolder)).to.equal(undefined);
    });

    it('works while the server recovers from the crash of a backend', async () => {
      const server = await startEmbeddedPostgres({ dataFolder });
      const victim = query(server.ownerUrl, 'SELECT pg_sleep(60)').catch((error: unknown) => error);
      process.kill(await sleepingBackend(server.ownerUrl), 'SIGKILL');
      const startedAt = performance.now();
      await server.stop();
      expect(performance.now() - startedAt).to.be.below(10_000);
      expect(await victim).to.be.instanceOf(Error);
      expect(await postmasterOf(dataFolder)).to.equal(undefined);
    });

    it('works when the server has died already', async () => {
      const server = await startEmbeddedPostgres({ dataFolder });
      await killed((await postmasterOf(dataFolder))?.processId ?? 0);
      await server.stop();
      await startAndStop();
    });
  });

  describe('a start that cannot succeed', () => {
    it('names both versions when another major version of PostgreSQL made the folder', async () => {
      await startAndStop();
      await writeFile(join(dataFolder, 'postgres', 'PG_VERSION'), '15\n');
      expect(await refusal()).to.match(/made by PostgreSQL 15, but this is PostgreSQL 18/);
    });

    it('says that the data folder cannot be used', async () => {
      await writeFile(dataFolder, 'a file');
      expect(await refusal()).to.include(`Cannot use the data folder ${dataFolder}`);
      await rm(dataFolder);
    });

    it('says that the passwords are lost or damaged', async () => {
      await startAndStop();
      await writeFile(join(dataFolder, 'postgres.json'), '{"port":');
      expect(await refusal()).to.include('postgres.json: it is damaged');
      await rm(join(dataFolder, 'postgres.json'));
      expect(await refusal()).to.include('passwords of the database');
    });

    it('says that the passwords are not those of the database, and leaves no process behind', async () => {
      await startAndStop();
      const file = join(dataFolder, 'postgres.json');
      await writeFile(file, (await readFile(file, 'utf8')).replace(/"superuser": "/, '$&not-'));
      expect(await refusal()).to.include('does not accept the password');
      expect(await postmasterOf(dataFolder)).to.equal(undefined);
    });

    it('says that other files are in the place of the cluster', async () => {
      await mkdir(join(dataFolder, 'postgres'), { recursive: true });
      await writeFile(join(dataFolder, 'postgres', 'something'), 'else');
      expect(await refusal()).to.include(join(dataFolder, 'postgres'));
      expect((await readdir(dataFolder)).sort()).to.deep.equal(['postgres', 'postgres.json']);
    });

    it('repeats what PostgreSQL said, leaves no process behind and the folder free', async () => {
      expect(await refusal({ settings: { shared_buffers: 'plenty' } })).to.include('"shared_buffers": "plenty"');
      expect(await postmasterOf(dataFolder)).to.equal(undefined);
      await startAndStop();
    });
  });

  describe('under another account', () => {
    it('runs unprivileged when this process is root, although the folder above is closed to others', async function () {
      if (process.getuid?.() !== 0) skip(this, 'only root can change to another account');
      expect((await stat(parent)).mode & 0o077).to.equal(0);
      await spawn().report;
      const { processId = 0 } = (await postmasterOf(dataFolder)) ?? {};
      const status = await readFile(`/proc/${processId}/status`, 'utf8');
      expect(/^Uid:\s*(\d+)/m.exec(status)?.[1]).to.not.equal('0');
    });

    it('runs programs that lie in a folder closed to others', async function () {
      if (process.getuid?.() !== 0) skip(this, 'only root can change to another account');
      const binaries = await loadBinaries();
      const closed = join(parent, 'package');
      await cp(join(dirname(binaries.postgres), '..'), join(closed, 'native'), {
        recursive: true,
        verbatimSymlinks: true,
      });
      const moved = {
        ...binaries,
        initdb: join(closed, 'native', 'bin', 'initdb'),
        postgres: join(closed, 'native', 'bin', 'postgres'),
      };
      const launcher = await chooseLauncher(moved, parent, undefined);
      expect(launcher.account?.uid).to.be.above(0);
      expect(await run(launcher.launch, moved.initdb, ['--version'])).to.include({ code: 0, stderr: '' });
    });

    it('makes the links between libraries that an installation without scripts lacks', async () => {
      const binaries = await loadBinaries();
      const closed = join(parent, 'package');
      await cp(join(dirname(binaries.postgres), '..'), join(closed, 'native'), {
        recursive: true,
        filter: async (path) => !(await lstat(path)).isSymbolicLink(),
      });
      const moved = { ...binaries, postgres: join(closed, 'native', 'bin', 'postgres') };
      const launcher = await chooseLauncher(moved, parent, undefined);
      expect(launcher.version).to.match(/^\d+\.\d+$/);
    });

    it('runs as an ordinary user, and afterwards as root on the same folder', async function () {
      await requireOrdinaryUser(this);
      await chown(parent, 65534, 65534);
      const ordinary = spawn(...AS_ORDINARY_USER);
      const { ownerUrl } = await ordinary.report;
      await query(ownerUrl, 'CREATE TABLE kept AS SELECT 1 AS one');
      await ordinary.end('SIGTERM');
      await startAndStopAgain();
      const owners = await Promise.all((await readdir(dataFolder)).map((name) => stat(join(dataFolder, name))));
      expect(owners.map(({ uid }) => uid)).to.deep.equal([65534, 65534, 65534]);
    });

    it('takes possession of a cluster that root has copied', async function () {
      if (process.getuid?.() !== 0) skip(this, 'only root can change to another account');
      await startAndStop();
      const copy = join(parent, 'copy');
      await cp(dataFolder, copy, { recursive: true });
      dataFolder = copy;
      await startAndStopAgain();
    });

    it('tells an ordinary user in one line that the folder belongs to somebody else', async function () {
      await requireOrdinaryUser(this);
      await startAndStop();
      const { refusal: line } = await spawn(...AS_ORDINARY_USER).report;
      expect(line).to.match(/^EmbeddedPostgresError: Cannot use the data folder .*: EACCES/);
    });
  });

  describe('its log', () => {
    it('is a file in the data folder that is emptied at a start when it has grown beyond 10 MB', async () => {
      await startAndStop();
      const logFile = join(dataFolder, 'postgres.log');
      await truncate(logFile, 11 * 1024 * 1024);
      await startAndStopAgain();
      expect((await stat(logFile)).size).to.be.within(1, 100_000);
      expect(await readFile(logFile, 'utf8')).to.include('database system is ready to accept connections');
    });
  });

  describe('found by another process', () => {
    it('is found while it runs, and only then', async () => {
      expect(await findEmbeddedPostgres(dataFolder)).to.equal(undefined);
      const server: EmbeddedPostgres = await startEmbeddedPostgres({ dataFolder });
      const found = await findEmbeddedPostgres(dataFolder);
      await server.stop();
      expect(found).to.deep.equal({ ownerUrl: server.ownerUrl, applicationUrl: server.applicationUrl });
      expect(await findEmbeddedPostgres(dataFolder)).to.equal(undefined);
    });
  });
});
