import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readSecrets } from './cluster.ts';
import type { Layout } from './cluster.ts';
import { accepts, superuserUrl } from './connection.ts';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres-error.ts';

/** PostgreSQL's parent process, as it describes itself in its `postmaster.pid`. */
export interface Postmaster {
  readonly processId: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping`, or empty very early. */
  readonly status: string;
}

/** How often to look again while waiting for the server. */
export const pollMs = 10;

const fastStopMs = 30_000;
const immediateStopMs = 10_000;

/** The contents of `postmaster.pid`, which a crash leaves behind; undefined when there is none. */
export async function readPostmaster({ clusterFolder }: Layout): Promise<Postmaster | undefined> {
  const text = await readProcessFile(join(clusterFolder, 'postmaster.pid'));
  const lines = text.split('\n').map((line) => line.trim());
  const processId = Number(lines[0]);
  if (!Number.isInteger(processId) || processId <= 0) return undefined;
  return { processId, port: Number(lines[3]), status: lines[7] ?? '' };
}

/** The postmaster of this cluster if its process is alive. */
export async function findPostmaster(layout: Layout): Promise<Postmaster | undefined> {
  const postmaster = await readPostmaster(layout);
  return postmaster !== undefined && (await isAlive(postmaster.processId, layout)) ? postmaster : undefined;
}

/**
 * Stops the cluster's postmaster, if one is alive, and waits for its end. A server that accepts connections is shut
 * down fast (transactions are rolled back, everything is flushed); one that is stopping already is left to it. One
 * that does neither, or takes longer than 30 s, is stopped at once, and the next start recovers what was committed:
 * it would have to recover anyway, and PostgreSQL 18.4 can hang when it is asked for a fast shutdown while it
 * recovers from the crash of a backend.
 *
 * @throws EmbeddedPostgresError when it does not end
 */
export async function stopPostmaster(layout: Layout): Promise<void> {
  const postmaster = await findPostmaster(layout);
  if (postmaster === undefined) return;
  const { processId, port, status } = postmaster;
  const password = (await readSecrets(layout))?.passwords.superuser ?? '';
  if (status === 'stopping' || (await accepts(superuserUrl(password, port)))) {
    send(processId, 'SIGINT');
    if (await hasEnded(processId, layout, fastStopMs)) return;
  }
  send(processId, 'SIGQUIT');
  if (await hasEnded(processId, layout, immediateStopMs)) return;
  throw new EmbeddedPostgresError(`PostgreSQL (process ${processId}) in ${layout.clusterFolder} does not stop`);
}

/**
 * Kills the account's backends whose postmaster is dead. They end by themselves as soon as they wait for anything,
 * but one that is computing, or stopped, would keep the shared memory and with it the cluster. Linux only:
 * elsewhere the caller can just wait.
 */
export async function killOrphans(uid: number | undefined): Promise<void> {
  if (process.platform !== 'linux') return;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const status = await readProcessFile(`/proc/${entry}/status`);
    if (fieldOf(status, 'Name') !== 'postgres' || Number(fieldOf(status, 'Uid')) !== uid) continue;
    const parent = await readProcessFile(`/proc/${fieldOf(status, 'PPid')}/status`);
    const title = await readProcessFile(`/proc/${entry}/cmdline`);
    if (title.startsWith('postgres: ') && fieldOf(parent, 'Name') !== 'postgres') send(Number(entry), 'SIGKILL');
  }
}

/**
 * Whether a process is this cluster's postmaster. Its number alone proves nothing: it may belong to something else
 * by now, as small numbers in a restarted container do, or to a zombie that nobody has waited for.
 */
async function isAlive(processId: number, { clusterFolder }: Layout): Promise<boolean> {
  if (process.platform === 'linux') {
    return (await readProcessFile(`/proc/${processId}/cmdline`)).split('\0').includes(clusterFolder);
  }
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

async function hasEnded(processId: number, layout: Layout, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (await isAlive(processId, layout)) {
    if (Date.now() > deadline) return false;
    await delay(pollMs);
  }
  return true;
}

function send(processId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(processId, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Empty where the file is missing or the process ends while it is read. */
async function readProcessFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return '';
    throw error;
  }
}

/** The first word of a field in the text of /proc/<pid>/status. */
function fieldOf(status: string, field: string): string {
  return new RegExp(`^${field}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
}
