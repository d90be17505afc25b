import { createHash } from 'node:crypto';
import { stat, unlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { codeOf, EmbeddedPostgresError } from './embedded-postgres-error.ts';

/** The right to run PostgreSQL in a data folder. The operating system takes it back when the process ends. */
export interface Claim {
  release(): Promise<void>;
}

/**
 * Takes the claim on a data folder. It is a listening local socket named after the folder: at most one process can
 * listen, and none does once its process is dead, however it died, so there is no stale claim to judge. Everything
 * that writes to the folder happens under it. Processes see each other's claims within one network namespace.
 *
 * @throws EmbeddedPostgresError when another process, or another start in this one, has the claim
 */
export async function claimFolder(dataFolder: string): Promise<Claim> {
  const address = await addressOf(dataFolder);
  const server = (await listen(address)) ?? (await listenAfterCrash(address));
  if (server === undefined) {
    throw new EmbeddedPostgresError(`Another server process is using the data folder ${dataFolder}`);
  }
  return { release: () => new Promise((resolve) => void server.close(() => resolve())) };
}

/** Device and inode rather than the path: the same folder can be reached by many. */
async function addressOf(dataFolder: string): Promise<string> {
  const { dev, ino } = await stat(dataFolder, { bigint: true });
  const name = `portolan-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${name}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : `/tmp/${name}.sock`;
}

/** Resolves to undefined when the address is taken. */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => (codeOf(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    // "exclusive", because the workers of node:cluster would otherwise share one listening socket.
    server.listen({ path: address, exclusive: true }, () => resolve(server));
  });
}

/** Only a socket that is a file (neither Linux nor Windows) outlives its process; nobody answers there any more. */
async function listenAfterCrash(address: string): Promise<Server | undefined> {
  if (!address.startsWith('/') || (await answers(address))) return undefined;
  await unlink(address);
  return listen(address);
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
  });
}
