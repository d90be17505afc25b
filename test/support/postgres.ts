import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { layoutOf, readSecrets } from '../../src/infrastructure/embedded-postgres/cluster.ts';
import { superuserUrl } from '../../src/infrastructure/embedded-postgres/connection.ts';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import { findPostmaster, stopPostmaster } from '../../src/infrastructure/embedded-postgres/postmaster.ts';
import { applicationRole, ownerRole } from '../../src/infrastructure/embedded-postgres/provision.ts';

/** A fresh database, owned by the owner role, in which the application role may connect and nothing else. */
export interface TestDatabase {
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  /** Ends its connections and drops it. */
  close(): Promise<void>;
}

interface TestServer {
  readonly superuserUrl: string;
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  stop(): Promise<void>;
}

const folderPrefix = 'portolan-test-';
const servers = new Map<boolean, Promise<TestServer>>();
let databases = 0;

/**
 * Creates a database on a server that all tests of this process share: the one at TEST_DATABASE_URL (a superuser's
 * address), else an embedded one, started when first asked for. Durable as in production unless `fsync` is false.
 */
export async function testDatabase({ fsync = true }: { fsync?: boolean } = {}): Promise<TestDatabase> {
  let server = servers.get(fsync);
  if (server === undefined) {
    const url = process.env['TEST_DATABASE_URL'];
    server = url === undefined ? startServer(fsync) : useServer(url);
    servers.set(fsync, server);
  }
  const { superuserUrl, ownerUrl, applicationUrl } = await server;
  const name = `test_${process.pid}_${(databases += 1)}`;
  await execute(superuserUrl, [
    `CREATE DATABASE ${name} OWNER ${ownerRole}`,
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    `GRANT CONNECT, TEMPORARY ON DATABASE ${name} TO ${applicationRole}`,
  ]);
  return {
    ownerUrl: withDatabase(ownerUrl, name),
    applicationUrl: withDatabase(applicationUrl, name),
    close: () => execute(superuserUrl, [`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`]),
  };
}

/** Stops the servers that `testDatabase` has started. */
export async function stopTestServers(): Promise<void> {
  const running = [...servers.values()];
  servers.clear();
  for (const server of running) await (await server).stop();
}

/** A folder in the system's temporary folder; one that a killed test run leaves behind is removed by the next. */
export async function temporaryFolder(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`)));
}

async function startServer(fsync: boolean): Promise<TestServer> {
  await removeAbandoned();
  const folder = await temporaryFolder();
  const server = await startEmbeddedPostgres({ dataFolder: folder, settings: fsync ? {} : { fsync: 'off' } });
  const layout = layoutOf(folder);
  const processId = (await findPostmaster(layout))?.processId;
  const secrets = await readSecrets(layout);
  const abandon = (): void => {
    if (processId !== undefined) process.kill(processId, 'SIGQUIT');
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  };
  process.once('exit', abandon);
  return {
    ...server,
    superuserUrl: superuserUrl(secrets?.passwords.superuser ?? '', secrets?.port ?? 0),
    async stop() {
      process.off('exit', abandon);
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Somebody else's server: gives the two roles a password of our own, the same in all test processes. */
async function useServer(superuserUrl: string): Promise<TestServer> {
  const password = createHash('sha256').update(superuserUrl).digest('base64url');
  const urls = [ownerRole, applicationRole].map((role) => {
    const url = new URL(superuserUrl);
    url.username = role;
    url.password = password;
    return url.href;
  });
  for (const role of [ownerRole, applicationRole]) {
    await execute(superuserUrl, [
      `DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
      `ALTER ROLE ${role} PASSWORD '${password}'`,
    ]);
  }
  const [ownerUrl = '', applicationUrl = ''] = urls;
  return { superuserUrl, ownerUrl, applicationUrl, stop: () => Promise.resolve() };
}

/** Stops the servers, and removes the folders, of test runs that were killed. */
async function removeAbandoned(): Promise<void> {
  for (const entry of await readdir(tmpdir())) {
    const processId = Number(new RegExp(`^${folderPrefix}(\\d+)-`).exec(entry)?.[1]);
    if (Number.isNaN(processId) || isAlive(processId)) continue;
    const folder = await realpath(join(tmpdir(), entry));
    if ((await stat(folder)).uid !== process.getuid?.()) continue;
    await stopPostmaster(layoutOf(folder));
    await rm(folder, { recursive: true, force: true });
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function execute(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
