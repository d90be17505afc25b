import type { ChildProcess } from 'node:child_process';
import { open, stat, unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Cluster, Progress } from './cluster.ts';
import { connectAsSuperuser } from './connection.ts';
import { EmbeddedPostgresError, messageOf } from './embedded-postgres-error.ts';
import { giveToOwnerOf } from './launcher.ts';
import { findPostmaster, killOrphans, pollMs, readPostmaster, stopPostmaster } from './postmaster.ts';

/** Settings by PostgreSQL's names, such as `shared_buffers: '256MB'`. */
export type Settings = Readonly<Record<string, string>>;

/** A server that accepts connections: one of the superuser's, and where the others find it. */
export interface RunningServer {
  readonly superuser: Client;
  readonly port: number;
}

const unresponsiveMs = 30_000;
const maxPorts = 10;
const maxLogBytes = 10 * 1024 * 1024;

const defaultSettings: Settings = {
  listen_addresses: '127.0.0.1',
  // Paths of sockets are limited to about 100 bytes; data folders are not.
  unix_socket_directories: '',
  max_connections: '200',
  // Sessions of a process that was killed end within seconds, even in the middle of a query.
  client_connection_check_interval: '2s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
};

interface Attempt {
  readonly child: ChildProcess;
  readonly port: number;
  /** Where this attempt's lines begin in the log file. */
  readonly logOffset: number;
  failure?: Error;
}

/**
 * Makes the cluster's server run, and waits until it accepts connections: takes over the one that a killed process
 * has left, waits for one that is recovering or stopping, or starts one. A server taken over keeps the settings it
 * was started with. Waits without limit while PostgreSQL is recovering from a crash.
 *
 * @throws EmbeddedPostgresError when the server ends at once, stays silent, or does not accept the kept password
 */
export async function ensureServer(cluster: Cluster, settings: Settings, progress: Progress): Promise<RunningServer> {
  const { port: keptPort, passwords } = cluster.secrets;
  let port = keptPort ?? (await freePort());
  let portsTried = 1;
  let attempt: Attempt | undefined;
  let deadline = Date.now() + unresponsiveMs;
  for (;;) {
    const postmaster = await findPostmaster(cluster);
    if (postmaster?.status === 'ready') {
      const answer = await connectAsSuperuser(postmaster.port, passwords.superuser);
      if (answer.client !== undefined) {
        if (attempt === undefined) progress.log(`Took over the running PostgreSQL (process ${postmaster.processId})`);
        return { superuser: answer.client, port: postmaster.port };
      }
      if (answer.recovering) deadline = Date.now() + unresponsiveMs;
    } else if (postmaster?.status === 'starting') {
      deadline = Date.now() + unresponsiveMs;
    } else if (postmaster?.status === 'stopping') {
      await stopPostmaster(cluster);
    } else if (postmaster === undefined && attempt === undefined) {
      attempt = await launchPostmaster(cluster, port, settings);
      progress.waiting();
    } else if (attempt !== undefined && hasEnded(attempt)) {
      const remedy = await remedyFor(cluster, attempt);
      if (remedy === 'none' || Date.now() > deadline || portsTried > maxPorts) {
        throw new EmbeddedPostgresError(`PostgreSQL did not start: ${await lastWords(cluster, attempt)}`);
      }
      if (remedy === 'other port') {
        port = await freePort();
        portsTried += 1;
        progress.log(`Port ${attempt.port} is used by something else; trying ${port}`);
      }
      attempt = undefined;
    } else if (Date.now() > deadline) {
      attempt?.child.kill('SIGQUIT');
      throw new EmbeddedPostgresError(`PostgreSQL does not answer (log: ${cluster.logFile})`);
    }
    await delay(pollMs);
  }
}

async function launchPostmaster(cluster: Cluster, port: number, settings: Settings): Promise<Attempt> {
  const { binaries, launcher, clusterFolder, dataFolder, logFile } = cluster;
  const stale = await readPostmaster(cluster);
  const logHandle = await open(logFile, 'a', 0o600);
  try {
    await giveToOwnerOf(dataFolder, logFile);
    if ((await logHandle.stat()).size > maxLogBytes) await logHandle.truncate();
    const options = Object.entries({ ...defaultSettings, ...settings, port: String(port) });
    const args = ['-D', clusterFolder, ...options.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const child = launcher.launch(binaries.postgres, args, {
      // A session of its own: Ctrl-C in the terminal must not stop the database before the server has drained.
      detached: true,
      stdio: ['ignore', logHandle.fd, logHandle.fd],
      // PostgreSQL believes in a stale postmaster.pid as long as any process has that number, except this one.
      env: stale === undefined ? {} : { PG_GRANDPARENT_PID: String(stale.processId) },
    });
    child.unref();
    const attempt: Attempt = { child, port, logOffset: (await logHandle.stat()).size };
    child.once('error', (error) => (attempt.failure = error));
    return attempt;
  } finally {
    await logHandle.close();
  }
}

function hasEnded({ child, failure }: Attempt): boolean {
  return failure !== undefined || child.exitCode !== null || child.signalCode !== null;
}

/** What to do about a server that ended at once. */
async function remedyFor(cluster: Cluster, attempt: Attempt): Promise<'again' | 'other port' | 'none'> {
  const output = await outputOf(cluster, attempt);
  if (output.includes('could not create any TCP/IP sockets')) return 'other port';
  if (output.includes('shared memory block') && output.includes('still in use')) {
    await killOrphans(cluster.launcher.account?.uid ?? process.getuid?.());
    return 'again';
  }
  // Launched by a process that was killed before its server had written this file.
  if (output.includes('lock file "postmaster.pid" already exists')) return 'again';
  if (output.includes('lock file "postmaster.pid" is empty')) {
    await unlink(join(cluster.clusterFolder, 'postmaster.pid'));
    return 'again';
  }
  return 'none';
}

/** The line that says why the server ended. */
async function lastWords(cluster: Cluster, attempt: Attempt): Promise<string> {
  if (attempt.failure !== undefined) return messageOf(attempt.failure);
  const lines = (await outputOf(cluster, attempt)).trim().split('\n');
  const fatal = lines.findLast((line) => /(FATAL|PANIC):/.test(line)) ?? lines.at(-1) ?? '';
  return `${fatal.replace(/^.*?(FATAL|PANIC):\s*/, '')} (log: ${cluster.logFile})`;
}

async function outputOf({ logFile }: Cluster, { logOffset }: Attempt): Promise<string> {
  try {
    const { size } = await stat(logFile);
    const handle = await open(logFile, 'r');
    try {
      const { buffer, bytesRead } = await handle.read({ position: logOffset, buffer: Buffer.alloc(size - logOffset) });
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new EmbeddedPostgresError(`Cannot read PostgreSQL's log: ${messageOf(error)}`, { cause: error });
  }
}

/** A TCP port that is free on the loopback interface at this moment. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
