import type { Started } from './app.ts';
import type { Logger } from './application/shared/logger.ts';
import { ConfigurationError, loadConfig, type Config } from './composition/config.ts';
import { welcome } from './interfaces/cli/welcome.ts';
import { startTelemetry } from './infrastructure/telemetry/start-telemetry.ts';
import { createLogger, logFormatFor } from './infrastructure/telemetry/winston-logger.ts';

const EXIT = { stopped: 0, failed: 1, misconfigured: 2 } as const;

/** Time to close what is left after requests and jobs have had theirs. */
const CLOSE_MS = 5_000;

/** How often a server looks whether npm is still there. */
const PARENT_CHECK_MS = 100;

/** A signal repeated sooner is the same wish: npm passes on the Ctrl-C that the terminal sends to both. */
const IMPATIENT_MS = 1_000;

/** Runs the service until a signal ends it; resolves to the exit code. */
export async function serve(environment: NodeJS.ProcessEnv = process.env): Promise<number> {
  const config = readConfig(environment);
  if (config === undefined) return EXIT.misconfigured;
  // Before anything that it instruments is loaded.
  const telemetry = await startTelemetry(config.otlpEndpoint).catch((error: unknown) => tell([messageOf(error)]));
  if (telemetry === undefined) return EXIT.misconfigured;
  const logger = createLogger({ level: config.logLevel, format: logFormatFor(config.nodeEnv, process.stdout) });
  const code = await run(config, logger);
  await telemetry.stop();
  await logger.close();
  return code;
}

/** From start to stop. */
async function run(config: Config, logger: Logger): Promise<number> {
  const end = endOf(logger);
  const { App } = await import('./app.ts');
  const app = new App(config, logger);
  try {
    const started = await Promise.race([app.start(), end.wanted]);
    if ('url' in started) announce(started, logger);
  } catch (error) {
    return explain(error, config, logger);
  }
  const { signal, code } = await end.wanted;
  logger.info('stopping', { signal });
  const startedAt = performance.now();
  // After an error that nobody caught its state is unknown: it takes nothing new.
  const delayMs = code === EXIT.stopped ? config.shutdownDelayMs : 0;
  const timeoutMs = delayMs + 2 * config.shutdownTimeoutMs + CLOSE_MS;
  const outcome = await Promise.race([app.stop({ delayMs }), end.insisted, after(timeoutMs)]);
  if (outcome === 'clean') {
    logger.info('stopped', { ms: Math.round(performance.now() - startedAt) });
    return code;
  }
  const reasons = { unclean: 'not everything could be closed', insisted: 'a second signal came', late: 'too slow' };
  logger.error('stopped uncleanly', { reason: reasons[outcome], ms: Math.round(performance.now() - startedAt) });
  return EXIT.failed;
}

function announce({ url, adminToken }: Started, logger: Logger): void {
  logger.info('listening', { url, startMs: Math.round(process.uptime() * 1_000) });
  if (adminToken !== undefined) process.stdout.write(welcome({ url, adminToken }));
}

interface End {
  readonly signal: string;
  readonly code: number;
}

/**
 * When the process has to end: at a signal, or at an error that nobody caught, after which its state is unknown.
 * `insisted` is for somebody who repeats the signal because he doesn't want to wait.
 */
function endOf(logger: Logger): { readonly wanted: Promise<End>; readonly insisted: Promise<'insisted'> } {
  const wanted = Promise.withResolvers<End>();
  const insisted = Promise.withResolvers<'insisted'>();
  let signalledAt: number | undefined;
  // SIGHUP: the terminal was closed. Left to its default it would leave the embedded database without a server.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      signalledAt ??= performance.now();
      wanted.resolve({ signal, code: EXIT.stopped });
      if (performance.now() - signalledAt > IMPATIENT_MS) insisted.resolve('insisted');
    });
  }
  onParentLost(() => wanted.resolve({ signal: 'npm ended', code: EXIT.stopped }));
  process.on('uncaughtException', (error) => {
    logger.error('nobody caught an error', { error });
    wanted.resolve({ signal: 'uncaught error', code: EXIT.failed });
  });
  return { wanted: wanted.promise, insisted: insisted.promise };
}

/**
 * npm runs its scripts in a shell and sends a signal to that alone, which ends without passing it on: for a server that
 * npm has started, the loss of the shell is the signal.
 */
function onParentLost(lost: () => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) lost();
  }, PARENT_CHECK_MS).unref();
}

/** Says why the start failed: to an operator in a line, to a developer in the log. */
async function explain(error: unknown, config: Config, logger: Logger): Promise<number> {
  const { faultLines } = await import('./composition/fault-lines.ts');
  const fault = faultLines(error, config);
  if (fault === undefined) logger.error('the service could not start', { error });
  tell(fault?.lines ?? [`The service could not start: ${messageOf(error)}`]);
  return fault?.misconfigured === true ? EXIT.misconfigured : EXIT.failed;
}

function readConfig(environment: NodeJS.ProcessEnv): Config | undefined {
  try {
    return loadConfig(environment);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return tell(error.lines);
  }
}

function tell(lines: readonly string[]): undefined {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

const after = (ms: number): Promise<'late'> => new Promise((resolve) => setTimeout(() => resolve('late'), ms));

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
