import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { ApiTokenSite } from '../../src/contracts/access/api-token-scenario.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { createCommandPool, createPool } from '../../src/infrastructure/postgres/pools.ts';
import { PostgresApiTokens } from '../../src/infrastructure/postgres/postgres-api-tokens.ts';
import { testDatabase } from './postgres.ts';
import { transactionOn } from './transaction.ts';

/** API tokens and rate counters on a database of their own, with the rights of the application. */
export interface AccessDatabase extends ApiTokenSite {
  readonly repository: PostgresApiTokens;
  readonly pool: pg.Pool;
  readonly ownerUrl: string;
  transaction(work: (unit: unknown) => Promise<void>): Promise<void>;
}

/** Creates the database with all migrations. */
export async function accessDatabase(): Promise<AccessDatabase> {
  const database = await testDatabase();
  await migrate(database.ownerUrl);
  const connection = { connectionString: database.applicationUrl, onError: () => undefined };
  const pool = createPool({ ...connection, max: 8 });
  const commandPool = createCommandPool({ ...connection, max: 10 });
  const repository = new PostgresApiTokens(pool, { pool: commandPool, newId: randomUUID });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await repository.close();
    await Promise.all([pool.end(), commandPool.end()]);
    await database.close();
  };
  return {
    repository,
    pool,
    ownerUrl: database.ownerUrl,
    async events(tokenId) {
      const { rows } = await pool.query<{ tenant: string; type: string; version: string }>(
        `SELECT tenant, type, stream_version AS version FROM portolan.events WHERE stream = $1 ORDER BY stream_version`,
        [`api_token:${tokenId}`],
      );
      return rows.map(({ tenant, type, version }) => ({ tenant, type, streamVersion: Number(version) }));
    },
    transaction: transactionOn(pool),
    close: () => (closing ??= close()),
  };
}
