import type { DomainError, DomainErrorClass, ErrorDetails } from '../../domain/shared/domain-error.ts';
import type { OperationDefinition } from '../../application/shared/contract.ts';
import { TRANSPORT_ERRORS } from './http-errors.ts';

/** An answer that the contract doesn't speak of: the server's own fault, or not this server at all. */
export class RemoteFailure extends Error {
  readonly status: number;
  /** The code that the answer carries, where it carries one. */
  readonly code: string | undefined;
  /** Names the request in the server's logs. */
  readonly correlationId: string | undefined;

  constructor(message: string, status: number, code?: string, correlationId?: string) {
    super(message);
    this.name = 'RemoteFailure';
    this.status = status;
    this.code = code;
    this.correlationId = correlationId;
  }
}

/** Rebuilds the error that a failed answer stands for: the contract's class by its code, else `RemoteFailure`. */
export function errorOf(
  definition: OperationDefinition,
  status: number,
  body: unknown,
  correlationId: string | undefined,
): DomainError | RemoteFailure {
  const error = field(body, 'error');
  const code = field(error, 'code');
  const message = field(error, 'message');
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new RemoteFailure(`The server answered with status ${status}.`, status, undefined, correlationId);
  }
  const hasCode = (type: DomainErrorClass): boolean => type.code === code;
  const ErrorClass = definition.errors.find(hasCode) ?? TRANSPORT_ERRORS.find(hasCode);
  if (ErrorClass === undefined) return new RemoteFailure(message, status, code, correlationId);
  return new ErrorClass(message, (field(error, 'details') ?? {}) as ErrorDetails);
}

/** A field of something that may be no object. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as { [name: string]: unknown })[name] : undefined;
}
