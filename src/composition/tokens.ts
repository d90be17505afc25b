import type { Pool } from 'pg';
import type { Authenticator, PermissionManifest, Roles, StaticToken } from '../application/access/index.ts';
import type { ContextContract } from '../application/shared/contract.ts';
import type { EventLog, EventSeals } from '../application/shared/event-log.ts';
import type { Logger } from '../application/shared/logger.ts';
import type { CompiledOperation, PipelineHooks } from '../application/shared/pipeline.ts';
import type { Sealer } from '../application/shared/sealer.ts';
import type { Tracer } from '../application/shared/tracing.ts';
import type { PostgresJobQueue } from '../infrastructure/jobs/postgres-job-queue.ts';
import type { GroupCommitOptions } from '../infrastructure/postgres/group-commit-options.ts';
import type { LogWakeup } from '../infrastructure/postgres/log-wakeup.ts';
import type { RateLimits } from '../infrastructure/rate-limit/rate-limits.ts';
import type { SlidingWindows } from '../infrastructure/rate-limit/sliding-windows.ts';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import type { PrometheusMetrics } from '../infrastructure/telemetry/prometheus-metrics.ts';
import type { Authenticate } from '../interfaces/http/exchange.ts';
import type { Config } from './config.ts';
import type { ContextModule } from './context-module.ts';
import type { Resources } from './resources.ts';
import { token } from './token.ts';

/** Where the database is, for its two roles. */
export interface DatabaseUrls {
  readonly ownerUrl: string;
  readonly applicationUrl: string;
}

// Given from outside.
export const CONFIG = token<Config>('config');
export const DATABASE = token<DatabaseUrls>('database');
export const PEPPERS = token<readonly Pepper[]>('peppers');
export const STATIC_TOKENS = token<readonly StaticToken[]>('static tokens');
export const LOGGER = token<Logger>('logger');
export const RESOURCES = token<Resources>('resources');

// The frame.
export const METRICS = token<PrometheusMetrics>('metrics');
export const TRACER = token<Tracer>('tracer');
export const COMMAND_POOL = token<Pool>('command pool');
export const QUERY_POOL = token<Pool>('query pool');
export const JOB_POOL = token<Pool>('job pool');
export const WAKEUP = token<LogWakeup>('log wake-up');
export const EVENT_LOG = token<EventLog>('event log');
export const EVENT_SEALS = token<EventSeals>('event seals');
export const JOB_QUEUE = token<PostgresJobQueue>('job queue');
export const GROUP_COMMIT = token<(repository: string) => GroupCommitOptions>('group commit options');
export const SEALER = token<Sealer>('sealer');
export const HASH = token<(text: string) => string>('receipt hash');
export const COUNTERS = token<SlidingWindows>('rate counters');
export const RATE_LIMITS = token<RateLimits>('rate limits');
export const HOOKS = token<PipelineHooks>('pipeline hooks');

// Access.
export const MANIFEST = token<PermissionManifest>('permission manifest');
export const ROLES = token<Roles>('roles');
export const AUTHENTICATOR = token<Authenticator>('authenticator');
export const AUTHENTICATE = token<Authenticate>('authenticate requests');

// Contexts.
export const CONTRACTS = token<readonly ContextContract[]>('contracts');
export const MODULES = token<readonly ContextModule[]>('context modules');
export const OPERATIONS = token<ReadonlyMap<string, CompiledOperation>>('operations');
