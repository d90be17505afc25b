import { after, before, describe, it } from 'mocha';
import { lockServiceContract } from '../../src/contracts/locks/lock-service-contract.ts';
import { createMemoryLockService } from '../../src/infrastructure/memory/memory-lock-service.ts';
import { createPool } from '../../src/infrastructure/postgres/pools.ts';
import { PostgresLockService } from '../../src/infrastructure/postgres/postgres-lock-service.ts';
import { testDatabase } from '../support/postgres.ts';

const runner = { describe, it, before, after };

lockServiceContract(runner, 'memory', async () => {
  const service = createMemoryLockService();
  return { first: service, second: service, close: async () => undefined };
});

lockServiceContract(runner, 'PostgreSQL', async () => {
  const database = await testDatabase();
  const pool = () =>
    createPool({ connectionString: database.applicationUrl, max: 30, onError: (error) => console.error(error) });
  const [first, second] = [pool(), pool()];
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([first.end(), second.end()]);
    await database.close();
  };
  return {
    first: new PostgresLockService(first),
    second: new PostgresLockService(second),
    close: () => (closed ??= close()),
  };
});
