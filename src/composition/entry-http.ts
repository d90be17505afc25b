/** `portolan/http`: operations as an Express application, and the client that calls them from elsewhere. */
export type { AnsweredRequest } from '../application/shared/metrics.ts';
export type { RetryPolicy } from '../interfaces/http/client-retry.ts';
export type {
  Authenticate,
  RateLimitOf,
  RateLimitState,
  Report,
  ReportContext,
  RequestFacts,
} from '../interfaces/http/exchange.ts';
export type { HealthCheck, HealthOptions } from '../interfaces/http/health.ts';
export { createHttpApi, type HttpApiOptions } from '../interfaces/http/http-api.ts';
export {
  httpClient,
  type Fetch,
  type FetchAnswer,
  type FetchInit,
  type HttpClientOptions,
} from '../interfaces/http/http-client.ts';
export {
  MethodNotAllowed,
  NotAcceptable,
  RequestTooLarge,
  UnsupportedContent,
} from '../interfaces/http/http-errors.ts';
export { HttpServer, type CloseResult, type HttpServerOptions } from '../interfaces/http/http-server.ts';
export { openApiDocument, type ApiInfo } from '../interfaces/http/openapi.ts';
export { RemoteFailure } from '../interfaces/http/remote-failure.ts';
