import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Caller } from './application/shared/client.ts';
import { ConfigurationError, loadConfig } from './composition/config.ts';
import { APPLICATION_CONTRACTS } from './composition/contracts.ts';
import type { Maintenance } from './composition/maintenance.ts';
import { urlOf } from './composition/own-url.ts';
import { adminTokenIfThere } from './composition/secrets.ts';
import { VERSION } from './composition/version.ts';
import { isLoopback } from './infrastructure/system/loopback.ts';
import { CliFailure } from './interfaces/cli/failure-report.ts';
import { runCli } from './interfaces/cli/program.ts';
import { explaining } from './interfaces/cli/server-caller.ts';
import { flushed } from './interfaces/cli/terminal.ts';
import { httpClient } from './interfaces/http/http-client.ts';

/** A client of the server at the given address, or of the one that the settings make on this machine. */
async function connect(server: string | undefined, deadlineMs: number): Promise<Caller> {
  const { PORT, HOST, DATA_FOLDER, API_TOKEN } = process.env;
  const { port, host, dataFolder } = loadConfig({ PORT, HOST, DATA_FOLDER });
  const baseUrl = server || urlOf(host, port);
  const url = URL.parse(baseUrl);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CliFailure(
      'invalid',
      'configuration.invalid',
      `"${baseUrl}" is no address such as http://127.0.0.1:3000`,
    );
  }
  // The token of the data folder belongs to the server on this machine: no other must ever see it.
  const isOurs = !server || isLoopback(url.hostname);
  const token = API_TOKEN || (isOurs ? await adminTokenIfThere(dataFolder) : undefined);
  const retry = { attempts: 3 };
  const client = httpClient(APPLICATION_CONTRACTS, { baseUrl, deadlineMs, retry, ...(token && { token }) });
  return explaining(client, { baseUrl, hasToken: token !== undefined });
}

/** Gives wrong settings the kind that makes their exit code. */
async function configured<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new CliFailure('invalid', 'configuration.invalid', error.message, { cause: error });
  }
}

/** Loaded when it is needed: calls of operations begin without it in half the time. */
async function maintain<T>(work: (maintenance: Maintenance) => Promise<T>): Promise<T> {
  const { maintenanceOf } = await import('./composition/maintenance.ts');
  return configured(work(maintenanceOf(process.env)));
}

/** Time for the last lines of a server to be taken. */
const SERVER_FLUSH_MS = 1_000;

const isServer = process.argv[2] === 'serve';

// A reader that has seen enough, such as `head`, goes away before the end. A server goes on without its reader.
if (!isServer) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

const exitCode = await runCli(
  process.argv.slice(2),
  {
    version: VERSION,
    contracts: APPLICATION_CONTRACTS,
    newKey: randomUUID,
    connect: (server, deadlineMs) => configured(connect(server, deadlineMs)),
    serve: async () => (await import('./server.ts')).serve(),
    migrate: () => maintain((maintenance) => maintenance.migrate()),
    backup: (file) => maintain((maintenance) => maintenance.backup(file)),
    restore: (file) => maintain((maintenance) => maintenance.restore(file)),
  },
  process,
);
const taken = Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// A reader that takes nothing must not keep a server alive.
await (isServer ? Promise.race([taken, delay(SERVER_FLUSH_MS)]) : taken);
process.exit(exitCode);
