#!/usr/bin/env node
import { randomUUID } from 'node:crypto';
import type { Caller } from './application/shared/client.ts';
import { APPLICATION_CONTRACTS } from './composition/container.ts';
import { isLoopback } from './composition/config-schemas.ts';
import { ConfigurationError, loadConfig } from './composition/config.ts';
import { databaseFault } from './composition/fault-lines.ts';
import { databaseSettings, withOwnerUrl } from './composition/open-database.ts';
import { urlOf } from './composition/own-url.ts';
import { restoreBackup } from './composition/restore-backup.ts';
import { adminTokenIfThere } from './composition/secrets.ts';
import { VERSION } from './composition/version.ts';
import { EmbeddedPostgresError } from './infrastructure/embedded-postgres/embedded-postgres-error.ts';
import { backup } from './infrastructure/postgres/backup.ts';
import { BackupError } from './infrastructure/postgres/backup-format.ts';
import { migrate, MigrationError } from './infrastructure/postgres/migrate.ts';
import { CliFailure } from './interfaces/cli/failure-report.ts';
import { runCli } from './interfaces/cli/program.ts';
import { flushed } from './interfaces/cli/terminal.ts';
import { explaining } from './interfaces/cli/server-caller.ts';
import { httpClient } from './interfaces/http/http-client.ts';
import { serve } from './server.ts';

/** The server answers or refuses within its own deadline; this is for one that does neither. */
const CALL_MS = 60_000;

/** A client of the server at the given address, or of the one that the settings make on this machine. */
async function connect(server: string | undefined): Promise<Caller> {
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
  const client = httpClient(APPLICATION_CONTRACTS, { baseUrl, deadlineMs: CALL_MS, retry, ...(token && { token }) });
  return explaining(client, { baseUrl, hasToken: token !== undefined });
}

/** Gives what goes wrong outside of operations the kind that makes its exit code. */
async function sorted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw sort(error);
  }
}

function sort(error: unknown): unknown {
  if (error instanceof ConfigurationError) return fault('invalid', 'configuration.invalid', error);
  if (error instanceof EmbeddedPostgresError) return fault('unavailable', 'database.unavailable', error);
  if (error instanceof MigrationError) return fault('rule_violated', 'database.migration_refused', error);
  if (error instanceof BackupError) return fault('rule_violated', 'database.backup_refused', error);
  const line = databaseFault(error);
  return line === undefined ? error : new CliFailure('unavailable', 'database.unavailable', line, { cause: error });
}

const fault = (kind: CliFailure['kind'], code: string, error: Error): CliFailure =>
  new CliFailure(kind, code, error.message, { cause: error });

const onDatabase = <T>(create: boolean, work: (ownerUrl: string) => Promise<T>): Promise<T> =>
  sorted(() => withOwnerUrl(databaseSettings(process.env), { create }, work));

// A reader that has seen enough, such as `head`, goes away before the end. A server goes on without its reader.
if (process.argv[2] !== 'serve') {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

const exitCode = await runCli(
  process.argv.slice(2),
  {
    version: VERSION,
    contracts: APPLICATION_CONTRACTS,
    newKey: randomUUID,
    connect: (server) => sorted(() => connect(server)),
    serve,
    migrate: () => onDatabase(true, async (url) => ({ applied: await migrate(url) })),
    backup: (file) => onDatabase(false, (url) => backup(url, file)),
    restore: (file) => onDatabase(true, (url) => restoreBackup(url, file, process.env)),
  },
  process,
);
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(exitCode);
