import { after, before, describe, it } from 'mocha';
import { apiTokenRepositoryContract } from '../../src/contracts/access/api-token-repository-contract.ts';
import type { ApiTokenSite, TokenEvent } from '../../src/contracts/access/api-token-scenario.ts';
import { rateCountersContract } from '../../src/contracts/access/rate-counters-contract.ts';
import { createMemoryApiTokens } from '../../src/infrastructure/memory/memory-api-tokens.ts';
import { createMemoryRateCounters } from '../../src/infrastructure/memory/memory-rate-counters.ts';
import { createPostgresRateCounters } from '../../src/infrastructure/postgres/postgres-rate-counters.ts';
import { uuidHash } from '../../src/infrastructure/system/keyed-hash.ts';
import { accessDatabase } from '../support/access-database.ts';

const runner = { describe, it, before, after };

function memorySite(): ApiTokenSite {
  const log: (TokenEvent & { readonly stream: string })[] = [];
  return {
    repository: createMemoryApiTokens({
      now: () => new Date(),
      append: (events, { tenant }) => {
        for (const { stream, type, streamVersion } of events) log.push({ stream, tenant, type, streamVersion });
        return BigInt(log.length);
      },
    }),
    events: (id) =>
      Promise.resolve(log.filter(({ stream }) => stream === `api_token:${id}`).map(({ stream: _, ...event }) => event)),
    close: () => Promise.resolve(),
  };
}

apiTokenRepositoryContract(runner, 'memory', () => Promise.resolve(memorySite()), ['transaction']);
apiTokenRepositoryContract(runner, 'PostgreSQL', accessDatabase);

rateCountersContract(runner, 'memory', () => {
  const counters = createMemoryRateCounters(Date.now);
  return Promise.resolve({ instance: () => counters, close: () => Promise.resolve() });
});
rateCountersContract(runner, 'PostgreSQL', async () => {
  const database = await accessDatabase();
  const hash = uuidHash(new Uint8Array(32).fill(1));
  return { instance: () => createPostgresRateCounters(database.pool, hash), close: () => database.close() };
});
