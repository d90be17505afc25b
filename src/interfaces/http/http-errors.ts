import { DomainError, type DomainErrorClass } from '../../domain/shared/domain-error.ts';
import { FRAME_ERRORS } from '../../application/shared/errors.ts';
import { ERROR_TABLE } from '../../application/shared/error-table.ts';

/** The body is longer than `details.limitBytes`. */
export class RequestTooLarge extends DomainError {
  static readonly code = 'request.too_large';
  static readonly kind = 'invalid';
}

/** The body is not `application/json` in UTF-8 without a content encoding. */
export class UnsupportedContent extends DomainError {
  static readonly code = 'request.unsupported_content';
  static readonly kind = 'invalid';
}

/** The address exists but not for this method; `details.allow` lists those that it has. */
export class MethodNotAllowed extends DomainError {
  static readonly code = 'request.method_not_allowed';
  static readonly kind = 'invalid';
}

/** The answer cannot be given in the form that the `Accept` header insists on. */
export class NotAcceptable extends DomainError {
  static readonly code = 'request.not_acceptable';
  static readonly kind = 'invalid';
}

/** Errors that only HTTP knows, with the status that refines the one of their kind. */
const REFINED_STATUS: ReadonlyMap<DomainErrorClass, number> = new Map<DomainErrorClass, number>([
  [RequestTooLarge, 413],
  [UnsupportedContent, 415],
  [MethodNotAllowed, 405],
  [NotAcceptable, 406],
]);

/** Every error that can answer any request, whatever the operation. */
export const TRANSPORT_ERRORS: readonly DomainErrorClass[] = [...FRAME_ERRORS, ...REFINED_STATUS.keys()];

/** The HTTP status of a class of errors: the one of its kind, unless HTTP has a more exact one. */
export function statusOf(type: DomainErrorClass): number {
  return REFINED_STATUS.get(type) ?? ERROR_TABLE[type.kind].httpStatus;
}

/** Code and message of every unexpected failure: what really happened goes to the log, not to the caller. */
export const UNEXPECTED = {
  code: 'request.unexpected',
  status: ERROR_TABLE.unexpected.httpStatus,
  message: 'Something unexpected went wrong; the correlation id leads to the record of it.',
} as const;
