import { DomainError } from '../../domain/shared/domain-error.ts';

/** The input doesn't fit the operation's schema; `details.issues` lists {path, message}. */
export class InvalidInput extends DomainError {
  static readonly code = 'request.invalid_input';
  static readonly kind = 'invalid';
}

/** The request can't be read at all: malformed JSON, wrong content type, broken UTF-8, too large. */
export class MalformedRequest extends DomainError {
  static readonly code = 'request.malformed';
  static readonly kind = 'invalid';
}

/** No operation at this address. */
export class UnknownOperation extends DomainError {
  static readonly code = 'request.unknown_operation';
  static readonly kind = 'not_found';
}

/** The operation needs an idempotency key and got none, or one that isn't 1 to 255 printable ASCII characters. */
export class IdempotencyKeyMissing extends DomainError {
  static readonly code = 'request.idempotency_key_missing';
  static readonly kind = 'invalid';
}

/** The idempotency key was used before with another input. */
export class IdempotencyKeyReused extends DomainError {
  static readonly code = 'request.idempotency_key_reused';
  static readonly kind = 'rule_violated';
}

/** The first command with this idempotency key is still running; try again after `details.retryAfterSeconds`. */
export class CommandInProgress extends DomainError {
  static readonly code = 'request.in_progress';
  static readonly kind = 'conflict';
}

/** No credentials, or ones that don't hold (any more). */
export class Unauthenticated extends DomainError {
  static readonly code = 'request.unauthenticated';
  static readonly kind = 'unauthenticated';
}

/** The caller is known and lacks the permission that `details.permission` names. */
export class PermissionDenied extends DomainError {
  static readonly code = 'request.permission_denied';
  static readonly kind = 'forbidden';
}

/** More calls than `details.limit` in `details.windowSeconds`; try again after `details.retryAfterSeconds`. */
export class RateLimited extends DomainError {
  static readonly code = 'request.rate_limited';
  static readonly kind = 'rate_limited';
}

/** The deadline passed or the server is stopping; a command may or may not have happened: repeat it with its key. */
export class DeadlineExceeded extends DomainError {
  static readonly code = 'request.deadline_exceeded';
  static readonly kind = 'unavailable';
}

/** Something that this service depends on doesn't answer; repeating with the same key is safe. */
export class ServiceUnavailable extends DomainError {
  static readonly code = 'request.unavailable';
  static readonly kind = 'unavailable';
}

/** Somebody else holds the rows that this command needs, longer than its deadline. */
export class ResourceBusy extends DomainError {
  static readonly code = 'request.resource_busy';
  static readonly kind = 'conflict';
}

/** A log position of another epoch, or one that is not reached within the deadline. */
export class PositionUnavailable extends DomainError {
  static readonly code = 'request.position_unavailable';
  static readonly kind = 'unavailable';
}

/** Errors that any operation can answer with; contracts list only those of their business. */
export const FRAME_ERRORS = [
  InvalidInput,
  MalformedRequest,
  UnknownOperation,
  IdempotencyKeyMissing,
  IdempotencyKeyReused,
  CommandInProgress,
  Unauthenticated,
  PermissionDenied,
  RateLimited,
  DeadlineExceeded,
  ServiceUnavailable,
  ResourceBusy,
  PositionUnavailable,
] as const;
