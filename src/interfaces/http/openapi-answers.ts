import type { DomainErrorClass, ErrorDetails } from '../../domain/shared/domain-error.ts';
import type { OperationDefinition } from '../../application/shared/contract.ts';
import * as frame from '../../application/shared/errors.ts';
import { envelopeBody, problemBody, type Failure } from './failure.ts';
import { NotAcceptable, RequestTooLarge, statusOf, UNEXPECTED, UnsupportedContent } from './http-errors.ts';

type Part = { readonly [key: string]: unknown };

const EXAMPLE_TIME = new Date('2027-01-31T12:00:00.000Z');
const EXAMPLE_DETAILS: ReadonlyMap<string, ErrorDetails> = new Map<string, ErrorDetails>([
  [frame.InvalidInput.code, { issues: [{ path: 'field', message: 'what is wrong with it' }] }],
  [frame.CommandInProgress.code, { retryAfterSeconds: 1 }],
  [frame.RateLimited.code, { retryAfterSeconds: 30, limit: 60, remaining: 0, windowSeconds: 60 }],
  [UNEXPECTED.code, { correlationId: '0b7c1f3e-6a54-4a8e-9d0c-3f1f5d1f7a11' }],
]);

const text = { type: 'string' };
const instant = { type: 'string', format: 'date-time' };
const object = (properties: Part, required: readonly string[]): Part => ({ type: 'object', properties, required });

const DETAILS = object(
  {
    issues: {
      type: 'array',
      description: 'The fields of the input that are at fault, by their paths, such as `amount.amount`',
      items: object({ path: text, message: text }, ['path', 'message']),
    },
  },
  [],
);

/** The schemas of what surrounds data and errors. */
export const ENVELOPE_SCHEMAS: Part = {
  Meta: object(
    {
      correlationId: { ...text, description: 'Names this request in logs' },
      position: { ...text, description: 'Log position of the change; a query with it as `after` sees the change' },
      replayed: { type: 'boolean', description: 'True when this is the answer to an earlier, identical command' },
      nextCursor: { ...text, description: 'Cursor of the next page; absent on the last one' },
    },
    ['correlationId'],
  ),
  Failure: object(
    {
      success: { const: false },
      error: object({ code: text, message: text, details: DETAILS }, ['code', 'message', 'details']),
      timestamp: instant,
    },
    ['success', 'error', 'timestamp'],
  ),
  Problem: object(
    {
      type: { type: 'string', format: 'uri-reference' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: text,
      details: DETAILS,
      timestamp: instant,
    },
    ['type', 'title', 'status', 'detail', 'code'],
  ),
};

/** The success envelope around an operation's data. */
export const successSchema = (data: unknown): Part =>
  object(
    {
      success: { const: true },
      data,
      message: text,
      meta: { $ref: '#/components/schemas/Meta' },
      timestamp: instant,
    },
    ['success', 'data', 'meta', 'timestamp'],
  );

/** Errors of the frame that this operation can meet at its documented method. */
function frameErrors({ kind }: OperationDefinition, method: 'get' | 'post'): readonly DomainErrorClass[] {
  const all = [frame.InvalidInput, frame.MalformedRequest, frame.Unauthenticated, frame.PermissionDenied];
  const time = [frame.RateLimited, frame.DeadlineExceeded, frame.ServiceUnavailable];
  const body = method === 'post' ? [RequestTooLarge, UnsupportedContent] : [];
  const keyed = [frame.IdempotencyKeyMissing, frame.IdempotencyKeyReused, frame.CommandInProgress, frame.ResourceBusy];
  if (kind === 'command') return [...all, ...time, ...body, ...keyed];
  return [...all, ...time, ...body, frame.PositionUnavailable, ...(kind === 'stream' ? [NotAcceptable] : [])];
}

/** Collects the error answers of all operations; those that several operations share are written once. */
export class ErrorAnswers {
  readonly #responses = new Map<string, { readonly name: string; readonly response: Part }>();
  readonly #examples = new Map<string, Part>();
  readonly #baseUrl: string;

  /** `baseUrl`: what links to pages of the server begin with. */
  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  /** The error responses of one operation, by status. */
  of(definition: OperationDefinition, method: 'get' | 'post'): Part {
    const byStatus = new Map<number, Set<string>>([
      [UNEXPECTED.status, new Set([this.#example(failureOf(UNEXPECTED))])],
    ]);
    for (const type of [...definition.errors, ...frameErrors(definition, method)]) {
      const failure = failureOf({ code: type.code, status: statusOf(type), message: sentence(type.name) });
      const codes = byStatus.get(failure.status) ?? new Set();
      byStatus.set(failure.status, codes.add(this.#example(failure)));
    }
    return Object.fromEntries(
      [...byStatus].map(([status, codes]) => [status, this.#response(status, [...codes].sort())]),
    );
  }

  get responses(): Part {
    return Object.fromEntries([...this.#responses.values()].map(({ name, response }) => [name, response]));
  }

  get examples(): Part {
    return Object.fromEntries(this.#examples);
  }

  #response(status: number, codes: readonly string[]): Part {
    const key = codes.join(' ');
    const number = [...this.#responses.values()].filter(({ name }) => name.startsWith(`${status}.`)).length + 1;
    const known = this.#responses.get(key) ?? { name: `${status}.${number}`, response: responseOf(status, codes) };
    this.#responses.set(key, known);
    return { $ref: `#/components/responses/${known.name}` };
  }

  #example(failure: Failure): string {
    this.#examples.set(failure.code, { value: envelopeBody(failure, EXAMPLE_TIME) });
    this.#examples.set(`${failure.code}.problem`, { value: problemBody(failure, EXAMPLE_TIME, this.#baseUrl) });
    return failure.code;
  }
}

const failureOf = ({ code, status, message }: Pick<Failure, 'code' | 'status' | 'message'>): Failure => ({
  code,
  status,
  message,
  details: EXAMPLE_DETAILS.get(code) ?? {},
  retryAfterSeconds: undefined,
});

/** `InsufficientBalance` as words, to stand for a message. */
const sentence = (name: string): string =>
  `${name.charAt(0)}${name.slice(1).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}.`;

function responseOf(status: number, codes: readonly string[]): Part {
  const examples = (suffix: string): Part =>
    Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}${suffix}` }]));
  const headers: { [name: string]: Part } = { 'X-Correlation-Id': { $ref: '#/components/headers/CorrelationId' } };
  if ([409, 429, 503].includes(status)) headers['Retry-After'] = { $ref: '#/components/headers/RetryAfter' };
  if (status === 429) Object.assign(headers, RATE_LIMIT_HEADERS);
  return {
    description: codes.join(', '),
    headers,
    content: {
      'application/json': { schema: { $ref: '#/components/schemas/Failure' }, examples: examples('') },
      'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, examples: examples('.problem') },
    },
  };
}

/** Headers of every answer to a call that a rate limit holds for. */
export const RATE_LIMIT_HEADERS: { readonly [name: string]: Part } = {
  'RateLimit-Limit': { $ref: '#/components/headers/RateLimitLimit' },
  'RateLimit-Remaining': { $ref: '#/components/headers/RateLimitRemaining' },
  'RateLimit-Reset': { $ref: '#/components/headers/RateLimitReset' },
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
};
