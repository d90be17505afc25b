import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Call, Principal, Reply } from '../../application/shared/call.ts';
import type { ErrorDetails } from '../../domain/shared/domain-error.ts';
import type { CompiledOperation } from '../../application/shared/pipeline.ts';
import type { AnsweredRequest } from '../../application/shared/metrics.ts';
import type { PositionTokens } from '../../application/shared/position-tokens.ts';
import { wantsProblem } from './accept.ts';
import { envelopeBody, failureOf, problemBody, type Failure } from './failure.ts';
import { matchesEtag } from './request-headers.ts';

/** What an adapter for credentials may look at besides the `Authorization` header. */
export interface RequestFacts {
  readonly address: string | undefined;
  readonly correlationId: string;
  readonly headers: IncomingMessage['headers'];
}

/** Says whose credentials these are; throws `Unauthenticated` when they don't hold. Never called without a header. */
export type Authenticate = (authorization: string, facts: RequestFacts) => Principal | Promise<Principal>;

/** Where something unexpected happened; holds nothing that a caller sent except harmless ids. */
export interface ReportContext {
  readonly correlationId?: string;
  /** `GiftCard.redeem`, `health:database`, `metrics`. */
  readonly where: string;
}

/** Takes note of an error that callers are told nothing about, or of an outage, whose cause they are not told. */
export type Report = (error: unknown, context: ReportContext) => void;

/** Where a caller stands with its rate limit: `limit` calls in any `windowSeconds`. */
export interface RateLimitState {
  readonly limit: number;
  readonly remaining: number;
  readonly windowSeconds: number;
}

/** Looks up, without counting, where the caller of this call stands; undefined where it has no limit. */
export type RateLimitOf = (operation: CompiledOperation, call: Call) => RateLimitState | undefined;

/** What the routes need to know of their surroundings, with all defaults filled in. */
export interface Frame {
  readonly anonymous: Principal;
  readonly authenticate: Authenticate;
  readonly report: Report;
  readonly positions: PositionTokens;
  readonly rateLimitOf: RateLimitOf | undefined;
  readonly answered: ((request: AnsweredRequest) => void) | undefined;
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  readonly newId: () => string;
  /** What links to pages of this server begin with: its address without a slash at the end, or nothing. */
  readonly baseUrl: string;
  readonly deadlineMs: number;
  readonly bodyLimitBytes: number;
}

/** One request with its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly correlationId: string;
  /** As in `Frame`. */
  readonly baseUrl: string;
}

export const JSON_TYPE = 'application/json; charset=utf-8';

/** Sends a whole body; nothing is kept by caches unless the caller of this function said otherwise before. */
export function send({ request, response, correlationId }: Exchange, status: number, type: string, body: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.setHeader('X-Correlation-Id', correlationId);
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store');
  response.end(request.method === 'HEAD' ? undefined : body);
}

/**
 * Sends the success envelope; with `tagged`, an entity tag of the data, by which a client that keeps the answer for itself
 * can ask whether it is still the same, and 304 where it is.
 */
export function sendSuccess(
  exchange: Exchange,
  reply: Reply<unknown>,
  positions: PositionTokens,
  tagged: boolean,
): void {
  const { request, response, correlationId } = exchange;
  const data = JSON.stringify(reply.data) ?? 'null';
  if (tagged) {
    const etag = `W/"${hash('sha256', `${reply.nextCursor ?? ''}\n${data}`, 'base64url').slice(0, 27)}"`;
    response.setHeader('ETag', etag);
    response.setHeader('Cache-Control', 'private, no-cache');
    if (matchesEtag(request.headers['if-none-match'], etag)) return sendNotModified(exchange);
  }
  const meta = JSON.stringify({
    correlationId,
    position: reply.position === undefined ? undefined : positions.format(reply.position),
    replayed: reply.replayed,
    nextCursor: reply.nextCursor,
  });
  const message = reply.message === undefined ? '' : `"message":${JSON.stringify(reply.message)},`;
  const timestamp = new Date().toISOString();
  const body = `{"success":true,"data":${data},${message}"meta":${meta},"timestamp":"${timestamp}"}`;
  send(exchange, 200, JSON_TYPE, body);
}

/** Sends 304 without a body. */
export function sendNotModified({ response, correlationId }: Exchange): void {
  response.statusCode = 304;
  response.setHeader('X-Correlation-Id', correlationId);
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store');
  response.end();
}

/** Sends the failure envelope, or problem details where the client prefers them; too late is not an error. */
export function sendFailure(exchange: Exchange, error: unknown): void {
  const { request, response, correlationId, baseUrl } = exchange;
  if (response.headersSent || response.destroyed) return;
  const failure = failureOf(error, correlationId);
  setFailureHeaders(exchange, failure);
  const now = new Date();
  if (wantsProblem(request.headers.accept)) {
    send(
      exchange,
      failure.status,
      'application/problem+json; charset=utf-8',
      JSON.stringify(problemBody(failure, now, baseUrl)),
    );
  } else {
    send(exchange, failure.status, JSON_TYPE, JSON.stringify(envelopeBody(failure, now)));
  }
}

function setFailureHeaders({ request, response }: Exchange, { status, details, retryAfterSeconds }: Failure): void {
  response.removeHeader('ETag');
  response.removeHeader('Cache-Control');
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', retryAfterSeconds);
  if (status === 401) {
    const tried = request.headers.authorization !== undefined;
    response.setHeader('WWW-Authenticate', tried ? 'Bearer error="invalid_token"' : 'Bearer');
  } else if (status === 405 && Array.isArray(details['allow'])) {
    response.setHeader('Allow', details['allow'].join(', '));
  } else if (status === 413) {
    // The rest of the body is not worth reading only to keep the connection.
    response.setHeader('Connection', 'close');
  } else if (status === 429) {
    setReachedLimit(response, details, retryAfterSeconds);
  }
}

/**
 * Tells of the limit that was reached, which needs not be the one of the operation: then none of what was said of that
 * stays. A refusal that names no limit, as of a full queue, leaves it as it is.
 */
function setReachedLimit(response: ServerResponse, details: ErrorDetails, retryAfterSeconds: number | undefined): void {
  const { limit, remaining = 0, windowSeconds } = details;
  if (typeof limit !== 'number' || typeof remaining !== 'number' || typeof windowSeconds !== 'number') return;
  setRateLimit(response, { limit, remaining, windowSeconds });
  if (retryAfterSeconds !== undefined) response.setHeader('RateLimit-Reset', retryAfterSeconds);
}

/** Tells the client where it stands, in the headers of the IETF draft; a sliding window resets within its length. */
export function setRateLimit(response: ServerResponse, { limit, remaining, windowSeconds }: RateLimitState): void {
  response.setHeader('RateLimit-Limit', limit);
  response.setHeader('RateLimit-Remaining', Math.max(0, remaining));
  response.setHeader('RateLimit-Reset', windowSeconds);
  response.setHeader('RateLimit-Policy', `${limit};w=${windowSeconds}`);
}
