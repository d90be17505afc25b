import { randomBytes } from 'node:crypto';
import { chmod, chown, lchown, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { loadBinaries } from './binaries.ts';
import type { Binaries } from './binaries.ts';
import { codeOf, EmbeddedPostgresError, messageOf } from './embedded-postgres-error.ts';
import { chooseLauncher, giveToOwnerOf, ownerOf, run } from './launcher.ts';
import type { Launcher } from './launcher.ts';

const secretsSchema = z.object({
  port: z.int().optional(),
  passwords: z.object({ superuser: z.string(), owner: z.string(), application: z.string() }),
});

/** What has to outlast a stop: the passwords, and the port that the server had last. Kept in a 0600 file. */
export type Secrets = z.infer<typeof secretsSchema>;

/** Where things lie in a data folder. */
export interface Layout {
  readonly dataFolder: string;
  /** PostgreSQL's own data directory. */
  readonly clusterFolder: string;
  readonly secretsFile: string;
  readonly logFile: string;
}

/** An initialised database cluster and the means to run it. */
export interface Cluster extends Layout {
  readonly binaries: Binaries;
  readonly launcher: Launcher;
  readonly secrets: Secrets;
}

/** Told how a start goes on. */
export interface Progress {
  log(line: string): void;
  /** A program of PostgreSQL works, and this process waits for it. */
  waiting(): void;
}

const initialisationPrefix = 'postgres.new-';

/** The layout of a data folder. */
export function layoutOf(dataFolder: string): Layout {
  return {
    dataFolder,
    clusterFolder: join(dataFolder, 'postgres'),
    secretsFile: join(dataFolder, 'postgres.json'),
    logFile: join(dataFolder, 'postgres.log'),
  };
}

/**
 * Opens the cluster in a data folder that this process has claimed; initialises it if there is none.
 *
 * @throws EmbeddedPostgresError when the cluster is of another major version, its passwords are lost, or the
 * programs cannot be run
 */
export async function openCluster(layout: Layout, progress: Progress): Promise<Cluster> {
  const { dataFolder, clusterFolder } = layout;
  const binaries = await loadBinaries();
  const owner = (await ownerOf(clusterFolder)) ?? (await ownerOf(dataFolder));
  const launcher = await chooseLauncher(binaries, dataFolder, owner);
  const version = (await readIfExists(join(clusterFolder, 'PG_VERSION')))?.trim();
  const major = launcher.version.split('.', 1)[0];
  if (version !== undefined && version !== major) {
    throw new EmbeddedPostgresError(
      `The data folder ${dataFolder} was made by PostgreSQL ${version}, but this is PostgreSQL ${major}: ` +
        'move its data with a backup and a restore, or use another data folder',
    );
  }
  const kept = await readSecrets(layout);
  if (version !== undefined && kept === undefined) {
    throw new EmbeddedPostgresError(`The passwords of the database in ${dataFolder} are lost: no postgres.json there`);
  }
  const cluster: Cluster = { ...layout, binaries, launcher, secrets: kept ?? (await createSecrets(layout)) };
  if (version === undefined) {
    await initialise(cluster, progress);
    progress.log(`Created a PostgreSQL ${launcher.version} database cluster in ${clusterFolder}`);
  } else {
    await adoptFiles(cluster);
  }
  await removeAbandoned(dataFolder);
  return cluster;
}

/**
 * The passwords and the last port, or undefined before the first start.
 *
 * @throws EmbeddedPostgresError when the file cannot be read or is damaged
 */
export async function readSecrets({ secretsFile }: Layout): Promise<Secrets | undefined> {
  try {
    const text = await readIfExists(secretsFile);
    return text === undefined ? undefined : secretsSchema.parse(JSON.parse(text));
  } catch (error) {
    const fault = codeOf(error) === undefined ? 'it is damaged' : messageOf(error);
    throw new EmbeddedPostgresError(`Cannot use ${secretsFile}: ${fault}`, { cause: error });
  }
}

/** Replaces the file in one step and durably, so that a crash leaves the old one or the new one. */
export async function writeSecrets({ dataFolder, secretsFile }: Layout, secrets: Secrets): Promise<void> {
  const draft = `${secretsFile}.new`;
  await writeFile(draft, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600, flush: true });
  await giveToOwnerOf(dataFolder, draft);
  await rename(draft, secretsFile);
  await syncFolder(dataFolder);
}

/** Written before the cluster exists: a crash in between leaves passwords for the next attempt to use. */
async function createSecrets(layout: Layout): Promise<Secrets> {
  const password = (): string => randomBytes(24).toString('base64url');
  const secrets = { passwords: { superuser: password(), owner: password(), application: password() } };
  await writeSecrets(layout, secrets);
  return secrets;
}

/** Runs initdb beside the final place and renames, so that a cluster is there whole or not at all. */
async function initialise(cluster: Cluster, progress: Progress): Promise<void> {
  const { dataFolder, clusterFolder, binaries, launcher, secrets } = cluster;
  const workshop = await mkdtemp(join(dataFolder, initialisationPrefix));
  const passwordFile = join(workshop, 'password');
  await writeFile(passwordFile, `${secrets.passwords.superuser}\n`, { mode: 0o600 });
  if (launcher.account !== undefined) {
    await chown(passwordFile, launcher.account.uid, launcher.account.gid);
    await chown(workshop, launcher.account.uid, launcher.account.gid);
  }
  const draft = join(workshop, 'cluster');
  const running = run(launcher.launch, binaries.initdb, [
    `--pgdata=${draft}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
  ]);
  progress.waiting();
  const outcome = await running;
  try {
    if (outcome.code !== 0) {
      throw new EmbeddedPostgresError(`initdb failed in ${dataFolder}: ${outcome.stderr || String(outcome.code)}`);
    }
    await rename(draft, clusterFolder);
    await syncFolder(dataFolder);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** PostgreSQL wants to own its folder; one that root has copied or restored belongs to root. */
async function adoptFiles({ clusterFolder, launcher }: Cluster): Promise<void> {
  if (launcher.account === undefined || (await ownerOf(clusterFolder)) !== undefined) return;
  const { uid, gid } = launcher.account;
  for (const entry of await readdir(clusterFolder, { recursive: true })) {
    await lchown(join(clusterFolder, entry), uid, gid);
  }
  await chmod(clusterFolder, 0o700);
  await chown(clusterFolder, uid, gid);
}

/** Removes what a process left that was killed while initialising. */
async function removeAbandoned(dataFolder: string): Promise<void> {
  for (const entry of await readdir(dataFolder)) {
    if (!entry.startsWith(initialisationPrefix)) continue;
    await rm(join(dataFolder, entry), { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a rename in the folder durable. Windows has no such call and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
