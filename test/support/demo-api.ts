import { once } from 'node:events';
import { connect } from 'node:net';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Express } from 'express';
import type { Call, Principal } from '../../src/application/shared/call.ts';
import { Unauthenticated } from '../../src/application/shared/errors.ts';
import {
  compile,
  type CompiledOperation,
  type Handlers,
  type PipelineHooks,
} from '../../src/application/shared/pipeline.ts';
import type { Authenticate, ReportContext } from '../../src/interfaces/http/exchange.ts';
import { createHttpApi, type HttpApiOptions } from '../../src/interfaces/http/http-api.ts';
import { HttpServer, type HttpServerOptions } from '../../src/interfaces/http/http-server.ts';
import { parcels, PARCEL_ERRORS, ParcelNotFound, type Parcels } from './demo-contract.ts';

export const anyone: Principal = {
  id: 'anonymous',
  kind: 'anonymous',
  tenant: 'default',
  permissions: new Set(['parcels:*']),
};

export const clerk: Principal = { id: 'user:clerk', kind: 'user', tenant: 'default', permissions: new Set(['*']) };

/** What one demo server saw, for tests to look at. */
export interface DemoApi {
  readonly url: string;
  readonly port: number;
  readonly server: HttpServer;
  readonly operations: ReadonlyMap<string, CompiledOperation>;
  /** The calls that reached a handler, with their validated input. */
  readonly calls: { readonly input: unknown; readonly call: Call }[];
  readonly reports: { readonly error: unknown; readonly context: ReportContext }[];
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

export interface DemoOptions {
  readonly handlers?: Partial<Handlers<Parcels>>;
  readonly hooks?: PipelineHooks;
  readonly api?: Partial<HttpApiOptions>;
  readonly server?: HttpServerOptions;
  readonly extend?: (app: Express) => void;
  /** Mounts the API in another application. */
  readonly mount?: (api: Express) => Express;
}

const started: HttpServer[] = [];

/** Closes the servers that a test has started; for `afterEach`. */
export async function closeDemoApis(): Promise<void> {
  await Promise.all(started.splice(0).map((server) => server.close(0)));
}

export const authenticate: Authenticate = (authorization) => {
  if (authorization === 'Bearer clerk') return clerk;
  if (authorization === 'Bearer reader') return { ...clerk, id: 'user:reader', permissions: new Set(['parcels:find']) };
  if (authorization === 'Bearer later') return sleep(1).then(() => clerk);
  throw new Unauthenticated('These credentials do not hold.');
};

/** Starts a real server with the demo contract on a free port. */
export async function startDemoApi(options: DemoOptions = {}): Promise<DemoApi> {
  const calls: DemoApi['calls'] = [];
  const reports: DemoApi['reports'] = [];
  const operations = compile(parcels, { ...demoHandlers(calls), ...options.handlers }, { hash, ...options.hooks });
  const api = createHttpApi({
    operations,
    info: { title: 'Parcels', version: '1.2.3' },
    anonymous: anyone,
    authenticate,
    report: (error, context) => reports.push({ error, context }),
    ...options.api,
  });
  const server = new HttpServer(options.mount?.(api) ?? api, options.server);
  started.push(server);
  const { port } = await server.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    server,
    operations,
    calls,
    reports,
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path, headers = {}) => fetch(url + path, { headers }),
  };
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

function demoHandlers(calls: DemoApi['calls']): Handlers<Parcels> {
  const parcel = { id: 'p1', note: 'glass', weight: { grams: 5 } };
  const seen = (input: unknown, call: Call): void => void calls.push({ input, call });
  return {
    send: async (input, call) => {
      seen(input, call);
      return { data: { ...parcel, note: input.note }, position: 42n, replayed: false, message: 'On its way.' };
    },
    echo: async (input, call) => {
      seen(input, call);
      return { data: input };
    },
    fail: async (input, call) => {
      seen(input, call);
      if (input.kind === 'bug') throw new TypeError('secret internals');
      const { retryAfterSeconds } = input;
      throw new PARCEL_ERRORS[input.kind](
        `Told to fail as ${input.kind}.`,
        retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
      );
    },
    find: async (input, call) => {
      seen(input, call);
      if (input.text === 'nothing') throw new ParcelNotFound('No such parcel.', { text: input.text });
      return { data: { found: input as never }, nextCursor: 'next' };
    },
    open: async (input, call) => {
      seen(input, call);
      return { data: parcel };
    },
    byRecipient: async (input, call) => {
      seen(input, call);
      return { data: [parcel] };
    },
    list: async function* (input, call) {
      seen(input, call);
      for (let number = 0; number < input.count; number++) {
        if (number === input.failAt) throw new Error('the disk is full');
        yield { ...parcel, id: `p${number}` };
      }
    },
    numbers: async function* () {
      yield 1;
    },
  };
}

/** Sends raw text over a socket and gives everything that comes back until the connection ends. */
export async function rawExchange(port: number, ...parts: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return received;
}
