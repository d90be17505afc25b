import type { Express, Response } from 'express';
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { send, sendFailure, sendNotModified, type Exchange, type Frame } from './exchange.ts';
import { needsReport } from './failure.ts';
import { MethodNotAllowed } from './http-errors.ts';
import { correlationIdOf, matchesEtag } from './request-headers.ts';

/** Answers a GET; the response is Express's, for what only Express can do. */
export type GetHandler = (exchange: Exchange, response: Response) => void | Promise<void>;

/** Adds an address that is no operation and can only be read; it fails and refuses as operations do. */
export function addGet(app: Express, frame: Frame, path: string, handler: GetHandler): void {
  app.get(path, async (request, response) => {
    const exchange = exchangeOf(frame, request, response);
    try {
      await handler(exchange, response);
    } catch (error) {
      if (needsReport(error)) frame.report(error, { correlationId: exchange.correlationId, where: path });
      sendFailure(exchange, error);
    }
  });
  app.all(path, (request, response) =>
    sendFailure(exchangeOf(frame, request, response), methodNotAllowed(['GET', 'HEAD'])),
  );
}

export function exchangeOf(
  { newId, baseUrl }: Pick<Frame, 'newId' | 'baseUrl'>,
  request: IncomingMessage,
  response: ServerResponse,
): Exchange {
  return { request, response, correlationId: correlationIdOf(request.headers, newId), baseUrl };
}

export function methodNotAllowed(methods: readonly string[]): MethodNotAllowed {
  return new MethodNotAllowed(`This address takes ${methods.join(', ')}.`, { allow: [...methods] });
}

/** A document made once at start: browsers may keep it and ask whether it is still the same. */
export function fixedDocument(type: string, body: string): GetHandler {
  const etag = `"${hash('sha256', body, 'base64url').slice(0, 27)}"`;
  return (exchange) => {
    exchange.response.setHeader('ETag', etag);
    exchange.response.setHeader('Cache-Control', 'no-cache');
    if (matchesEtag(exchange.request.headers['if-none-match'], etag)) sendNotModified(exchange);
    else send(exchange, 200, type, body);
  };
}
