import type { Writable } from 'node:stream';
import winston from 'winston';
import type { LogFields, Logger } from '../../application/shared/logger.ts';
import { cleanText } from './clean-text.ts';
import { cleanFields } from './redaction.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** `json`: a line of JSON each, for programs. `text`: for the eyes of a developer, with the messages of all errors. */
export type LogFormat = 'json' | 'text';

export interface LoggerOptions {
  /** Less important lines are dropped, at the cost of a comparison. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Standard output if left out. */
  readonly destination?: Writable;
  /** On each line, such as name and version of the service. */
  readonly fields?: LogFields;
}

/** A logger that can be brought to an end. */
export interface ClosableLogger extends Logger {
  /** Resolves once every line is written; what is logged afterwards is dropped. Can be called again. */
  close(): Promise<void>;
}

const RANK: { readonly [L in LogLevel]: number } = { error: 0, warn: 1, info: 2, debug: 3 };

/** Text for a developer at a terminal, JSON for everybody else. */
export function logFormatFor(nodeEnv: string, destination: { readonly isTTY?: boolean }): LogFormat {
  return nodeEnv === 'development' && destination.isTTY === true ? 'text' : 'json';
}

/** Writes log lines with winston. Fields are cleaned before winston sees them. */
export function createLogger(options: LoggerOptions): ClosableLogger {
  const { level, format, destination = process.stdout, fields = {} } = options;
  const transport = new winston.transports.Stream({ stream: destination, eol: '\n' });
  const logger = winston.createLogger({
    levels: RANK,
    level,
    format: winston.format.printf(format === 'json' ? (line) => JSON.stringify(line) : textLine),
    transports: [transport],
  });
  const sink = new Sink(logger, RANK[level], format === 'text');
  // A reader of the log that goes away must not end the service.
  destination.on('error', () => sink.stop());
  logger.on('error', () => sink.stop());
  return Object.assign(loggerOn(sink, cleanFields(fields, sink.withMessages)), { close: () => sink.close() });
}

/** Where lines of all children end up. */
class Sink {
  readonly #logger: winston.Logger;
  readonly #lowest: number;
  readonly withMessages: boolean;
  #open = true;
  #closed: Promise<void> | undefined;

  constructor(logger: winston.Logger, lowest: number, withMessages: boolean) {
    this.#logger = logger;
    this.#lowest = lowest;
    this.withMessages = withMessages;
  }

  takes(level: LogLevel): boolean {
    return this.#open && RANK[level] <= this.#lowest;
  }

  write(line: winston.LogEntry): void {
    this.#logger.log(line);
  }

  stop(): void {
    this.#open = false;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.stop();
      this.#logger.once('finish', resolve).end();
    });
    return this.#closed;
  }
}

function loggerOn(sink: Sink, bound: LogFields): Logger {
  const writer =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (!sink.takes(level)) return;
      const own = fields === undefined ? undefined : cleanFields(fields, sink.withMessages);
      sink.write({ time: new Date().toISOString(), level, message: cleanText(message), ...bound, ...own });
    };
  return {
    error: writer('error'),
    warn: writer('warn'),
    info: writer('info'),
    debug: writer('debug'),
    child: (fields) => loggerOn(sink, { ...bound, ...cleanFields(fields, sink.withMessages) }),
  };
}

const colours = winston.format.colorize({
  colors: { error: 'red', warn: 'yellow', info: 'green', debug: 'grey' },
});

function textLine({ time, level, message, ...fields }: winston.Logform.TransformableInfo): string {
  const stacks: string[] = [];
  const pairs = Object.entries(fields).map(([name, value]) => {
    const { stack, ...rest } = isRecord(value) ? value : { stack: undefined };
    if (typeof stack === 'string') stacks.push(`\n${stack}`);
    return ` ${name}=${JSON.stringify(typeof stack === 'string' ? rest : value)}`;
  });
  const title = `${String(time).slice(11, 23)} ${colours.colorize(level, level.padEnd(5))} `;
  return title + printable(`${String(message)}${pairs.join('')}`) + printable(stacks.join(''), true);
}

const isRecord = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null;

/** Shows control characters instead of sending them to a terminal, which would obey them. */
function printable(text: string, keepLines = false): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    keepLines && character === '\n' ? character : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
