import { CommanderError } from 'commander';
import { ERROR_TABLE } from '../../application/shared/error-table.ts';
import { DomainError, type ErrorKind } from '../../domain/shared/domain-error.ts';
import { RemoteFailure } from '../http/remote-failure.ts';
import { Cancelled, type Terminal } from './terminal.ts';

/** What the program itself can fail with: codes that no server answers. */
export const CLI_FAILURES: { readonly [code: string]: { readonly kind: ErrorKind; readonly meaning: string } } = {
  'configuration.invalid': {
    kind: 'invalid',
    meaning: 'A setting, or the address of the server, is missing or wrong.',
  },
  'database.backup_refused': {
    kind: 'rule_violated',
    meaning:
      'The file cannot be used, or the database is in use, not empty or of another version; the message says which.',
  },
  'database.migration_refused': {
    kind: 'rule_violated',
    meaning: 'The migrations cannot be applied to this database; the message says why.',
  },
  'database.unavailable': {
    kind: 'unavailable',
    meaning: 'There is no database, or it cannot be started or reached, or refuses the connection.',
  },
};

/** Something that a command of the program itself could not do, with its kind for the exit code. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly kind: ErrorKind;
  readonly code: string;

  constructor(kind: ErrorKind, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.code = code;
  }
}

/** A command of the business that failed, and the key under which it can be repeated. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly idempotencyKey: string;

  constructor(cause: unknown, idempotencyKey: string) {
    super('A command failed.', { cause });
    this.idempotencyKey = idempotencyKey;
  }
}

/** As shells have it for a program that was ended by Ctrl-C. */
const INTERRUPTED = 130;

/** Tells what went wrong as JSON on standard error, and returns the exit code of its kind. */
export function reportFailure(thrown: unknown, { stderr }: Pick<Terminal, 'stderr'>): number {
  if (thrown instanceof Cancelled) return INTERRUPTED;
  // It has been told already: help, version, or what is wrong with the arguments.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : ERROR_TABLE.invalid.exitCode;
  const error = thrown instanceof CommandFailure ? thrown.cause : thrown;
  const kind = error instanceof DomainError || error instanceof CliFailure ? error.kind : 'unexpected';
  const { retry, exitCode } = ERROR_TABLE[kind];
  // Whether the command was carried out is open: under its key it can be repeated without harm.
  const key = thrown instanceof CommandFailure && retry ? { idempotencyKey: thrown.idempotencyKey } : {};
  stderr.write(failureText({ ...describe(error), ...key }));
  return exitCode;
}

/** How every failure is written. */
export const failureText = (error: { readonly code: string; readonly message: string }): string =>
  `${JSON.stringify({ error }, null, 2)}\n`;

function describe(error: unknown): { readonly code: string; readonly message: string; readonly details?: unknown } {
  if (error instanceof DomainError) return { code: error.code, message: error.message, details: error.details };
  if (error instanceof CliFailure) return { code: error.code, message: error.message };
  if (error instanceof RemoteFailure) {
    const { code = 'request.unexpected', message, status, correlationId } = error;
    return { code, message, details: { status, correlationId } };
  }
  return { code: 'request.unexpected', message: error instanceof Error ? error.message : String(error) };
}
