import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/ports.ts';
import { cleanEnvironment, collect, runWell } from '../test/support/run.ts';

/**
 * The newcomer's path under each npm that people have: clones what is committed, `npm ci`, `npm start`, pastes the three
 * requests that are printed, ends it. Prints a table, and ends with 1 where a step failed. Needs the registry; takes a minute for each. Arguments
 * choose others: `npm run test:newcomer 12`.
 */
const NPM_MAJORS = process.argv.length > 2 ? process.argv.slice(2) : ['10', '11', '12'];
const READY_MS = 120_000;
const ROOT = resolve(import.meta.dirname, '..');

/** What is known of one run; a step that was not reached is missing. */
interface Row {
  npm: string;
  node: string;
  installSeconds?: number;
  readySeconds?: number;
  requests?: string;
  /** Whether the server said that it had stopped. */
  stopped?: 'yes' | 'no';
  fault?: string;
}

const secondsSince = (startedAt: number): number => Math.round((performance.now() - startedAt) / 100) / 10;

async function visit(major: string): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-newcomer-'));
  const env = newcomersEnvironment();
  const npm = (...args: readonly string[]) => ['--yes', `npm@${major}`, ...args];
  const row: Row = { npm: major, node: '' };
  let server: ChildProcess | undefined;
  try {
    await runWell('git', ['clone', '--quiet', ROOT, folder]);
    const options = { cwd: folder, env };
    row.npm = (await runWell('npx', npm('--version'), options)).trim().split('\n').at(-1) ?? '';
    row.node = (await runWell('node', ['--version'], options)).trim();
    let startedAt = performance.now();
    await runWell('npx', npm('ci'), options);
    row.installSeconds = secondsSince(startedAt);

    const port = String(await freePort());
    startedAt = performance.now();
    const settings = { cwd: folder, env: { ...env, PORT: port }, detached: true };
    server = spawn('npx', npm('start'), { ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = collect(server);
    await ready(server, `http://127.0.0.1:${port}/readyz`, output);
    row.readySeconds = secondsSince(startedAt);

    // The three requests are all that is printed after the first empty line of the greeting.
    const greeting = output().slice(output().indexOf('Documentation:'));
    const pasted = greeting.slice(greeting.indexOf('\n\n') + 2);
    const answers = (await runWell('bash', ['-c', pasted], options)).trim().split('\n');
    row.requests = requestsThatWorked(answers);

    // npm ends by the signal itself; what counts is that the server does, which closes the pipes that it writes to.
    const closed = once(server, 'close');
    process.kill(-(server.pid ?? 0), 'SIGTERM');
    await closed;
    row.stopped = output().includes('"stopped"') ? 'yes' : 'no';
  } catch (error) {
    row.fault = error instanceof Error ? error.message : String(error);
  } finally {
    if (server?.pid !== undefined && server.exitCode === null && server.signalCode === null) {
      process.kill(-server.pid, 'SIGTERM');
      await once(server, 'close');
    }
    await rm(folder, { recursive: true, force: true });
  }
  return row;
}

/** How many of create, redeem and check-balance gave what they should. */
function requestsThatWorked([code = '', redeemed = '', balance = '']: readonly string[]): string {
  const worked = [/^GIFT(-[0-9A-Z]{4}){4}$/.test(code), /"success":true/.test(redeemed), /"49.75"/.test(balance)];
  return `${worked.filter(Boolean).length} of 3`;
}

async function ready(server: ChildProcess, url: string, output: () => string): Promise<void> {
  const startedAt = performance.now();
  while (server.exitCode === null && performance.now() - startedAt < READY_MS) {
    const isReady = await fetch(url).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (isReady && output().endsWith('echo\n\n')) return;
    await sleep(100);
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

const rows: Row[] = [];
for (const major of NPM_MAJORS) rows.push(await visit(major));
const COLUMNS = ['npm', 'node', 'installSeconds', 'readySeconds', 'requests', 'stopped'] as const;
console.log(`| ${COLUMNS.join(' | ')} |\n|${' --- |'.repeat(COLUMNS.length)}`);
for (const row of rows) console.log(`| ${COLUMNS.map((name) => row[name] ?? '').join(' | ')} |`);
for (const { npm, fault } of rows) if (fault !== undefined) console.error(`\nnpm ${npm}: ${fault}`);
process.exitCode = rows.every(({ requests, stopped }) => requests === '3 of 3' && stopped === 'yes') ? 0 : 1;
