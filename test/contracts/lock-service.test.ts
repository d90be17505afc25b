import { once } from 'node:events';
import { expect } from 'chai';
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

describe('The lock service of PostgreSQL, when a connection is lost', () => {
  it('tells the holder, and gives the lock to the next', async () => {
    const database = await testDatabase();
    const pool = createPool({ connectionString: database.applicationUrl, max: 2, onError: () => undefined });
    const service = new PostgresLockService(pool);
    try {
      const held = service.tryWithLock('sweep', async (signal) => {
        await pool.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()`,
        );
        // It may have been told already.
        if (!signal.aborted) await once(signal, 'abort');
        throw signal.reason;
      });
      const failure: unknown = await held.catch((error: unknown) => error);
      expect(failure).to.have.property('message', 'The lock sweep was lost with its connection.');
      expect(await service.tryWithLock('sweep', async () => 'next')).to.deep.equal({ acquired: true, result: 'next' });
    } finally {
      await pool.end();
      await database.close();
    }
  });
});
