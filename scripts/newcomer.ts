import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/ports.ts';
import { cleanEnvironment, collect, runWell } from '../test/support/run.ts';
import { stopDatabase } from '../test/support/server-process.ts';

/**
 * The newcomer's path under each npm that people have: clones what is committed, `npm ci`, `npm start`, pastes the three
 * requests that are printed, ends it, starts it again, kills it and starts it once more. Prints a table, and ends with 1
 * where a step failed or a start took longer than promised, so that it wants a machine with nothing else to do. Needs
 * the registry; takes a minute for each. Arguments choose others: `npm run test:newcomer 12`.
 */
const NPM_MAJORS = process.argv.length > 2 ? process.argv.slice(2) : ['10', '11', '12'];
const READY_MS = 120_000;
const PROMISED_SECONDS = { firstSeconds: 5, laterSeconds: 2, afterKillSeconds: 2 } as const;
const ROOT = resolve(import.meta.dirname, '..');

/** What is known of one run; a step that was not reached is missing. */
interface Row {
  npm: string;
  node: string;
  installSeconds?: number;
  /** From `npm start` until it is ready: the first time, after it was stopped, and after kill -9. */
  firstSeconds?: number;
  laterSeconds?: number;
  afterKillSeconds?: number;
  requests?: string;
  /** Whether the server said that it had stopped. */
  stopped?: 'yes' | 'no';
  fault?: string;
}

const secondsSince = (startedAt: number): number => Math.round((performance.now() - startedAt) / 100) / 10;

async function visit(major: string): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-newcomer-'));
  const row: Row = { npm: major, node: '' };
  const servers: StartedServer[] = [];
  try {
    const options = { cwd: folder, env: await withNpm(major, join(folder, 'npm')) };
    // A warning about the Node may come before it.
    row.npm = (await runWell('npm', ['--version'], options)).trim().split('\n').at(-1) ?? '';
    row.node = (await runWell('node', ['--version'], options)).trim();
    const checkout = join(folder, 'portolan');
    await runWell('git', ['clone', '--quiet', ROOT, checkout]);
    const place = { ...options, cwd: checkout };
    const installedAt = performance.now();
    await runWell('npm', ['ci'], place);
    row.installSeconds = secondsSince(installedAt);
    await visitServer(row, place, servers);
  } catch (error) {
    row.fault = error instanceof Error ? error.message : String(error);
  } finally {
    for (const server of servers) await end(server, 'SIGTERM');
    await stopDatabase(join(folder, 'portolan/data'));
    await rm(folder, { recursive: true, force: true });
  }
  return row;
}

/** An environment in which `npm` is of that major, as if it had come with the machine's Node. */
async function withNpm(major: string, prefix: string): Promise<NodeJS.ProcessEnv> {
  const env = newcomersEnvironment();
  await runWell('npm', ['install', '--no-audit', '--no-fund', '--prefix', prefix, `npm@${major}`], { env });
  return { ...env, PATH: [join(prefix, 'node_modules/.bin'), env['PATH']].join(delimiter) };
}

interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Starts the server three times, and fills in what was seen. */
async function visitServer(row: Row, place: Place, servers: StartedServer[]): Promise<void> {
  const started = async (): Promise<StartedServer> => {
    const server = await start(place);
    servers.push(server);
    await ready(server);
    return server;
  };
  let startedAt = performance.now();
  const first = await started();
  row.firstSeconds = secondsSince(startedAt);
  // The three requests are all that is printed after the first empty line of the greeting.
  const greeting = first.output().slice(first.output().indexOf('Documentation:'));
  const pasted = greeting.slice(greeting.indexOf('\n\n') + 2);
  row.requests = requestsThatWorked((await runWell('bash', ['-c', pasted], place)).trim().split('\n'));
  await end(first, 'SIGTERM');
  row.stopped = first.output().includes('"stopped"') ? 'yes' : 'no';

  startedAt = performance.now();
  const later = await started();
  row.laterSeconds = secondsSince(startedAt);
  await end(later, 'SIGKILL');

  startedAt = performance.now();
  await started();
  row.afterKillSeconds = secondsSince(startedAt);
}

/** `npm start` as the leader of a process group. */
interface StartedServer {
  readonly npm: ChildProcess;
  readonly url: string;
  readonly output: () => string;
  /** Whether all that write to its output are gone. */
  closed: boolean;
}

async function start({ cwd, env }: Place): Promise<StartedServer> {
  const port = String(await freePort());
  const settings = { cwd, env: { ...env, PORT: port }, detached: true };
  const npm = spawn('npm', ['start'], { ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { npm, url: `http://127.0.0.1:${port}`, output: collect(npm), closed: false };
  npm.once('close', () => (server.closed = true));
  return server;
}

/**
 * Sends a signal to the whole group. npm ends by the signal itself; what counts is that the server does, which closes
 * the pipes that it writes to.
 */
async function end(server: StartedServer, signal: NodeJS.Signals): Promise<void> {
  if (server.closed) return;
  const closed = once(server.npm, 'close');
  process.kill(-(server.npm.pid ?? 0), signal);
  await closed;
}

/** How many of create, redeem and check-balance gave what they should. */
function requestsThatWorked([code = '', redeemed = '', balance = '']: readonly string[]): string {
  const worked = [/^GIFT(-[0-9A-Z]{4}){4}$/.test(code), /"success":true/.test(redeemed), /"49.75"/.test(balance)];
  return `${worked.filter(Boolean).length} of 3`;
}

async function ready({ npm, url, output }: StartedServer): Promise<void> {
  const startedAt = performance.now();
  while (npm.exitCode === null && performance.now() - startedAt < READY_MS) {
    const isReady = await fetch(`${url}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (isReady && output().endsWith('echo\n\n')) return;
    await sleep(20);
  }
  throw new Error(`The server was not ready:\n${output()}`);
}

/** No configuration of the program, and not this checkout's own Node. */
function newcomersEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '', HOME, ...rest } = cleanEnvironment();
  const kept = Object.entries(rest).filter(([name]) => /^(npm_config_|NODE_EXTRA_CA_CERTS$|https?_proxy$)/i.test(name));
  const path = PATH.split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return { ...Object.fromEntries(kept), HOME, PATH: path.join(delimiter) };
}

/** What is wrong with a run; nothing where all is well. */
function faultsOf(row: Row): readonly string[] {
  if (row.fault !== undefined) return [row.fault];
  const faults = Object.entries(PROMISED_SECONDS)
    .filter(([name, seconds]) => !(Number(row[name as keyof Row]) < seconds))
    .map(([name, seconds]) => `${name} must be below ${seconds}; the load is ${loadavg()[0]?.toFixed(1)}.`);
  if (row.requests !== '3 of 3') faults.push('Not all of the three requests worked.');
  if (row.stopped !== 'yes') faults.push('The server did not stop by itself.');
  return faults;
}

const rows: Row[] = [];
for (const major of NPM_MAJORS) rows.push(await visit(major));
const STARTS = ['firstSeconds', 'laterSeconds', 'afterKillSeconds'] as const;
const COLUMNS = ['npm', 'node', 'installSeconds', ...STARTS, 'requests', 'stopped'] as const;
console.log(`| ${COLUMNS.join(' | ')} |\n|${' --- |'.repeat(COLUMNS.length)}`);
for (const row of rows) console.log(`| ${COLUMNS.map((name) => row[name] ?? '').join(' | ')} |`);
for (const row of rows) for (const fault of faultsOf(row)) console.error(`\nnpm ${row.npm}: ${fault}`);
process.exitCode = rows.every((row) => faultsOf(row).length === 0) ? 0 : 1;
