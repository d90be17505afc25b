import { DomainError } from '../domain/shared/domain-error.ts';
import { EmbeddedPostgresError } from '../infrastructure/embedded-postgres/embedded-postgres-error.ts';
import { MigrationError } from '../infrastructure/postgres/migrate.ts';
import { ConfigurationError } from './config.ts';

/** What an operator is told of a failed start, and whether he has to change the configuration. */
export interface FaultLines {
  readonly lines: readonly string[];
  readonly misconfigured: boolean;
}

/** Where the service was to listen. */
interface Places {
  readonly host: string;
  readonly port: number;
  readonly metricsPort?: number | undefined;
}

/** Explains a failure that an operator can do something about; undefined for one that only a developer can. */
export function faultLines(error: unknown, places: Places): FaultLines | undefined {
  if (error instanceof ConfigurationError) return { lines: error.lines, misconfigured: true };
  // Roles and permissions that no contract has.
  if (error instanceof DomainError) return { lines: [error.message], misconfigured: true };
  if (error instanceof EmbeddedPostgresError || error instanceof MigrationError) return one(error.message);
  const line = listenFault(error, places) ?? databaseFault(error);
  return line === undefined ? undefined : one(line);
}

const one = (line: string): FaultLines => ({ lines: [line.replaceAll(/\s*\n\s*/g, ' ')], misconfigured: false });

const LISTEN_FAULTS: { readonly [code: string]: string } = {
  EADDRINUSE: 'is in use by another process',
  EACCES: 'may not be listened on by this user',
  EADDRNOTAVAIL: 'cannot be listened on: the address is not one of this machine',
  ENOTFOUND: 'cannot be listened on: the address is not known',
};

/** Node's errors of `listen`: those with that system call, or with the host's name where that had to be looked up. */
function listenFault(error: unknown, { host, port, metricsPort }: Places): string | undefined {
  if (!isSystemError(error)) return undefined;
  const why = LISTEN_FAULTS[error.code];
  if (why === undefined || !(error.syscall === 'listen' || error.hostname === host)) return undefined;
  const setting = metricsPort !== undefined && error.port === metricsPort ? 'METRICS_PORT' : 'PORT';
  return `${setting}=${error.port ?? port} with HOST=${host} ${why}`;
}

/** SQLSTATEs and their classes: wrong credentials, unknown database, too many connections, starting or stopping. */
const REFUSALS = /^(?:28|3D000|53|57P0)/;

/** The system calls by which a connection is made. */
const CONNECTING: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);

/** What a client of `pg` says at its `connectionTimeoutMillis`; the error has no code. */
const CONNECTION_TIMED_OUT = 'timeout expired';

/** Says in a line that the database cannot be reached or refuses the connection; undefined for any other error. */
export function databaseFault(error: unknown): string | undefined {
  if (error instanceof AggregateError) return databaseFault(error.errors[0]);
  if (isSystemError(error)) {
    return CONNECTING.has(error.syscall) ? `The database cannot be reached: ${error.message}` : undefined;
  }
  if (error instanceof Error && error.message === CONNECTION_TIMED_OUT) {
    return 'The database cannot be reached: it takes connections and does not answer.';
  }
  const refused = error instanceof Error && 'code' in error && REFUSALS.test(String(error.code));
  return refused ? `The database refuses the connection: ${error.message}` : undefined;
}

interface SystemError {
  readonly message: string;
  readonly code: string;
  readonly syscall: string;
  readonly port?: number;
  readonly hostname?: string;
}

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
