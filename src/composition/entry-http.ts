/** `portolan/http`: operations as an Express application, and the client that calls them from elsewhere. */
export { createHttpApi, type HttpApiOptions } from '../interfaces/http/http-api.ts';
export { httpClient, type HttpClientOptions } from '../interfaces/http/http-client.ts';
export { HttpServer, type CloseResult, type HttpServerOptions } from '../interfaces/http/http-server.ts';
export { openApiDocument, type ApiInfo } from '../interfaces/http/openapi.ts';
export { RemoteFailure } from '../interfaces/http/remote-failure.ts';
