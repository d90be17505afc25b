import { access } from 'node:fs/promises';
import type { Logger } from '../application/shared/logger.ts';
import { layoutOf } from '../infrastructure/embedded-postgres/cluster.ts';
import { EmbeddedPostgresError } from '../infrastructure/embedded-postgres/embedded-postgres-error.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../infrastructure/embedded-postgres/embedded-postgres.ts';
import { ConfigurationError, loadConfig, type Config, type Environment } from './config.ts';
import type { Resources } from './resources.ts';
import type { DatabaseUrls } from './tokens.ts';

/**
 * The database that the configuration names, or else an embedded one that is started here. `waiting` is called when
 * that one's programs work and this process has nothing to do.
 */
export async function openDatabase(
  config: Config,
  logger: Logger,
  resources: Resources,
  waiting: () => void,
): Promise<DatabaseUrls> {
  const { databaseUrl, databaseOwnerUrl } = config;
  if (databaseUrl !== undefined) return { applicationUrl: databaseUrl, ownerUrl: databaseOwnerUrl ?? databaseUrl };
  if (config.nodeEnv === 'production') throw new ConfigurationError(['DATABASE_URL is required in production']);
  const log = (line: string): void => logger.debug('embedded PostgreSQL', { line });
  const server = await startEmbeddedPostgres({ dataFolder: config.dataFolder, log, waiting });
  return resources.own('embedded PostgreSQL', server, () => server.stop());
}

/** What is needed to work on the database alone. */
export type DatabaseSettings = Pick<Config, 'databaseOwnerUrl' | 'dataFolder'>;

/**
 * The settings of the database and no others: work on it has to be possible where secrets of the service are not
 * known. Throws `ConfigurationError`.
 */
export function databaseSettings(environment: Environment): DatabaseSettings {
  const { DATABASE_URL, DATABASE_OWNER_URL, DATA_FOLDER, NODE_ENV } = environment;
  if (NODE_ENV === 'production' && !DATABASE_URL && !DATABASE_OWNER_URL) {
    throw new ConfigurationError(['DATABASE_URL or DATABASE_OWNER_URL is required with NODE_ENV=production']);
  }
  // The owner's address alone is enough here.
  return loadConfig({ DATABASE_URL: DATABASE_URL || DATABASE_OWNER_URL, DATABASE_OWNER_URL, DATA_FOLDER });
}

/**
 * Works on the database as its owner: the one that the settings name, the embedded one of a server that runs, or else
 * the embedded one, started for as long as the work takes. Where there is none yet, one is made only if `create` says
 * so. Throws `EmbeddedPostgresError`.
 */
export async function withOwnerUrl<T>(
  { databaseOwnerUrl, dataFolder }: DatabaseSettings,
  { create }: { readonly create: boolean },
  work: (ownerUrl: string) => Promise<T>,
): Promise<T> {
  if (databaseOwnerUrl !== undefined) return work(databaseOwnerUrl);
  const running = await findEmbeddedPostgres(dataFolder);
  if (running !== undefined) return work(running.ownerUrl);
  if (!create && !(await exists(layoutOf(dataFolder).clusterFolder))) {
    throw new EmbeddedPostgresError(`There is no database in ${dataFolder}: set DATA_FOLDER or DATABASE_URL`);
  }
  const server = await startEmbeddedPostgres({ dataFolder });
  try {
    return await work(server.ownerUrl);
  } finally {
    await server.stop();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
