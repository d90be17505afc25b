import type { Pool } from 'pg';
import type { HttpServer } from '../interfaces/http/http-server.ts';
import { jobStatistics } from '../infrastructure/jobs/postgres-job-statistics.ts';
import { consumerStates } from '../infrastructure/postgres/consumer-store.ts';
import type { Wiring } from './token.ts';
import * as tokens from './tokens.ts';

/** Counting jobs reads their whole table: however many collect metrics, it is done no more often than this. */
const JOBS_KEPT_MS = 10_000;

/** Lets the metrics ask for the state of connections, log and jobs whenever they are collected. */
export function watchState(wiring: Wiring, http: HttpServer): void {
  const metrics = wiring.get(tokens.METRICS);
  const log = wiring.get(tokens.EVENT_LOG);
  const queries = wiring.get(tokens.QUERY_POOL);
  const pools = { commands: wiring.get(tokens.COMMAND_POOL), queries, jobs: wiring.get(tokens.JOB_POOL) };
  for (const [name, pool] of Object.entries(pools)) {
    metrics.watch({ kind: 'pool', name, read: () => poolState(pool) });
  }
  metrics.watch({ kind: 'http', name: 'main', read: () => http.inFlight });
  metrics.watch({ kind: 'jobs', name: 'jobs', read: kept(JOBS_KEPT_MS, () => jobStatistics(queries)) });
  metrics.watch({
    kind: 'event-log',
    name: 'log',
    read: async () => ({ head: await log.head(), consumers: await consumerStates(queries) }),
  });
}

/** Reads anew only what is older than so many milliseconds. */
export function kept<T>(
  forMs: number,
  read: () => Promise<T>,
  now = (): number => performance.now(),
): () => Promise<T> {
  let known: { readonly value: T; readonly until: number } | undefined;
  return async () => {
    if (known === undefined || now() >= known.until) known = { value: await read(), until: now() + forMs };
    return known.value;
  };
}

const poolState = (pool: Pool) => ({
  busy: pool.totalCount - pool.idleCount,
  idle: pool.idleCount,
  waiting: pool.waitingCount,
});
