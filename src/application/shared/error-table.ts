import type { ErrorKind } from '../../domain/shared/domain-error.ts';

/** What a kind of error means outside: to an HTTP client, to a queue, to a shell. */
export interface ErrorMeaning {
  readonly httpStatus: number;
  /** Whether the same message may succeed later: a queue retries it, else it is a dead letter. */
  readonly retry: boolean;
  readonly exitCode: number;
}

/** The one total table from kind of error to its meaning in every transport. */
export const ERROR_TABLE: { readonly [K in ErrorKind | 'unexpected']: ErrorMeaning } = {
  invalid: { httpStatus: 400, retry: false, exitCode: 2 },
  unauthenticated: { httpStatus: 401, retry: false, exitCode: 3 },
  forbidden: { httpStatus: 403, retry: false, exitCode: 4 },
  not_found: { httpStatus: 404, retry: false, exitCode: 5 },
  conflict: { httpStatus: 409, retry: true, exitCode: 6 },
  rule_violated: { httpStatus: 422, retry: false, exitCode: 7 },
  rate_limited: { httpStatus: 429, retry: true, exitCode: 8 },
  unavailable: { httpStatus: 503, retry: true, exitCode: 9 },
  unexpected: { httpStatus: 500, retry: true, exitCode: 1 },
};
