import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Call, Principal, Reply } from '../../application/shared/call.ts';
import { PermissionDenied, Unauthenticated, type DeadlineExceeded } from '../../application/shared/errors.ts';
import type { CompiledOperation } from '../../application/shared/pipeline.ts';
import { traceIdOf } from '../../application/shared/trace-context.ts';
import { Deadline } from './deadline.ts';
import { sendFailure, sendSuccess, setRateLimit, type Exchange, type Frame } from './exchange.ts';
import { needsReport } from './failure.ts';
import { exchangeOf, methodNotAllowed } from './get-route.ts';
import type { OperationShape } from './operation-shape.ts';
import { queryInput } from './query-input.ts';
import { checkBodyHeaders, readJsonBody } from './request-body.ts';
import { idempotencyKeyOf, traceParentOf } from './request-headers.ts';
import { waitedMs } from './request-turns.ts';
import { sendStream, streamFormat } from './stream-response.ts';

/** What is noted where the client hung up before the answer was sent. */
const CLIENT_CLOSED_REQUEST = 499;

/** One operation at its address. */
export interface OperationRoute {
  readonly operation: CompiledOperation;
  readonly shape: OperationShape;
  /** For the `Allow` header: POST always, GET where the input fits into a URL. */
  readonly methods: readonly string[];
}

export function operationRoute(operation: CompiledOperation, shape: OperationShape): OperationRoute {
  const inUrl =
    shape.queryFields === undefined ? [] : operation.definition.kind === 'stream' ? ['GET'] : ['GET', 'HEAD'];
  return { operation, shape, methods: [...inUrl, 'POST'] };
}

/** Answers one request to an operation: who, what, within which time; then the operation's own pipeline. */
export async function serveOperation(
  { operation, shape, methods }: OperationRoute,
  frame: Frame,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange = exchangeOf(frame, request, response);
  const { method = '' } = request;
  const { kind } = operation.definition;
  if (method === 'OPTIONS') return sendOptions(response, methods);
  // Its caller has been waiting since it came.
  const waited = waitedMs(request);
  const deadline = new Deadline(response, [frame.deadlineMs, waited], (reason) => giveUp(exchange, reason));
  let principal = frame.anonymous;
  if (frame.answered !== undefined) noteAnswer(exchange, frame.answered, operation.path, waited, () => principal);
  try {
    if (!methods.includes(method)) throw methodNotAllowed(methods);
    const byBody = method === 'POST';
    if (byBody) checkBodyHeaders(request, frame.bodyLimitBytes);
    const identified = identify(exchange, frame);
    principal = identified instanceof Promise ? await identified : identified;
    const { input, after } = byBody
      ? { input: await readJsonBody(request, frame.bodyLimitBytes), after: undefined }
      : queryInput(queryOf(request), shape.queryFields ?? new Map());
    const format = kind === 'stream' ? streamFormat(request.headers.accept, shape.output) : undefined;
    deadline.signal.throwIfAborted();
    const call = callOf(
      exchange,
      frame,
      principal,
      kind === 'command' ? undefined : (after ?? afterHeader(request)),
      deadline,
    );
    const answer = operation.invoke(input, call);
    const result = await (frame.rateLimitOf === undefined
      ? answer
      : answer.finally(() => tellLimit(frame, operation, call, response)));
    if (format !== undefined) {
      await sendStream(exchange, result as AsyncIterable<unknown>, format, deadline);
    } else if (!response.headersSent && !response.destroyed) {
      sendSuccess(exchange, result as Reply<unknown>, frame.positions, !byBody);
    }
  } catch (error) {
    fail(exchange, frame, operation, principal, deadline, error);
  }
}

/** Tells about the request once it is over, however it ended. */
function noteAnswer(
  { request, response, correlationId }: Exchange,
  answered: NonNullable<Frame['answered']>,
  route: string,
  waited: number,
  principal: () => Principal,
): void {
  const startedAt = performance.now() - waited;
  response.once('close', () =>
    answered({
      ...{ method: request.method ?? '', route, correlationId, principalId: principal().id },
      status: response.writableFinished ? response.statusCode : CLIENT_CLOSED_REQUEST,
      durationMs: performance.now() - startedAt,
      traceId: traceIdOf(traceParentOf(request.headers)),
    }),
  );
}

function identify(exchange: Exchange, frame: Frame): Principal | Promise<Principal> {
  const { request, correlationId } = exchange;
  const { headers } = request;
  if (headers.authorization === undefined) return frame.anonymous;
  return frame.authenticate(headers.authorization, { address: frame.addressOf(request), correlationId, headers });
}

function callOf(
  { request, correlationId }: Exchange,
  frame: Frame,
  principal: Principal,
  after: string | undefined,
  { signal }: Deadline,
): Call {
  const { headers } = request;
  return {
    principal,
    correlationId,
    causationId: undefined,
    traceParent: traceParentOf(headers),
    idempotencyKey: idempotencyKeyOf(headers),
    after: after === undefined ? undefined : frame.positions.parse(after),
    signal,
    address: frame.addressOf(request),
  };
}

function afterHeader({ headers }: IncomingMessage): string | undefined {
  const given = headers['portolan-after'];
  return typeof given === 'string' ? given : undefined;
}

function queryOf({ url = '' }: IncomingMessage): string {
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start + 1);
}

function tellLimit(frame: Frame, operation: CompiledOperation, call: Call, response: ServerResponse): void {
  const state = frame.rateLimitOf?.(operation, call);
  if (state !== undefined && !response.headersSent) setRateLimit(response, state);
}

function sendOptions(response: ServerResponse, methods: readonly string[]): void {
  response.writeHead(204, { Allow: [...methods, 'OPTIONS'].join(', ') }).end();
}

/** Answers at the deadline whether the handler listens to the signal or not; a stream under way is cut. */
function giveUp(exchange: Exchange, reason: DeadlineExceeded): void {
  if (exchange.response.headersSent) exchange.response.socket?.resetAndDestroy();
  else sendFailure(exchange, reason);
}

function fail(
  exchange: Exchange,
  frame: Frame,
  { word }: CompiledOperation,
  principal: Principal,
  deadline: Deadline,
  error: unknown,
): void {
  if (deadline.explains(error)) return;
  const { response, correlationId } = exchange;
  // Nobody but the log learns why a stream was cut.
  const cut = response.headersSent && !deadline.signal.aborted;
  if (needsReport(error) || cut) frame.report(error, { correlationId, where: word });
  // Somebody who gave no credentials is asked for them, not told that his lack the permission.
  const anonymous = error instanceof PermissionDenied && principal.kind === 'anonymous';
  sendFailure(exchange, anonymous ? new Unauthenticated(error.message, error.details) : error);
}
