import type { Logger } from '../application/shared/logger.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../infrastructure/embedded-postgres/embedded-postgres.ts';
import { ConfigurationError, type Config } from './config.ts';
import type { Resources } from './resources.ts';
import type { DatabaseUrls } from './tokens.ts';

/** The database that the configuration names, or else an embedded one that is started here. */
export async function openDatabase(config: Config, logger: Logger, resources: Resources): Promise<DatabaseUrls> {
  const { databaseUrl, databaseOwnerUrl } = config;
  if (databaseUrl !== undefined) return { applicationUrl: databaseUrl, ownerUrl: databaseOwnerUrl ?? databaseUrl };
  if (config.nodeEnv === 'production') throw new ConfigurationError(['DATABASE_URL is required in production']);
  const log = (line: string): void => logger.debug('embedded PostgreSQL', { line });
  const server = await startEmbeddedPostgres({ dataFolder: config.dataFolder, log });
  return resources.own('embedded PostgreSQL', server, () => server.stop());
}

/**
 * Works on the database as its owner: the one that the configuration names, the embedded one of a server that runs,
 * or else the embedded one, started for as long as the work takes.
 */
export async function withOwnerUrl<T>(config: Config, work: (ownerUrl: string) => Promise<T>): Promise<T> {
  if (config.databaseOwnerUrl !== undefined) return work(config.databaseOwnerUrl);
  const running = await findEmbeddedPostgres(config.dataFolder);
  if (running !== undefined) return work(running.ownerUrl);
  const server = await startEmbeddedPostgres({ dataFolder: config.dataFolder });
  try {
    return await work(server.ownerUrl);
  } finally {
    await server.stop();
  }
}
