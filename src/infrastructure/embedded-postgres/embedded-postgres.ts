import { mkdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { claimFolder } from './claim.ts';
import type { Claim } from './claim.ts';
import { layoutOf, openCluster, readSecrets, writeSecrets } from './cluster.ts';
import type { Cluster, Layout, Progress, Secrets } from './cluster.ts';
import { accepts, urlFor } from './connection.ts';
import { codeOf, EmbeddedPostgresError, messageOf } from './embedded-postgres-error.ts';
import { findPostmaster, stopPostmaster } from './postmaster.ts';
import { applicationRole, databaseName, ownerRole, provision } from './provision.ts';
import { ensureServer } from './start-postmaster.ts';
import type { Settings } from './start-postmaster.ts';

/** Addresses of the database for its two roles, passwords included. */
export interface EmbeddedPostgresUrls {
  /** For migrations: the role that owns the database. */
  readonly ownerUrl: string;
  /** For everything else: a role with no rights but those granted to it. */
  readonly applicationUrl: string;
}

/** A PostgreSQL server of this process's own. */
export interface EmbeddedPostgres extends EmbeddedPostgresUrls {
  readonly dataFolder: string;
  /**
   * Stops the server by a fast shutdown, flushed and clean, and gives up the data folder. Can be called again.
   *
   * @throws EmbeddedPostgresError when the server does not stop
   */
  stop(): Promise<void>;
}

/** What to start. */
export interface EmbeddedPostgresOptions {
  /** Created, closed to other users, if it does not exist. */
  readonly dataFolder: string;
  readonly log?: (line: string) => void;
  /** Called when a program of PostgreSQL works and this process waits for it, which may happen more than once. */
  readonly waiting?: () => void;
  /** PostgreSQL settings on top of the defaults, by their names: `{ shared_buffers: '256MB' }`. */
  readonly settings?: Settings;
}

/**
 * Starts PostgreSQL in a data folder, initialised on first use, or takes over the server that a killed process has
 * left there. Listens on 127.0.0.1 only. Until `stop` is called this process does not end by itself, and the server
 * outlives it however it ends.
 *
 * @throws EmbeddedPostgresError with one line when the folder is in use by another process, cannot be used, or was
 * made by another major version of PostgreSQL
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const layout = layoutOf(await createFolder(options.dataFolder));
  const claim = await claimFolder(layout.dataFolder);
  try {
    const urls = await openDatabase(layout, options);
    let stopped: Promise<void> | undefined;
    return { ...urls, dataFolder: layout.dataFolder, stop: () => (stopped ??= stop(layout, claim)) };
  } catch (error) {
    await claim.release();
    if (error instanceof EmbeddedPostgresError) throw error;
    const message = `Cannot run PostgreSQL in ${layout.dataFolder}: ${messageOf(error)}`;
    throw new EmbeddedPostgresError(message, { cause: error });
  }
}

/**
 * The addresses of the server that is running in a data folder, or undefined when none is. Starts nothing.
 *
 * @throws EmbeddedPostgresError when the passwords cannot be read
 */
export async function findEmbeddedPostgres(dataFolder: string): Promise<EmbeddedPostgresUrls | undefined> {
  const layout = layoutOf(await realpathIfExists(dataFolder));
  const secrets = await readSecrets(layout);
  const postmaster = await findPostmaster(layout);
  if (secrets === undefined || postmaster === undefined) return undefined;
  const urls = urlsFor(secrets, postmaster.port);
  return (await accepts(urls.applicationUrl)) ? urls : undefined;
}

async function openDatabase(layout: Layout, options: EmbeddedPostgresOptions): Promise<EmbeddedPostgresUrls> {
  const { settings = {}, log = () => undefined, waiting = () => undefined } = options;
  const progress = { log, waiting };
  const cluster = await openCluster(layout, progress);
  try {
    const port = await runDatabase(cluster, settings, progress);
    log(`PostgreSQL ${cluster.launcher.version} is ready on port ${port}`);
    return urlsFor(cluster.secrets, port);
  } catch (error) {
    await stopPostmaster(layout);
    throw error;
  }
}

/** Resolves to the port, when roles and database are there as well. */
async function runDatabase(cluster: Cluster, settings: Settings, progress: Progress): Promise<number> {
  const { superuser, port } = await ensureServer(cluster, settings, progress);
  try {
    await provision(superuser, cluster.secrets.passwords);
    if (port !== cluster.secrets.port) await writeSecrets(cluster, { ...cluster.secrets, port });
    return port;
  } finally {
    await superuser.end();
  }
}

async function stop(layout: Layout, claim: Claim): Promise<void> {
  try {
    await stopPostmaster(layout);
  } finally {
    await claim.release();
  }
}

function urlsFor({ passwords }: Secrets, port: number): EmbeddedPostgresUrls {
  return {
    ownerUrl: urlFor(ownerRole, passwords.owner, port, databaseName),
    applicationUrl: urlFor(applicationRole, passwords.application, port, databaseName),
  };
}

async function createFolder(dataFolder: string): Promise<string> {
  try {
    await mkdir(dataFolder, { recursive: true, mode: 0o700 });
    return await realpath(dataFolder);
  } catch (error) {
    throw new EmbeddedPostgresError(`Cannot use the data folder ${dataFolder}: ${messageOf(error)}`, { cause: error });
  }
}

async function realpathIfExists(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return resolve(path);
    throw error;
  }
}
