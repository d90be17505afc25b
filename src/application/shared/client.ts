import { MAX_ACTOR_LENGTH, type Call, type Principal, type Reply } from './call.ts';
import type { ContextContract, InputOf, LibraryInputOf, OperationDefinition, OutputOf } from './contract.ts';
import { UnknownOperation } from './errors.ts';
import type { CompiledOperation, MustNotBeKept } from './pipeline.ts';
import { positionTokens, type PositionTokens } from './position-tokens.ts';
import { spell } from './spelling.ts';
import { isCorrelationId, traceHeaders } from './trace-context.ts';

/** What a caller may say besides the input. */
export interface CallOptions {
  /** Chosen by the client where a command comes without one. */
  readonly idempotencyKey?: string;
  /** A `position` from an earlier answer: a query then sees that change. */
  readonly after?: string;
  /**
   * 1 to 128 of `A-Z a-z 0-9 . _ : -`; in place of any other text, and of one that the operation says must not be kept,
   * a new one is made, which the answer tells.
   */
  readonly correlationId?: string;
  /** A W3C `traceparent`; text that is none is ignored. */
  readonly traceParent?: string;
  readonly signal?: AbortSignal;
}

/** What an answer says about itself. */
export interface AnswerMeta {
  readonly correlationId: string;
  /** Log position of the change, for `after`. */
  readonly position?: string | undefined;
  /** True when this is the answer to an earlier, identical command. */
  readonly replayed?: boolean | undefined;
  readonly nextCursor?: string | undefined;
}

/** Data together with what surrounds it. */
export interface Answer<Data = unknown> {
  readonly data: Data;
  readonly message?: string | undefined;
  readonly meta: AnswerMeta;
}

/** How one operation is called: with its data as result, or as an async iterable of items. */
type Method<O extends OperationDefinition> = O['kind'] extends 'stream'
  ? (input: InputOf<O>, options?: CallOptions) => AsyncIterable<OutputOf<O>>
  : (input: InputOf<O>, options?: CallOptions) => Promise<OutputOf<O>>;

/** The operations of one context. */
export type ContextClient<C extends ContextContract> = {
  readonly [V in keyof C['operations']]: Method<C['operations'][V]>;
};

/**
 * The same calls whatever is in between: `client.GiftCard.redeem(input)`. Failures are thrown as the error classes of
 * the contract. `call` and `stream` take an operation by its word and give what surrounds the data as well.
 */
export type Client<C extends readonly ContextContract[]> = {
  readonly [K in C[number] as K['noun']]: ContextClient<K>;
} & Caller;

/** Calls by word, for code that learns only at run time what it calls. */
export interface Caller {
  call(word: string, input: unknown, options?: CallOptions): Promise<Answer>;
  stream(word: string, input: unknown, options?: CallOptions): AsyncIterable<unknown>;
}

/** What a caller in the same process may say besides. */
export interface InProcessCallOptions extends CallOptions {
  /** A transaction of the caller's that a command joins, as the repository's adapter has it: a client of `pg`. */
  readonly unit?: unknown;
}

type InProcessMethod<O extends OperationDefinition> = O['kind'] extends 'stream'
  ? (input: LibraryInputOf<O>, options?: InProcessCallOptions) => AsyncIterable<OutputOf<O>>
  : (input: LibraryInputOf<O>, options?: InProcessCallOptions) => Promise<OutputOf<O>>;

/** A client of operations in the same process: inputs may be as wide as the contract's `libraryInput`. */
export type InProcessClient<C extends readonly ContextContract[]> = {
  readonly [K in C[number] as K['noun']]: {
    readonly [V in keyof K['operations']]: InProcessMethod<K['operations'][V]>;
  };
} & Caller;

/** Builds a client on the two calls that a transport knows. Throws where two contracts share a noun. */
export function clientOf<const C extends readonly ContextContract[]>(contracts: C, caller: Caller): Client<C> {
  const client: { [noun: string]: unknown } = { call: caller.call, stream: caller.stream };
  for (const contract of contracts) {
    if (client[contract.noun] !== undefined) throw new Error(`Two contracts have the noun ${contract.noun}.`);
    const methods: { [verb: string]: unknown } = {};
    for (const [verb, { kind }] of Object.entries(contract.operations)) {
      const { word } = spell(contract, verb);
      methods[verb] =
        kind === 'stream'
          ? (input: unknown, options?: CallOptions) => caller.stream(word, input, options)
          : async (input: unknown, options?: CallOptions) => (await caller.call(word, input, options)).data;
    }
    client[contract.noun] = methods;
  }
  return client as Client<C>;
}

/** Who calls in the same process, and where its ids come from. */
export interface InProcessOptions {
  readonly principal: Principal;
  /** Makes correlation ids and idempotency keys. */
  readonly newId: () => string;
  readonly positions?: PositionTokens;
}

/**
 * A client of operations in the same process. It never repeats a call: no answer is lost on the way. Throws `TypeError`
 * for a principal whose id is empty or too long.
 */
export function inProcessClient<const C extends readonly ContextContract[]>(
  contracts: C,
  operations: ReadonlyMap<string, CompiledOperation>,
  { principal, newId, positions = positionTokens('log') }: InProcessOptions,
): InProcessClient<C> {
  if (principal.id === '' || principal.id.length > MAX_ACTOR_LENGTH) {
    throw new TypeError(`The id of a principal has 1 to ${MAX_ACTOR_LENGTH} characters.`);
  }
  const find = (word: string): CompiledOperation => {
    const operation = operations.get(word);
    if (operation === undefined) throw new UnknownOperation(`There is no operation ${word}.`);
    return operation;
  };
  const correlationIdOf = (given: string | undefined, mustNotBeKept: MustNotBeKept = () => false): string =>
    given !== undefined && isCorrelationId(given) && !mustNotBeKept(given) ? given : newId();
  const callOf = ({ definition, mustNotBeKept }: CompiledOperation, options: InProcessCallOptions): Call => ({
    principal,
    inProcess: true,
    unit: options.unit,
    correlationId: correlationIdOf(options.correlationId, mustNotBeKept),
    traceParent: traceHeaders(options.traceParent).traceparent,
    idempotencyKey: options.idempotencyKey ?? (needsKey(definition) ? newId() : undefined),
    after: options.after === undefined ? undefined : positions.parse(options.after),
    signal: options.signal,
  });
  const client: unknown = clientOf(contracts, {
    async call(word, input, options = {}) {
      const operation = find(word);
      const call = callOf(operation, options);
      const reply = (await operation.invoke(input, call)) as Reply<unknown>;
      const { data, message, position, replayed, nextCursor } = reply;
      const token = position === undefined ? undefined : positions.format(position);
      return { data, message, meta: { correlationId: call.correlationId, position: token, replayed, nextCursor } };
    },
    async *stream(word, input, options = {}) {
      const operation = find(word);
      yield* (await operation.invoke(input, callOf(operation, options))) as AsyncIterable<unknown>;
    },
  });
  return client as InProcessClient<C>;
}

/** True for commands that are carried out once by their key. */
export function needsKey(definition: OperationDefinition): boolean {
  return definition.kind === 'command' && definition.idempotency === 'required';
}
