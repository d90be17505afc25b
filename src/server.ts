import { realpathSync } from 'node:fs';
import { ConfigurationError, loadConfig, type Config } from './composition/config.ts';
import { welcome } from './interfaces/cli/welcome.ts';
import { startTelemetry } from './infrastructure/telemetry/start-telemetry.ts';
import { createLogger, logFormatFor } from './infrastructure/telemetry/winston-logger.ts';

const EXIT = { stopped: 0, failed: 1, misconfigured: 2 } as const;

/** Runs the service until a signal ends it; resolves to the exit code. */
export async function serve(environment: NodeJS.ProcessEnv = process.env): Promise<number> {
  const config = readConfig(environment);
  if (config === undefined) return EXIT.misconfigured;
  // Before anything that it instruments is loaded.
  const telemetry = await startTelemetry(config.otlpEndpoint).catch((error: unknown) => oneLine(error));
  if (typeof telemetry === 'string') {
    process.stderr.write(`${telemetry}\n`);
    return EXIT.misconfigured;
  }
  const logger = createLogger({ level: config.logLevel, format: logFormatFor(config.nodeEnv, process.stdout) });
  const { App } = await import('./app.ts');
  const app = new App(config, logger);
  const signalled = nextSignal();
  try {
    const started = await Promise.race([app.start(), signalled]);
    if (typeof started === 'object') {
      process.stdout.write(welcome(started));
      await signalled;
    }
    logger.info('stopping', { signal: await signalled });
    // Beyond this the process ends whatever hangs.
    const code = await Promise.race([app.stop().then(() => EXIT.stopped), overdue(config.shutdownTimeoutMs * 2)]);
    await telemetry.stop();
    await logger.close();
    return code;
  } catch (error) {
    process.stderr.write(`${oneLine(error)}\n`);
    logger.error('the service could not start', { error });
    await logger.close();
    return EXIT.failed;
  }
}

function readConfig(environment: NodeJS.ProcessEnv): Config | undefined {
  try {
    return loadConfig(environment);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const line of error.lines) process.stderr.write(`${line}\n`);
    return undefined;
  }
}

const nextSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(signal));
  });

const overdue = (ms: number): Promise<number> =>
  new Promise((resolve) => setTimeout(() => resolve(EXIT.failed), ms).unref());

const oneLine = (error: unknown): string => (error instanceof Error ? error.message : String(error));

// `import.meta.main` is newer than the oldest Node that the package runs on.
const program = process.argv[1];
if (program !== undefined && realpathSync(program) === import.meta.filename) process.exit(await serve());
