/** Writes migrations/schema.txt: what a database looks like after all migrations. To be run after adding one. */
import { writeFile } from 'node:fs/promises';
import pg from 'pg';
import { migrate } from '../src/infrastructure/postgres/migrate.ts';
import { schemaDump } from '../src/infrastructure/postgres/schema-dump.ts';
import { stopTestServers, testDatabase } from '../test/support/postgres.ts';

const database = await testDatabase({ fsync: false });
try {
  await migrate(database.ownerUrl);
  const client = new pg.Client(database.ownerUrl);
  await client.connect();
  await writeFile(new URL('../migrations/schema.txt', import.meta.url), await schemaDump(client));
  await client.end();
} finally {
  await database.close();
  await stopTestServers();
}
