import { DomainError, type DomainErrorClass, type ErrorDetails } from '../../domain/shared/domain-error.ts';
import { CommandInProgress, DeadlineExceeded } from '../../application/shared/errors.ts';
import { statusOf, UNEXPECTED } from './http-errors.ts';

/** A failed request as the caller sees it, before it is written in one of the two forms. */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;
}

/** Errors after which the same request, with the same key, is worth repeating soon. */
const RETRY_SOON: ReadonlySet<DomainErrorClass> = new Set<DomainErrorClass>([CommandInProgress, DeadlineExceeded]);

/**
 * Whether the log has to say more about an error than its caller is told: one that nobody expected, or an outage of
 * something that the service depends on, whose cause only the service has seen.
 */
export function needsReport(error: unknown): boolean {
  return !(error instanceof DomainError) || (error.kind === 'unavailable' && error.cause !== undefined);
}

/** What a caller is told of an error; of an unexpected one nothing but the correlation id. */
export function failureOf(error: unknown, correlationId: string): Failure {
  if (error instanceof DomainError) return describe(error);
  const { code, status, message } = UNEXPECTED;
  return { code, status, message, details: { correlationId }, retryAfterSeconds: undefined };
}

function describe(error: DomainError): Failure {
  const { code, message, details, type } = error;
  const given = details['retryAfterSeconds'];
  const retryAfterSeconds =
    typeof given === 'number' ? Math.max(0, Math.ceil(given)) : RETRY_SOON.has(type) ? 1 : undefined;
  return { status: statusOf(type), code, message, details, retryAfterSeconds };
}

/** The failure envelope. */
export function envelopeBody({ code, message, details }: Failure, now: Date): object {
  return { success: false, error: { code, message, details }, timestamp: now.toISOString() };
}

/**
 * The same failure as RFC 9457 problem details; `type` leads to the line of the code in the table of errors, which is
 * below `baseUrl`.
 */
export function problemBody({ status, code, message, details }: Failure, now: Date, baseUrl: string): object {
  return {
    type: `${baseUrl}/errors#${code}`,
    title: code,
    status,
    detail: message,
    code,
    details,
    timestamp: now.toISOString(),
  };
}
