import type { Pool } from 'pg';
import { createRateLimits } from '../infrastructure/rate-limit/rate-limits.ts';
import { SlidingWindows } from '../infrastructure/rate-limit/sliding-windows.ts';
import { postgresJobQueue } from '../infrastructure/jobs/postgres-job-queue.ts';
import { explainOutage } from '../infrastructure/postgres/batch-failure.ts';
import { PostgresEventLog } from '../infrastructure/postgres/event-log.ts';
import { PostgresEventSeals } from '../infrastructure/postgres/event-seals.ts';
import type { GroupCommitOptions } from '../infrastructure/postgres/group-commit-options.ts';
import { LogWakeup } from '../infrastructure/postgres/log-wakeup.ts';
import { createCommandPool, createPool, type PoolOptions } from '../infrastructure/postgres/pools.ts';
import { createPostgresRateCounters } from '../infrastructure/postgres/postgres-rate-counters.ts';
import { createSealer } from '../infrastructure/system/sealer.ts';
import { uuidv7 } from '../infrastructure/system/uuid.ts';
import { observeOperations } from '../infrastructure/telemetry/observe-operations.ts';
import { openTelemetryTracer } from '../infrastructure/telemetry/opentelemetry-tracing.ts';
import { createPrometheusMetrics } from '../infrastructure/telemetry/prometheus-metrics.ts';
import { mustNotBeKept } from './must-not-be-kept.ts';
import { receiptHash } from './receipt-hash.ts';
import * as tokens from './tokens.ts';
import type { Wiring } from './token.ts';
import { VERSION } from './version.ts';

/** A caller may use so many operations to their full limits at the same time. */
const OPERATIONS_AT_ONCE = 5;
/** Transactions at a time on the common path of group commit; the other connections wait for rows held by others. */
const BATCHES = 2;

/** How the connections of one process are shared out. */
export function shareOut(total: number): {
  readonly commands: number;
  readonly queries: number;
  readonly jobs: number;
} {
  const jobs = Math.max(3, Math.floor(total / 6));
  const commands = Math.max(BATCHES + 1, Math.floor((total - jobs) / 2));
  return { commands, jobs, queries: Math.max(1, total - jobs - commands) };
}

/** Binds what every context stands on: pools, log, jobs, metrics, secrets, rate limits, the pipeline's hooks. */
export function bindFrame(wiring: Wiring): void {
  bindStorage(wiring);
  wiring.single(tokens.METRICS, [tokens.LOGGER], (logger) =>
    createPrometheusMetrics({
      version: VERSION,
      onSourceFault: (error, { kind, name }) =>
        logger.warn('a source of metrics is down', { error, kind, source: name }),
    }),
  );
  wiring.single(tokens.TRACER, [], openTelemetryTracer);
  wiring.single(tokens.SEALER, [tokens.PEPPERS], createSealer);
  wiring.single(tokens.HASH, [tokens.PEPPERS], receiptHash);
  wiring.single(
    tokens.COUNTERS,
    [tokens.QUERY_POOL, tokens.HASH, tokens.RESOURCES, tokens.LOGGER],
    (pool, hash, resources, logger) => {
      const counters = new SlidingWindows({ shared: createPostgresRateCounters(pool, hash) });
      const onError = (error: unknown): void => logger.warn('rate counters were not merged', { error });
      resources.every('rate counters', 1_000, () => counters.merge(), onError);
      return counters;
    },
  );
  wiring.single(tokens.RATE_LIMITS, [tokens.COUNTERS, tokens.CONFIG], (counters, { rateLimitPerMinute }) => {
    const max = rateLimitPerMinute;
    const defaults = max === 0 ? {} : { operation: { max }, caller: { max: max * OPERATIONS_AT_ONCE } };
    return createRateLimits({ counters, now: Date.now, defaults });
  });
  wiring.single(
    tokens.HOOKS,
    [tokens.HASH, tokens.RATE_LIMITS, tokens.EVENT_LOG, tokens.METRICS, tokens.TRACER],
    (hash, limits, log, metrics, tracer) => ({
      hash,
      limit: limits.limit,
      reached: (position, signal) => log.reached(position, signal),
      observe: observeOperations(metrics, tracer),
      explain: explainOutage,
      mustNotBeKept,
    }),
  );
}

function bindStorage(wiring: Wiring): void {
  const { CONFIG, DATABASE, LOGGER, RESOURCES } = tokens;
  const pool = (kind: 'commands' | 'queries' | 'jobs', create: (options: PoolOptions, statementMs: number) => Pool) =>
    [
      [CONFIG, DATABASE, LOGGER, RESOURCES],
      (...[config, database, logger, resources]: Parameters<PoolFactory>) => {
        const onError = (error: Error): void => logger.warn('a database connection broke', { error, pool: kind });
        const max = shareOut(config.databasePoolMax)[kind];
        // A report may take as long as its request.
        const statementMs = Math.max(30_000, config.requestTimeoutMs);
        const made = create({ connectionString: database.applicationUrl, max, onError }, statementMs);
        return resources.own(`${kind} pool`, made, () => made.end());
      },
    ] as const;
  wiring.single(tokens.COMMAND_POOL, ...pool('commands', createCommandPool));
  wiring.single(tokens.QUERY_POOL, ...pool('queries', createPool));
  wiring.single(tokens.JOB_POOL, ...pool('jobs', createPool));
  wiring.single(tokens.WAKEUP, [DATABASE, LOGGER, RESOURCES], ({ applicationUrl }, logger, resources) => {
    const onError = (error: unknown): void => logger.warn('the listening connection broke', { error });
    const wakeup = new LogWakeup({ connection: { connectionString: applicationUrl }, onError });
    return resources.own('log wake-up', wakeup, () => wakeup.close());
  });
  wiring.single(
    tokens.EVENT_LOG,
    [tokens.QUERY_POOL, tokens.WAKEUP, LOGGER, RESOURCES],
    (queries, wakeup, logger, resources) => {
      const onError = (error: unknown): void => logger.warn('reading the event log failed', { error });
      const log = new PostgresEventLog({ pool: queries, wakeup, onError });
      return resources.own('event log', log, () => log.close());
    },
  );
  wiring.single(tokens.EVENT_SEALS, [tokens.QUERY_POOL, tokens.EVENT_LOG, LOGGER], (queries, log, logger) => {
    const onError = (error: unknown): void => logger.warn('sealing the event log failed', { error });
    return new PostgresEventSeals({ pool: queries, log, onError });
  });
  wiring.single(tokens.JOB_QUEUE, [tokens.JOB_POOL, LOGGER], (jobs, logger) =>
    postgresJobQueue({ pool: jobs, onFault: (error) => logger.warn('the job queue met a fault', { error }) }),
  );
  wiring.single(
    tokens.GROUP_COMMIT,
    [tokens.COMMAND_POOL, tokens.WAKEUP, tokens.METRICS, CONFIG],
    (commands, wakeup, metrics, config) =>
      (repository): GroupCommitOptions => ({
        pool: commands,
        newId: uuidv7,
        committed: () => wakeup.committed(),
        watch: (pending) => metrics.watch({ kind: 'commands', name: repository, read: pending }),
        observe: ({ size }) => metrics.committed(repository, size),
        maxBatches: BATCHES,
        maxLanes: shareOut(config.databasePoolMax).commands - BATCHES,
        deadlineMs: config.requestTimeoutMs,
      }),
  );
}

type PoolFactory = (
  config: NonNullable<(typeof tokens.CONFIG)['type']>,
  database: tokens.DatabaseUrls,
  logger: NonNullable<(typeof tokens.LOGGER)['type']>,
  resources: NonNullable<(typeof tokens.RESOURCES)['type']>,
) => unknown;
