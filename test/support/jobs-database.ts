import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { createCommandPool } from '../../src/infrastructure/postgres/pools.ts';
import { testDatabase } from './postgres.ts';

/** A database with the schema of the job queue and nothing else. */
export interface JobsDatabase {
  readonly applicationUrl: string;
  /** A further pool with the rights of the application. */
  pool(): pg.Pool;
  /** Ends the pools and drops the database. */
  close(): Promise<void>;
}

/** Creates a database for tests of the PostgreSQL job queue. */
export async function jobsDatabase(): Promise<JobsDatabase> {
  const database = await testDatabase();
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  await owner.query(await readFile(new URL('../../migrations/0002_jobs.sql', import.meta.url), 'utf8'));
  await owner.end();
  const pools: pg.Pool[] = [];
  return {
    applicationUrl: database.applicationUrl,
    pool() {
      // A pool reports here that an idle connection was cut, which some tests do.
      const onError = () => undefined;
      const pool = createCommandPool({ connectionString: database.applicationUrl, max: 4, onError });
      pools.push(pool);
      return pool;
    },
    async close() {
      await Promise.all(pools.splice(0).map((pool) => pool.end()));
      await database.close();
    },
  };
}
