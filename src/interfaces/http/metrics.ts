import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';
import { isPermitted } from '../../application/shared/call.ts';
import { PermissionDenied, Unauthenticated } from '../../application/shared/errors.ts';
import type { Exchange, Frame, Report } from './exchange.ts';
import { send } from './exchange.ts';
import { addGet } from './get-route.ts';
import { HttpServer } from './http-server.ts';
import { isLocalCaller } from './request-headers.ts';

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';
/** What `/metrics` on the port of the API asks for; it belongs to no contract. */
export const METRICS_PERMISSION = {
  permission: 'metrics:read',
  summary: 'Read /metrics on the port of the API',
} as const;
const PERMISSION = METRICS_PERMISSION.permission;

/**
 * Adds `/metrics` for those who hold the permission `metrics:read` and, if `openToThisMachine`, for callers on this
 * machine. A proxy on it that adds no header about whom it forwards makes everybody look like one.
 */
export function mountMetrics(
  app: Express,
  frame: Frame,
  metrics: () => Promise<string>,
  openToThisMachine: boolean,
): void {
  addGet(app, frame, '/metrics', async (exchange) => {
    const { request } = exchange;
    const isOpen = openToThisMachine && isLocalCaller(request.socket.remoteAddress, request.headers);
    if (!isOpen) await authorise(exchange, frame);
    send(exchange, 200, TEXT_FORMAT, await metrics());
  });
}

async function authorise({ request, correlationId }: Exchange, frame: Frame): Promise<void> {
  const { headers } = request;
  const { authorization } = headers;
  if (authorization === undefined) throw new Unauthenticated(`This needs the permission ${PERMISSION}.`);
  const address = frame.addressOf(request);
  const principal = await frame.authenticate(authorization, { address, correlationId, headers });
  if (!isPermitted(principal, PERMISSION)) {
    throw new PermissionDenied(`This needs the permission ${PERMISSION}.`, { permission: PERMISSION });
  }
}

/** A server for `/metrics` alone, for a port that only the monitoring can reach; it asks nobody who he is. */
export function createMetricsServer(metrics: () => Promise<string>, report: Report): HttpServer {
  return new HttpServer((request, response) => void serveMetrics(request, response, metrics, report));
}

async function serveMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: () => Promise<string>,
  report: Report,
): Promise<void> {
  if (request.method !== 'GET' || request.url !== '/metrics') {
    response.writeHead(404).end();
    return;
  }
  try {
    const text = await metrics();
    response.writeHead(200, { 'Content-Type': TEXT_FORMAT }).end(text);
  } catch (error) {
    report(error, { where: 'metrics' });
    response.writeHead(500).end();
  }
}
