import type { StaticToken } from '../application/access/index.ts';
import type { Logger } from '../application/shared/logger.ts';
import { observeRequests, reportTo } from '../infrastructure/telemetry/observe-requests.ts';
import type { Report } from '../interfaces/http/exchange.ts';
import { createHttpApi } from '../interfaces/http/http-api.ts';
import { HttpServer } from '../interfaces/http/http-server.ts';
import { createMetricsServer } from '../interfaces/http/metrics.ts';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import { startBackgroundWork } from './background-work.ts';
import type { Config } from './config.ts';
import { createWiring } from './container.ts';
import { additionsOf } from './context-module.ts';
import { positionsOf } from './log-positions.ts';
import type { Resources } from './resources.ts';
import type { Wiring } from './token.ts';
import * as tokens from './tokens.ts';
import { VERSION } from './version.ts';
import { watchState } from './watch-state.ts';

/** What a service is made from. */
export interface ServiceParts {
  readonly config: Config;
  /** Up to date. */
  readonly database: tokens.DatabaseUrls;
  readonly logger: Logger;
  /** Owns what is opened here. */
  readonly resources: Resources;
  readonly peppers: readonly Pepper[];
  readonly staticTokens: readonly StaticToken[];
  /** Whether it is about to stop, so that nobody new should come. */
  readonly draining: () => boolean;
}

/** Wires the contexts, starts their background work, and resolves to the server that offers them, which does not listen yet. */
export async function createService(parts: ServiceParts): Promise<HttpServer> {
  const wiring = createWiring();
  wiring.value(tokens.CONFIG, parts.config);
  wiring.value(tokens.DATABASE, parts.database);
  wiring.value(tokens.LOGGER, parts.logger);
  wiring.value(tokens.RESOURCES, parts.resources);
  wiring.value(tokens.PEPPERS, parts.peppers);
  wiring.value(tokens.STATIC_TOKENS, parts.staticTokens);
  const server = await createServer(wiring, parts);
  await startBackgroundWork(wiring, parts.config.shutdownTimeoutMs);
  return server;
}

async function createServer(
  wiring: Wiring,
  { config, logger, resources, draining }: ServiceParts,
): Promise<HttpServer> {
  const note = reportTo(logger);
  const report: Report = (error, context) => note(error, { ...context });
  const metrics = wiring.get(tokens.METRICS);
  const authenticator = wiring.get(tokens.AUTHENTICATOR);
  const operations = wiring.get(tokens.OPERATIONS);
  const pool = wiring.get(tokens.QUERY_POOL);
  const anonymous = await authenticator.authenticate(undefined);
  const authenticate = wiring.get(tokens.AUTHENTICATE);
  const { checks, extend } = additionsOf(wiring.get(tokens.MODULES), authenticate);
  const api = createHttpApi({
    operations,
    info: { title: 'Portolan', version: VERSION, ...(config.publicUrl && { serverUrl: config.publicUrl }) },
    anonymous,
    authenticate,
    extend,
    report,
    positions: await positionsOf(wiring.get(tokens.EVENT_LOG)),
    rateLimitOf: wiring.get(tokens.RATE_LIMITS).peek,
    answered: observeRequests(logger, metrics),
    health: {
      draining,
      checks: { database: async () => void (await pool.query('SELECT 1')), ...checks },
    },
    ...(config.metricsPort === undefined && { metrics: () => metrics.text() }),
    localMetrics: config.nodeEnv !== 'production',
    deadlineMs: config.requestTimeoutMs,
    bodyLimitBytes: config.bodyLimitBytes,
    ...(config.trustProxy !== undefined && { trustProxy: config.trustProxy }),
  });
  const server = new HttpServer(api);
  watchState(wiring, server);
  if (config.metricsPort !== undefined) {
    const metricsServer = createMetricsServer(() => metrics.text(), report);
    await metricsServer.listen(config.metricsPort, config.host);
    resources.own('metrics server', metricsServer, async () => void (await metricsServer.close(0)));
  }
  return server;
}
