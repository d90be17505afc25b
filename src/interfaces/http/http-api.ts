import { randomUUID } from 'node:crypto';
import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Principal } from '../../application/shared/call.ts';
import { MalformedRequest, UnknownOperation } from '../../application/shared/errors.ts';
import type { AnsweredRequest } from '../../application/shared/metrics.ts';
import type { CompiledOperation } from '../../application/shared/pipeline.ts';
import { positionTokens, type PositionTokens } from '../../application/shared/position-tokens.ts';
import { mountDocs } from './docs-page.ts';
import { errorPage, errorTable } from './error-docs.ts';
import { JSON_TYPE, sendFailure, sendSuccess } from './exchange.ts';
import type { Authenticate, Frame, RateLimitOf, Report } from './exchange.ts';
import { needsReport } from './failure.ts';
import { addGet, exchangeOf, fixedDocument } from './get-route.ts';
import { mountHealth, type HealthOptions } from './health.ts';
import { mountMetrics } from './metrics.ts';
import { baseUrlOf, openApiDocument, type ApiInfo } from './openapi.ts';
import { operationRoute, serveOperation } from './operation-route.ts';
import { shapeOf } from './operation-shape.ts';
import { dropIds } from './request-headers.ts';

export interface HttpApiOptions {
  readonly operations: ReadonlyMap<string, CompiledOperation>;
  readonly info: ApiInfo;
  /** Who calls without credentials, with whatever such a caller may do. */
  readonly anonymous: Principal;
  readonly authenticate: Authenticate;
  readonly report: Report;
  /** How log positions are written in `meta.position` and read from `after`; default: without an epoch of their own. */
  readonly positions?: PositionTokens;
  /** For `RateLimit-*` headers. */
  readonly rateLimitOf?: RateLimitOf;
  /** Told of each request to an operation once it is over: for the access log and metrics. */
  readonly answered?: (request: AnsweredRequest) => void;
  readonly health?: HealthOptions;
  /** The metrics in Prometheus's text format; without it there is no `/metrics`. */
  readonly metrics?: () => Promise<string>;
  /**
   * Whether callers on this machine may read `/metrics` without the permission `metrics:read`; default true. With
   * `trustProxy` nobody may: there a caller on this machine may be the proxy.
   */
  readonly localMetrics?: boolean;
  /** Time for one request, for a stream for each of its items; default 10,000. */
  readonly deadlineMs?: number;
  /** Longest body; default 102,400. */
  readonly bodyLimitBytes?: number;
  /** Proxies whose `X-Forwarded-For` is believed, as Express's `trust proxy` has it; default none. */
  readonly trustProxy?: string | readonly string[] | number;
  /** Makes correlation ids; default random UUIDs. */
  readonly newId?: () => string;
  /** Adds routes that are no operations, before unknown addresses are refused. */
  readonly extend?: (app: Express) => void;
}

/**
 * The whole HTTP interface of a set of operations, as an Express application. It reads bodies itself, to hold its limits
 * and to refuse what is no UTF-8: mount it before body parsers such as `express.json()`, behind which every POST fails.
 * Throws where a schema is unfit.
 */
export function createHttpApi(options: HttpApiOptions): Express {
  const { operations, info, health = {}, metrics, localMetrics = true } = options;
  const app = express();
  const frame = frameOf(app, options);
  app.disable('x-powered-by').disable('etag').disable('query parser');
  app.use(securityHeaders());
  app.use(withoutSecretIds(operations));
  app.use(operationsByPath(operations, frame));
  const contracts = [...new Set([...operations.values()].map(({ contract }) => contract))];
  addGet(app, frame, '/openapi.json', fixedDocument(JSON_TYPE, JSON.stringify(openApiDocument(contracts, info))));
  addGet(app, frame, '/errors', fixedDocument('text/html; charset=utf-8', errorPage(errorTable(contracts))));
  mountDocs(app, frame);
  mountHealth(app, frame, health);
  if (metrics !== undefined) mountMetrics(app, frame, metrics, localMetrics && options.trustProxy === undefined);
  const pages = { docs: '/docs', openapi: '/openapi.json', errors: '/errors', live: '/livez', ready: '/readyz' };
  const links = Object.fromEntries(Object.entries(pages).map(([name, path]) => [name, frame.baseUrl + path]));
  const index = { name: info.title, version: info.version, links };
  addGet(app, frame, '/', (exchange) => sendSuccess(exchange, { data: index }, frame.positions, true));
  options.extend?.(app);
  app.use((request, response) => {
    sendFailure(exchangeOf(frame, request, response), new UnknownOperation('There is nothing at this address.'));
  });
  app.use(lastResort(frame));
  return app;
}

function frameOf(app: Express, options: HttpApiOptions): Frame {
  const { trustProxy } = options;
  if (trustProxy !== undefined) app.set('trust proxy', trustProxy);
  return {
    anonymous: options.anonymous,
    authenticate: options.authenticate,
    report: options.report,
    positions: options.positions ?? positionTokens('log'),
    rateLimitOf: options.rateLimitOf,
    answered: options.answered,
    addressOf:
      trustProxy === undefined ? (request) => request.socket.remoteAddress : (request) => (request as Request).ip,
    newId: options.newId ?? randomUUID,
    baseUrl: baseUrlOf(options.info.serverUrl),
    deadlineMs: options.deadlineMs ?? 10_000,
    bodyLimitBytes: options.bodyLimitBytes ?? 102_400,
  };
}

/** Helmet with the policy of an API: its answers are data, nothing in them is to be run, styled or framed. */
function securityHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    frameguard: { action: 'deny' },
  });
}

/** What one of the operations says must not be kept is no correlation id, at whatever address it comes. */
function withoutSecretIds(operations: HttpApiOptions['operations']): RequestHandler {
  const rules = new Set([...operations.values()].flatMap(({ mustNotBeKept }) => mustNotBeKept ?? []));
  const mustNotBeKept = (id: string): boolean => [...rules].some((rule) => rule(id));
  return ({ headers }, _response, next) => {
    dropIds(headers, mustNotBeKept);
    next();
  };
}

/** One look-up by path, however many operations there are; Express's own router would try one after another. */
function operationsByPath(operations: HttpApiOptions['operations'], frame: Frame): RequestHandler {
  const routes = new Map(
    [...operations.values()].map((operation) => [
      operation.path,
      operationRoute(operation, shapeOf(operation.word, operation.definition)),
    ]),
  );
  return (request, response, next) => {
    const { url } = request;
    const end = url.indexOf('?');
    const route = routes.get(end < 0 ? url : url.slice(0, end));
    if (route === undefined) return next();
    void serveOperation(route, frame, request, response);
  };
}

/**
 * What Express itself refuses (a path that is no percent-encoded UTF-8, a condition that a file does not meet), and what
 * an added route threw.
 */
function lastResort(frame: Frame): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const exchange = exchangeOf(frame, request, response);
    if (error instanceof URIError) return sendFailure(exchange, new MalformedRequest('The path cannot be decoded.'));
    if (isRefusal(error)) {
      return sendFailure(exchange, new MalformedRequest('The request cannot be answered as it is.'));
    }
    if (needsReport(error)) {
      frame.report(error, { correlationId: exchange.correlationId, where: 'http' });
    }
    sendFailure(exchange, error);
  };
}

/** Whether Express, or what it is made of, blames the client: its errors carry the status that they stand for. */
function isRefusal(error: unknown): boolean {
  const status: unknown = error instanceof Error ? Reflect.get(error, 'status') : undefined;
  return typeof status === 'number' && status >= 400 && status < 500;
}
