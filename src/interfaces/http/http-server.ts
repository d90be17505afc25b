import { createServer, STATUS_CODES, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MalformedRequest } from '../../application/shared/errors.ts';
import { envelopeBody } from './failure.ts';
import { RequestTurns } from './request-turns.ts';

/** Limits against clients that are slow, greedy or broken; all times in milliseconds. */
export interface HttpServerOptions {
  /** From the first byte of a request to the end of its headers; default 10,000. */
  readonly headersTimeoutMs?: number;
  /** From the first byte of a request to the end of its body; default 30,000. */
  readonly requestTimeoutMs?: number;
  /** How long an idle connection is kept; default 75,000, longer than common load balancers keep theirs. */
  readonly keepAliveTimeoutMs?: number;
  /** How often the two request limits are checked; default 1,000. */
  readonly checkIntervalMs?: number;
  /** Longest head of a request; default 16,384. */
  readonly maxHeaderBytes?: number;
  /** Connections beyond this are closed at once; default none. */
  readonly maxConnections?: number;
}

/** How a server stopped. */
export interface CloseResult {
  /** Requests that were cut off at the deadline. */
  readonly cut: number;
}

/** How long a connection without a whole request is still waited for when the server stops. */
const QUIET_MS = 1_000;

/** Connections that may wait to be accepted: after a restart all clients come back at once. */
const BACKLOG = 4_096;

const BROKEN_REQUEST_STATUS: { readonly [code: string]: number } = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** An HTTP server that can stop without losing an answer. */
export class HttpServer {
  readonly #server: Server;
  readonly #inFlight = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  #draining = false;
  #closed: Promise<CloseResult> | undefined;

  constructor(handler: RequestListener, options: HttpServerOptions = {}) {
    const { headersTimeoutMs = 10_000, requestTimeoutMs = 30_000, keepAliveTimeoutMs = 75_000 } = options;
    const turns = new RequestTurns(handler);
    this.#server = createServer(
      {
        headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: keepAliveTimeoutMs,
        connectionsCheckingInterval: options.checkIntervalMs ?? 1_000,
        maxHeaderSize: options.maxHeaderBytes ?? 16_384,
      },
      (request, response) => {
        this.#track(response);
        turns.add(request, response);
      },
    );
    if (options.maxConnections !== undefined) this.#server.maxConnections = options.maxConnections;
    this.#server.on('clientError', (error, socket) => this.#answerBrokenRequest(error, socket as Socket));
    this.#server.on('connection', (socket) => {
      turns.connected();
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** True from `drain` or `close` on. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Requests that are being answered now. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Listens; resolves to the address, with the port that was chosen where `port` is 0. Rejects if it is taken. */
  listen(port: number, host: string): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, BACKLOG, () => {
        this.#server.off('error', reject);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /**
   * Goes on answering, but asks every client to close its connection. Closes none that is idle: a request may be on its
   * way there.
   */
  drain(): void {
    this.#draining = true;
    for (const response of this.#inFlight) response.shouldKeepAlive = false;
  }

  /** Takes no new connection, finishes what is under way, and after `deadlineMs` cuts what is left. Can be repeated. */
  close(deadlineMs: number): Promise<CloseResult> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<CloseResult> {
    this.drain();
    if (!this.#server.listening) return { cut: 0 };
    const ended = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    let cut = 0;
    const quiet = setTimeout(() => this.#closeQuietConnections(), Math.min(QUIET_MS, deadlineMs));
    const force = setTimeout(() => {
      cut = this.#inFlight.size;
      this.#server.closeAllConnections();
    }, deadlineMs);
    await ended;
    clearTimeout(quiet);
    clearTimeout(force);
    return { cut };
  }

  #track(response: ServerResponse): void {
    this.#inFlight.add(response);
    if (this.#draining) response.shouldKeepAlive = false;
    response.once('close', () => {
      this.#inFlight.delete(response);
      // An answer whose head was sent before the draining began did not announce the end of its connection.
      if (this.#closed !== undefined) setImmediate(() => this.#server.closeIdleConnections());
    });
  }

  /** A connection that has sent no whole request by now would hold up the stop until its deadline. */
  #closeQuietConnections(): void {
    const busy = new Set([...this.#inFlight].map(({ socket }) => socket));
    for (const socket of this.#sockets) if (!busy.has(socket)) socket.destroy();
  }

  /** Answers what the parser could not read, or what did not arrive in time, in the form of every other failure. */
  #answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
    const answered = [...this.#inFlight].some((response) => response.socket === socket && response.headersSent);
    if (!socket.writable || answered || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status = BROKEN_REQUEST_STATUS[error.code ?? ''] ?? 400;
    const message = STATUS_CODES[status] ?? '';
    const failure = { status, code: MalformedRequest.code, message, details: {}, retryAfterSeconds: undefined };
    const body = JSON.stringify(envelopeBody(failure, new Date()));
    socket.end(
      `HTTP/1.1 ${status} ${message}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      () => socket.destroy(),
    );
  }
}
