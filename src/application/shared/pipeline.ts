import type { z } from 'zod';
import type { ErrorDetails } from '../../domain/shared/domain-error.ts';
import { isPermitted, type Call, type Reply } from './call.ts';
import type { ContextContract, OperationDefinition, OutputOf, ParsedInputOf } from './contract.ts';
import { IdempotencyKeyMissing, InvalidInput, PermissionDenied } from './errors.ts';
import { spell, type Spelling } from './spelling.ts';

/** Carries out one operation on validated input. */
export type Handler<O extends OperationDefinition> = (
  input: ParsedInputOf<O>,
  call: Call,
) => O['kind'] extends 'stream' ? AsyncIterable<OutputOf<O>> : Promise<Reply<OutputOf<O>>>;

/** One handler for each operation of a contract: a missing or misspelt one doesn't compile. */
export type Handlers<C extends ContextContract> = {
  readonly [V in keyof C['operations']]: Handler<C['operations'][V]>;
};

/** What an operation comes to: a reply, or for kind `stream` its items. */
export type OperationResult = Reply<unknown> | AsyncIterable<unknown>;

/** Judges what callers may write as they like. */
export type MustNotBeKept = (text: string) => boolean;

/** What a pipeline needs from outside; each part may be left out, and then costs nothing. */
export interface PipelineHooks {
  /** 128-bit keyed hashes as UUID text, for receipts. */
  readonly hash?: (text: string) => string;
  /** Throws `RateLimited`; awaited only when it returns a promise. */
  readonly limit?: (operation: CompiledOperation, call: Call) => Promise<void> | void;
  /** Waits until the log position is visible. */
  readonly reached?: (position: bigint, signal?: AbortSignal) => Promise<void>;
  /**
   * Whether a text holds what may be stored nowhere, whoever sends it, such as a secret of some context. Clients and
   * interfaces put a new correlation id in the place of one that does, before it comes into logs, jobs and events.
   */
  readonly mustNotBeKept?: MustNotBeKept;
  /** What is thrown instead of an error that a handler's adapters threw: their outages, in the words of the frame. */
  readonly explain?: (error: unknown) => unknown;
  /** Wraps a call, for metrics and spans; may hand on the call with another trace parent. */
  readonly observe?: (
    operation: CompiledOperation,
    call: Call,
    run: (call: Call) => Promise<OperationResult>,
  ) => Promise<OperationResult>;
}

/** An operation ready to be called: checks in a fixed order, then the handler. */
export interface CompiledOperation extends Spelling {
  readonly contract: ContextContract;
  readonly definition: OperationDefinition;
  /** As in `PipelineHooks`, for whoever makes the call. */
  readonly mustNotBeKept?: MustNotBeKept | undefined;
  readonly invoke: (input: unknown, call: Call) => Promise<OperationResult>;
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/** Turns what zod found into paths, which begin with `within`, and messages, without any of the values. */
export function inputIssues(error: z.core.$ZodError, within: readonly PropertyKey[] = []): ErrorDetails {
  return {
    issues: error.issues.slice(0, 20).map((issue) => ({
      path:
        [...within, ...issue.path].map(String).join('.') +
        (issue.code === 'unrecognized_keys' ? unknownKeys(issue, within) : ''),
      message: issue.code === 'unrecognized_keys' ? 'unknown field' : issue.message,
    })),
  };
}

function unknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, within: readonly PropertyKey[]): string {
  const key = (issue.keys[0] ?? '').slice(0, 64);
  return within.length + issue.path.length > 0 ? `.${key}` : key;
}

/** JSON with sorted keys: the same input in another order of fields has the same fingerprint. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/**
 * Compiles a context's operations once, at start: permission, rate limit, input, idempotency key, read-your-writes,
 * handler. Each stage is awaited only where it is asynchronous.
 */
export function compile<C extends ContextContract>(
  contract: C,
  handlers: Handlers<C>,
  hooks: PipelineHooks = {},
): ReadonlyMap<string, CompiledOperation> {
  const compiled = new Map<string, CompiledOperation>();
  const { observe, mustNotBeKept } = hooks;
  for (const [verb, definition] of Object.entries(contract.operations)) {
    const handler = handlers[verb] as (input: unknown, call: Call) => Promise<OperationResult> | OperationResult;
    const operation: CompiledOperation = {
      ...spell(contract, verb),
      contract,
      definition,
      mustNotBeKept,
      invoke: (input, call) =>
        observe ? observe(operation, call, (observed) => run(input, observed)) : run(input, call),
    };
    const run = explaining(hooks.explain, runner(operation, handler, hooks));
    compiled.set(operation.word, operation);
  }
  return compiled;
}

function runner(
  operation: CompiledOperation,
  handler: (input: unknown, call: Call) => Promise<OperationResult> | OperationResult,
  hooks: PipelineHooks,
): Run {
  const { definition, word } = operation;
  const { limit, reached, hash } = hooks;
  const librarySchema = definition.libraryInput ?? definition.input;
  return async (input, call) => {
    const reach = authorise(operation, call);
    const limited = limit?.(operation, call);
    if (limited !== undefined) await limited;
    const parsed = (call.inProcess === true ? librarySchema : definition.input).safeParse(input);
    if (!parsed.success) throw new InvalidInput('The input does not fit the operation.', inputIssues(parsed.error));
    const ready: Call = {
      ...call,
      reach,
      // As it was given: a default that a later version adds must not make another input of a repeat.
      receipt: call.receipt ?? receiptKey(definition, word, input, call, hash),
    };
    if (call.after !== undefined && definition.kind !== 'command') await reached?.(call.after, call.signal);
    return handler(parsed.data, ready);
  };
}

type Run = (input: unknown, call: Call) => Promise<OperationResult>;

function explaining(explain: PipelineHooks['explain'], run: Run): Run {
  if (explain === undefined) return run;
  return async (input, call) => {
    try {
      const result = await run(input, call);
      return Symbol.asyncIterator in result ? explainingItems(explain, result) : result;
    } catch (error) {
      throw explain(error);
    }
  };
}

async function* explainingItems(
  explain: (error: unknown) => unknown,
  items: AsyncIterable<unknown>,
): AsyncIterable<unknown> {
  try {
    yield* items;
  } catch (error) {
    throw explain(error);
  }
}

function authorise(operation: CompiledOperation, call: Call): 'all' | 'own' {
  const { permission, definition } = operation;
  if (isPermitted(call.principal, permission)) return 'all';
  if (definition.own === true && call.principal.permissions.has(`${permission}:own`)) return 'own';
  throw new PermissionDenied(`This needs the permission ${permission}.`, { permission });
}

function receiptKey(
  definition: OperationDefinition,
  word: string,
  input: unknown,
  call: Call,
  hash: ((text: string) => string) | undefined,
): Call['receipt'] {
  if (definition.kind !== 'command') return undefined;
  const key = call.idempotencyKey;
  if (key === undefined || !KEY.test(key)) {
    if (key === undefined && definition.idempotency === 'none') return undefined;
    throw new IdempotencyKeyMissing('An idempotency key of 1 to 255 printable ASCII characters is needed.');
  }
  if (hash === undefined) throw new TypeError(`No hash was given for the receipts of ${word}.`);
  const { tenant, id, kind } = call.principal;
  // Callers without credentials share an id: their address keeps one from reading the answer to another.
  const caller = kind === 'anonymous' ? `${id} ${call.address ?? ''}` : id;
  return {
    id: hash(JSON.stringify([tenant, caller, word, key])),
    fingerprint: hash(canonicalJson([word, input])),
    operation: word,
  };
}
