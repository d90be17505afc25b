import { setTimeout as delay } from 'node:timers/promises';
import type { Report } from './interfaces/http/exchange.ts';
import { createHttpApi } from './interfaces/http/http-api.ts';
import { HttpServer } from './interfaces/http/http-server.ts';
import { createMetricsServer } from './interfaces/http/metrics.ts';
import type { Logger } from './application/shared/logger.ts';
import type { StaticToken } from './application/access/index.ts';
import { createWiring } from './composition/container.ts';
import type { Config } from './composition/config.ts';
import { startBackgroundWork } from './composition/background-work.ts';
import { additionsOf } from './composition/context-module.ts';
import { positionsOf } from './composition/log-positions.ts';
import { requirePeppers } from './composition/missing-peppers.ts';
import { openDatabase } from './composition/open-database.ts';
import { Resources } from './composition/resources.ts';
import { urlOf } from './composition/own-url.ts';
import { developmentAdmin, peppersOf } from './composition/secrets.ts';
import type { Wiring } from './composition/token.ts';
import * as tokens from './composition/tokens.ts';
import { VERSION } from './composition/version.ts';
import { migrate } from './infrastructure/postgres/migrate.ts';
import { watchState } from './composition/watch-state.ts';
import { observeRequests, reportTo } from './infrastructure/telemetry/observe-requests.ts';

/** A running application. */
export interface Started {
  /** Where it can be reached from this machine, `http://127.0.0.1:3000`. */
  readonly url: string;
  /** The token that may do everything, where one was generated for development. */
  readonly adminToken: string | undefined;
}

/** Composes the service and owns its resources. Knows nothing of signals and never ends the process. */
export class App {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #resources = new Resources();
  #http: HttpServer | undefined;
  #listening = false;
  #draining = false;
  #starting: Promise<Started> | undefined;
  #stopped: Promise<'clean' | 'unclean'> | undefined;

  constructor(config: Config, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  /** Opens the database, brings it up to date, starts the background work and listens. What it opened is closed when it fails. */
  async start(): Promise<Started> {
    this.#starting = this.#start();
    try {
      return await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Is not ready any more, serves on for `delayMs`, stops accepting, lets what is under way end until the deadline, and
   * closes everything in reverse order; a start under way is waited for first. Resolves to whether all of it could be
   * closed.
   */
  stop({ delayMs = this.#config.shutdownDelayMs } = {}): Promise<'clean' | 'unclean'> {
    this.#stopped ??= this.#stop(delayMs);
    return this.#stopped;
  }

  async #start(): Promise<Started> {
    const config = this.#config;
    const database = await openDatabase(config, this.#logger, this.#resources);
    const { applied, partitioned } = await migrate(database.ownerUrl);
    if (applied.length > 0) this.#logger.info('migrated', { applied });
    if (!partitioned) this.#logger.info('partitions of the log are made when its owner starts or migrates');
    const peppers = await peppersOf(config);
    await requirePeppers(config, database.ownerUrl, peppers);
    const admin = await developmentAdmin(config);
    if (admin.tokens.length === 0 && config.jwksUrl === undefined) {
      this.#logger.warn('there is no administrator: set ADMIN_TOKEN_SHA256 or JWKS_URL');
    }
    const wiring = createWiring();
    wiring.value(tokens.CONFIG, config);
    wiring.value(tokens.DATABASE, database);
    wiring.value(tokens.LOGGER, this.#logger);
    wiring.value(tokens.RESOURCES, this.#resources);
    wiring.value(tokens.PEPPERS, peppers);
    wiring.value(tokens.STATIC_TOKENS, admin.tokens satisfies readonly StaticToken[]);
    await this.#serve(wiring);
    await startBackgroundWork(wiring, config.shutdownTimeoutMs);
    const http = this.#http as HttpServer;
    const { port } = await http.listen(config.port, config.host);
    this.#listening = true;
    return { url: urlOf(config.host, port), adminToken: admin.text };
  }

  async #serve(wiring: Wiring): Promise<void> {
    const config = this.#config;
    const note = reportTo(this.#logger);
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
      answered: observeRequests(this.#logger, metrics),
      health: {
        draining: () => this.#draining,
        checks: { database: async () => void (await pool.query('SELECT 1')), ...checks },
      },
      ...(config.metricsPort === undefined && { metrics: () => metrics.text() }),
      localMetrics: config.nodeEnv !== 'production',
      deadlineMs: config.requestTimeoutMs,
      bodyLimitBytes: config.bodyLimitBytes,
      ...(config.trustProxy !== undefined && { trustProxy: config.trustProxy }),
    });
    this.#http = new HttpServer(api);
    watchState(wiring, this.#http);
    if (config.metricsPort === undefined) return;
    const server = createMetricsServer(() => metrics.text(), report);
    await server.listen(config.metricsPort, config.host);
    this.#resources.own('metrics server', server, async () => void (await server.close(0)));
  }

  async #stop(delayMs: number): Promise<'clean' | 'unclean'> {
    this.#draining = true;
    // Whoever has seen it ready goes on sending until he has asked again.
    if (this.#listening) {
      this.#http?.drain();
      await delay(delayMs);
    }
    // What a start opens after this would stay open. Its failure is told to whoever started.
    await Promise.allSettled([this.#starting]);
    const result = await this.#http?.close(this.#config.shutdownTimeoutMs);
    if (result !== undefined) this.#logger.debug('closed', { resource: 'HTTP server' });
    if (result !== undefined && result.cut > 0) this.#logger.warn('requests were cut off', { cut: result.cut });
    const failures = await this.#resources.close((resource) => this.#logger.debug('closed', { resource }));
    for (const { name, error } of failures) this.#logger.error('closing failed', { resource: name, error });
    return failures.length === 0 ? 'clean' : 'unclean';
  }
}
