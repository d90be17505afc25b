import { clientOf, needsKey, type Answer, type CallOptions, type Client } from '../../application/shared/client.ts';
import type { ContextContract, OperationDefinition } from '../../application/shared/contract.ts';
import {
  CommandInProgress,
  DeadlineExceeded,
  ResourceBusy,
  ServiceUnavailable,
  UnknownOperation,
} from '../../application/shared/errors.ts';
import { spell } from '../../application/shared/spelling.ts';
import { CallTime, repeat, unlessAborted, type Outcome, type RetryPolicy } from './client-retry.ts';
import { jsonLines } from './json-lines.ts';
import { errorOf, field, RemoteFailure } from './remote-failure.ts';

/** The part of `fetch` that the client uses, so that any implementation fits. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>;

export interface FetchInit {
  readonly method: string;
  readonly headers: { [name: string]: string };
  readonly body: string;
  readonly signal: AbortSignal;
  readonly redirect: 'error';
}

export interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
  text(): Promise<string>;
}

export interface HttpClientOptions {
  /** `https://cards.example.com`, without the path of an operation. */
  readonly baseUrl: string;
  /** A bearer token, or where to get a fresh one for each attempt; that counts towards `deadlineMs`. */
  readonly token?: string | (() => string | Promise<string>);
  readonly fetch?: Fetch;
  /** Time for one call with all its attempts; for a stream, until it begins; default 10,000. */
  readonly deadlineMs?: number;
  readonly retry?: Partial<RetryPolicy>;
}

/**
 * A client of a remote server, typed by the contracts that it offers. Input travels in bodies, never in URLs. A command
 * that needs an idempotency key gets one, and is repeated under it when the connection breaks or the server asks to try
 * again: it is carried out once. Failures are thrown as the error classes of the contract, `ServiceUnavailable` when
 * the server cannot be reached, `DeadlineExceeded` when time is up, `RemoteFailure` for an answer outside the contract.
 */
export function httpClient<const C extends readonly ContextContract[]>(
  contracts: C,
  options: HttpClientOptions,
): Client<C> {
  const { deadlineMs = 10_000, retry = {}, fetch: send = fetch as Fetch } = options;
  const targets = targetsOf(contracts, options);
  const find = (word: string): Target => {
    const target = targets.get(word);
    if (target === undefined) throw new UnknownOperation(`There is no operation ${word}.`);
    return target;
  };
  return clientOf(contracts, {
    async call(word, input, callOptions = {}) {
      const target = find(word);
      const prepare = preparation(target, input, callOptions, options);
      const time = new CallTime(callOptions.signal, deadlineMs);
      try {
        return await repeat(retry, time, async () => attempt(target, send, await prepare(time.signal), answerOf));
      } finally {
        time.end();
      }
    },
    async *stream(word, input, callOptions = {}) {
      const target = find(word);
      const prepare = preparation(target, input, callOptions, options);
      const time = new CallTime(callOptions.signal, deadlineMs);
      try {
        const begun = await repeat(retry, time, async () => attempt(target, send, await prepare(time.signal), unread));
        time.liftDeadline();
        yield* jsonLines(begun.body ?? []);
      } catch (error) {
        throw callOptions.signal?.aborted === true ? callOptions.signal.reason : error;
      } finally {
        time.end();
      }
    },
  });
}

interface Target {
  readonly url: string;
  readonly definition: OperationDefinition;
}

function targetsOf(contracts: readonly ContextContract[], { baseUrl }: HttpClientOptions): ReadonlyMap<string, Target> {
  const base = baseUrl.replace(/\/+$/, '');
  const targets = new Map<string, Target>();
  for (const contract of contracts) {
    for (const [verb, definition] of Object.entries(contract.operations)) {
      const { word, path } = spell(contract, verb);
      targets.set(word, { url: base + path, definition });
    }
  }
  return targets;
}

/** Writes a request once, so that all attempts are the same command; only the token may be another. */
function preparation(
  { definition }: Target,
  input: unknown,
  callOptions: CallOptions,
  { token }: HttpClientOptions,
): (signal: AbortSignal) => Promise<FetchInit> {
  const stream = definition.kind === 'stream';
  const body = JSON.stringify(input ?? {});
  const headers: { [name: string]: string } = {
    accept: stream ? 'application/x-ndjson, application/json;q=0.5' : 'application/json',
    'content-type': 'application/json',
  };
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) headers[name] = value;
  };
  add('idempotency-key', callOptions.idempotencyKey ?? (needsKey(definition) ? crypto.randomUUID() : undefined));
  add('portolan-after', callOptions.after);
  add('x-correlation-id', callOptions.correlationId);
  add('traceparent', callOptions.traceParent);
  return async (signal) => {
    const current = typeof token === 'function' ? await unlessAborted(signal, token()) : token;
    add('authorization', current === undefined ? undefined : `Bearer ${current}`);
    return { method: 'POST', headers: { ...headers }, body, signal, redirect: 'error' };
  };
}

/** Statuses after which the same request may succeed: too many calls, and servers or proxies that are away. */
const TRY_AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Conflicts of the request itself, which pass within seconds. One of the business waits for something else, a batch for
 * minutes: only its caller knows if that is worth waiting for, also where `Retry-After` says how often to ask.
 */
export const PASSING_CONFLICTS = [CommandInProgress, ResourceBusy] as const;

async function attempt<T>(
  { url, definition }: Target,
  send: Fetch,
  request: FetchInit,
  read: (answer: FetchAnswer) => T | Promise<T>,
): Promise<Outcome<T>> {
  try {
    const answer = await send(url, request);
    if (answer.status === 200) return { kind: 'done', value: await read(answer) };
    const correlationId = answer.headers.get('x-correlation-id') ?? undefined;
    const error = errorOf(definition, answer.status, parse(await answer.text()), correlationId);
    const retryAfterMs = secondsToMs(answer.headers.get('retry-after'));
    const mayPass = TRY_AGAIN.has(answer.status) || PASSING_CONFLICTS.some((type) => error instanceof type);
    // What a query could not do in the server's time it can't do in the same time again.
    const again = mayPass && !(error instanceof DeadlineExceeded && definition.kind !== 'command');
    return { kind: 'failed', error, again, retryAfterMs };
  } catch (cause) {
    if (cause instanceof RemoteFailure) return { kind: 'failed', error: cause, again: false };
    const error = new ServiceUnavailable('The server cannot be reached.');
    error.cause = cause;
    return { kind: 'failed', error, again: true };
  }
}

const unread = (answer: FetchAnswer): FetchAnswer => answer;

async function answerOf(answer: FetchAnswer): Promise<Answer> {
  const envelope = parse(await answer.text());
  const meta = field(envelope, 'meta');
  if (field(envelope, 'success') !== true || typeof meta !== 'object') {
    throw new RemoteFailure('The answer is not one of this interface.', answer.status);
  }
  return envelope as Answer;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not an answer of this interface, but perhaps of a proxy before it: the status says more than the text.
    return undefined;
  }
}

function secondsToMs(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}
