import { DomainError } from '../../domain/shared/domain-error.ts';
import type { Logger } from '../../application/shared/logger.ts';
import type { AnsweredRequest, Metrics } from '../../application/shared/metrics.ts';

/** Notes each answered request: one line at `info`, or at `error` for a 500 and the like, and the measurements. */
export function observeRequests(logger: Logger, metrics: Metrics): (request: AnsweredRequest) => void {
  return (request) => {
    metrics.answered(request);
    const { method, route, status, durationMs, correlationId, principalId, traceId } = request;
    const ms = Math.round(durationMs * 100) / 100;
    const fields = { method, route, status, ms, correlationId, principalId, traceId };
    if (status >= 500 && status !== 503) logger.error('request', fields);
    else logger.info('request', fields);
  };
}

/** During an outage nearly every request meets it: how often at most there is a line about errors of one code. */
const OUTAGE_LINE_MS = 5_000;

/**
 * Notes what nobody expected, of which the caller was told its correlation id and nothing else; and outages, as warnings
 * and no more than one in five seconds for each code, which tells how many before it were left out.
 *
 * @param now milliseconds since the epoch
 */
export function reportTo(
  logger: Logger,
  now: () => number = Date.now,
): (error: unknown, context: { readonly [name: string]: unknown }) => void {
  const outages = new Map<string, { readonly quietUntil: number; leftOut: number }>();
  return (error, context) => {
    if (!(error instanceof DomainError)) return logger.error('unexpected failure', { ...context, error });
    const known = outages.get(error.code);
    if (known !== undefined && now() < known.quietUntil) {
      known.leftOut += 1;
      return;
    }
    outages.set(error.code, { quietUntil: now() + OUTAGE_LINE_MS, leftOut: 0 });
    logger.warn('something that this service depends on fails', { ...context, error, leftOut: known?.leftOut ?? 0 });
  };
}
