import { DomainError } from '../../domain/shared/domain-error.ts';
import { cleanText } from './clean-text.ts';

/** What a log line says of an error. */
export interface ErrorFields {
  readonly name: string;
  readonly code?: string;
  /** Only where it cannot quote what somebody sent in. */
  readonly message?: string;
  /** The frames alone: V8 repeats the message above them. */
  readonly stack?: string;
  /** What PostgreSQL names of its own: table, constraint and the like, never a value. */
  readonly database?: { readonly [name: string]: string };
  readonly cause?: ErrorFields;
  readonly errors?: readonly ErrorFields[];
}

const MAX_CAUSES = 3;
const MAX_ERRORS = 5;
const MAX_FRAMES = 30;

/**
 * SQLSTATE classes whose messages name parts of the database but quote no value. The others, 22 (data exception) above
 * all, do quote: `invalid input syntax for type uuid: "…"`.
 */
const QUIET_SQLSTATE = /^(?:08|0A|23|25|28|2D|3D|3F|40|42|53|54|55|57|58|XX)/;
const DATABASE_FIELDS = ['severity', 'schema', 'table', 'column', 'constraint', 'routine'];

/**
 * Describes an error by name, code and stack. Messages of foreign errors quote input (`JSON.parse` does, and so do
 * `BigInt` and PostgreSQL), so a message is kept only if it is a `DomainError`'s, a failed system call's or a harmless
 * one of the database; or all of them, with `withMessages`, for a developer's own terminal.
 */
export function describeError(error: Error, withMessages = false, depth = MAX_CAUSES): ErrorFields {
  const code = codeOf(error);
  const database = databaseFields(error);
  const frames = framesOf(error);
  const describeNext = (next: Error): ErrorFields => describeError(next, withMessages, depth - 1);
  const errors = error instanceof AggregateError ? error.errors.filter((one) => one instanceof Error) : [];
  return {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    ...(withMessages || isQuiet(error, code, database) ? { message: cleanText(error.message) } : {}),
    ...(database === undefined ? {} : { database }),
    ...(frames === '' ? {} : { stack: frames }),
    ...(error.cause instanceof Error && depth > 0 ? { cause: describeNext(error.cause) } : {}),
    ...(errors.length > 0 && depth > 0 ? { errors: errors.slice(0, MAX_ERRORS).map(describeNext) } : {}),
  };
}

function codeOf(error: Error): string | undefined {
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : undefined;
}

function isQuiet(error: Error, code: string | undefined, database: object | undefined): boolean {
  if (error instanceof DomainError) return true;
  if (database !== undefined) return QUIET_SQLSTATE.test(code ?? '');
  return 'syscall' in error && typeof error.syscall === 'string';
}

/** The harmless fields of an error that PostgreSQL reported; undefined for any other error. */
function databaseFields(error: Error): { readonly [name: string]: string } | undefined {
  if (!('severity' in error) || !/^[0-9A-Z]{5}$/.test(codeOf(error) ?? '')) return undefined;
  const fields = DATABASE_FIELDS.map((name): [string, unknown] => [name, Reflect.get(error, name)]);
  return Object.fromEntries(fields.filter((field): field is [string, string] => typeof field[1] === 'string'));
}

function framesOf({ stack = '', message }: Error): string {
  // A message may have lines that look like frames.
  const start = message === '' ? 0 : stack.indexOf(message);
  const rest = start < 0 ? stack : stack.slice(start + message.length);
  const frames = rest
    .split('\n')
    .filter((line) => /^ {4}at .*:\d+\)?$|^ {4}at (?:async )?[\w.<>[\] ]+ \(.*\)$/.test(line));
  return frames.slice(0, MAX_FRAMES).join('\n');
}
