import { Writable } from 'node:stream';
import type { LoggerOptions } from '../../src/infrastructure/telemetry/winston-logger.ts';
import { createLogger, type ClosableLogger } from '../../src/infrastructure/telemetry/winston-logger.ts';

/** A logger whose output is kept. */
export interface LogBook {
  readonly logger: ClosableLogger;
  /** Ends the log and returns everything that was written. */
  text(): Promise<string>;
  /** Ends the log and returns its lines of JSON. */
  lines(): Promise<readonly { readonly [name: string]: unknown }[]>;
}

export function logBook(options: Partial<LoggerOptions> = {}): LogBook {
  let written = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString('utf8');
      done();
    },
  });
  const logger = createLogger({ level: 'debug', format: 'json', destination, ...options });
  const text = async (): Promise<string> => {
    await logger.close();
    return written;
  };
  return {
    logger,
    text,
    lines: async () =>
      (await text())
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { readonly [name: string]: unknown }),
  };
}
