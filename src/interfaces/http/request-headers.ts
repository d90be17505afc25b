import type { IncomingHttpHeaders } from 'node:http';
import type { MustNotBeKept } from '../../application/shared/pipeline.ts';
import { isCorrelationId } from '../../application/shared/trace-context.ts';

const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const QUOTED = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

const IDS = ['x-correlation-id', 'x-request-id'] as const;

/** Removes what would be taken for the correlation id and must not be kept, before anybody reads it. */
export function dropIds(headers: IncomingHttpHeaders, mustNotBeKept: MustNotBeKept): void {
  for (const name of IDS) {
    const given = headers[name];
    if (typeof given === 'string' && isCorrelationId(given) && mustNotBeKept(given)) delete headers[name];
  }
}

/** The caller's `X-Correlation-Id` or `X-Request-Id` where it is short and harmless, else a new one. */
export function correlationIdOf(headers: IncomingHttpHeaders, newId: () => string): string {
  const given = headers['x-correlation-id'] ?? headers['x-request-id'];
  return typeof given === 'string' && isCorrelationId(given) ? given : newId();
}

/** The W3C `traceparent`; a malformed one is ignored, as the standard asks. */
export function traceParentOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['traceparent'];
  return typeof given === 'string' && TRACE_PARENT.test(given) ? given : undefined;
}

/** The `Idempotency-Key`, plain or as the quoted string of the IETF draft; the pipeline judges what is in it. */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['idempotency-key'];
  if (typeof given !== 'string') return undefined;
  const quoted = QUOTED.exec(given)?.[1];
  return quoted === undefined ? given : quoted.replace(/\\(["\\])/g, '$1');
}

/** True when `If-None-Match` names this entity tag (weak comparison, RFC 9110 section 13.1.2). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const opaque = etag.replace(/^W\//, '');
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === opaque);
}

const LOOPBACK = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/;

/** True when the connection comes from this machine itself and no header tells of a proxy that runs on it. */
export function isLocalCaller(remoteAddress: string | undefined, headers: IncomingHttpHeaders): boolean {
  if (remoteAddress === undefined || !LOOPBACK.test(remoteAddress)) return false;
  return ['forwarded', 'x-forwarded-for', 'x-real-ip'].every((name) => headers[name] === undefined);
}
