import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { layoutOf } from '../../src/infrastructure/embedded-postgres/cluster.ts';
import { findPostmaster } from '../../src/infrastructure/embedded-postgres/postmaster.ts';
import type { Postmaster } from '../../src/infrastructure/embedded-postgres/postmaster.ts';

/** What a process running the embedded server reports: addresses, or why it was refused. */
export interface Report {
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  readonly readyMs: number;
  readonly refusal?: string;
}

/** A server process and its only line of output. */
export interface ServerProcess {
  readonly child: ChildProcess;
  readonly report: Promise<Report>;
  /** Ends it with a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>;
}

const script = fileURLToPath(new URL('./embedded-child.ts', import.meta.url));

/** Starts a process that runs the embedded server, leader of its own process group; `as` is a prefix such as setpriv. */
export function spawnServer(dataFolder: string, as: readonly string[] = []): ServerProcess {
  const [command = '', ...args] = [...as, process.execPath, script, dataFolder];
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const report = new Promise<Report>((resolve, reject) => {
    child.stdout.on('data', () => output.endsWith('\n') && resolve(JSON.parse(output) as Report));
    child.once('close', () => reject(new Error('The server process ended without a word')));
  });
  report.catch(() => undefined);
  return {
    child,
    report,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await closed;
    },
  };
}

/** The live postmaster of a data folder. */
export async function postmasterOf(dataFolder: string): Promise<Postmaster | undefined> {
  return findPostmaster(layoutOf(dataFolder));
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // The query rejects when the server ends the connection; this is the same news once more.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
