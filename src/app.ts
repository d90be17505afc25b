import { flushCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { HttpServer } from './interfaces/http/http-server.ts';
import type { Logger } from './application/shared/logger.ts';
import type { Config } from './composition/config.ts';
import type * as service from './composition/service.ts';
import { requirePeppers } from './composition/missing-peppers.ts';
import { openDatabase } from './composition/open-database.ts';
import { Resources } from './composition/resources.ts';
import { urlOf } from './composition/own-url.ts';
import { developmentAdmin, peppersOf } from './composition/secrets.ts';
import { migrate } from './infrastructure/postgres/migrate.ts';

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
    // The rest is loaded while the database starts: each takes about as long as the other.
    let loading: Promise<typeof service> | undefined;
    const load = () => (loading ??= loadService());
    const database = await openDatabase(config, this.#logger, this.#resources, load);
    const { createService } = await load();
    const { applied, partitioned } = await migrate(database.ownerUrl);
    if (applied.length > 0) this.#logger.info('migrated', { applied });
    if (!partitioned) this.#logger.info('partitions of the log are made when its owner starts or migrates');
    const peppers = await peppersOf(config);
    await requirePeppers(config, database.ownerUrl, peppers);
    const admin = await developmentAdmin(config);
    if (admin.tokens.length === 0 && config.jwksUrl === undefined) {
      this.#logger.warn('there is no administrator: set ADMIN_TOKEN_SHA256 or JWKS_URL');
    }
    this.#http = await createService({
      config,
      database,
      logger: this.#logger,
      resources: this.#resources,
      peppers,
      staticTokens: admin.tokens,
      draining: () => this.#draining,
    });
    const { port } = await this.#http.listen(config.port, config.host);
    this.#listening = true;
    return { url: urlOf(config.host, port), adminToken: admin.text };
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

/** Loads all that makes the service, and keeps what was compiled for the next start: a killed process keeps nothing. */
async function loadService(): Promise<typeof service> {
  const loaded = await import('./composition/service.ts');
  flushCompileCache();
  return loaded;
}
