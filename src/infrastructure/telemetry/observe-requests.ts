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

/** Notes what nobody expected; the caller was told its correlation id and nothing else. */
export function reportTo(logger: Logger): (error: unknown, context: { readonly [name: string]: unknown }) => void {
  return (error, context) => logger.error('unexpected failure', { ...context, error });
}
