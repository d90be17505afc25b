import type { Pool } from 'pg';
import type { HttpServer } from '../interfaces/http/http-server.ts';
import { consumerPositions } from '../infrastructure/postgres/consumer-store.ts';
import type { Wiring } from './token.ts';
import * as tokens from './tokens.ts';

/** Lets the metrics ask for the state of connections, log and jobs whenever they are collected. */
export function watchState(wiring: Wiring, http: HttpServer): void {
  const metrics = wiring.get(tokens.METRICS);
  const log = wiring.get(tokens.EVENT_LOG);
  const queue = wiring.get(tokens.JOB_QUEUE);
  const queries = wiring.get(tokens.QUERY_POOL);
  const pools = { commands: wiring.get(tokens.COMMAND_POOL), queries, jobs: wiring.get(tokens.JOB_POOL) };
  for (const [name, pool] of Object.entries(pools)) {
    metrics.watch({ kind: 'pool', name, read: () => poolState(pool) });
  }
  metrics.watch({ kind: 'http', name: 'main', read: () => http.inFlight });
  metrics.watch({ kind: 'jobs', name: 'jobs', read: () => queue.statistics() });
  metrics.watch({
    kind: 'event-log',
    name: 'log',
    read: async () => ({ head: await log.head(), consumers: await consumerPositions(queries) }),
  });
}

const poolState = (pool: Pool) => ({
  busy: pool.totalCount - pool.idleCount,
  idle: pool.idleCount,
  waiting: pool.waitingCount,
});
