import { DomainError, type ErrorKind } from '../../domain/shared/domain-error.ts';
import type { Call } from '../../application/shared/call.ts';
import type { Metrics, OperationRecorder } from '../../application/shared/metrics.ts';
import type { CompiledOperation, OperationResult } from '../../application/shared/pipeline.ts';
import { noTracer, type Span, type Tracer } from '../../application/shared/tracing.ts';

/** Wraps the call of an operation; fits `PipelineHooks.observe`. */
export type ObserveOperation = (
  operation: CompiledOperation,
  call: Call,
  run: (call: Call) => Promise<OperationResult>,
) => Promise<OperationResult>;

/** Kinds of errors that are the service's own trouble; the others are answers to what a caller asked for. */
const TROUBLE: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['unavailable']);

/** One call that is under way. */
interface Observation {
  readonly recorder: OperationRecorder;
  readonly span: Span | undefined;
  readonly startedAtMs: number;
}

/**
 * Counts and times every call of an operation, and makes a span of it where a tracer records. `run` gets the call with
 * the span as its trace parent, so that events name it as their cause. A stream is over when its last item is read or
 * its reader goes away.
 */
export function observeOperations(metrics: Metrics, tracer: Tracer = noTracer): ObserveOperation {
  const recorders = new Map<string, OperationRecorder>();
  return async (operation, call, run) => {
    const { word } = operation;
    let recorder = recorders.get(word);
    if (recorder === undefined) recorders.set(word, (recorder = metrics.operation(word)));
    const span = tracer.start({
      name: word,
      kind: call.inProcess === true ? 'internal' : 'server',
      parent: call.traceParent,
    });
    const observation = { recorder, span, startedAtMs: performance.now() };
    recorder.started();
    try {
      const result = await (span === undefined
        ? run(call)
        : span.within(() => run({ ...call, traceParent: span.traceParent })));
      if (Symbol.asyncIterator in result) return observeStream(result, observation);
      end(observation, 'ok', false);
      return result;
    } catch (error) {
      fail(observation, error);
      throw error;
    }
  };
}

async function* observeStream(items: AsyncIterable<unknown>, observation: Observation): AsyncIterable<unknown> {
  let failed = false;
  try {
    yield* items;
  } catch (error) {
    failed = true;
    fail(observation, error);
    throw error;
  } finally {
    if (!failed) end(observation, 'ok', false);
  }
}

function fail(observation: Observation, error: unknown): void {
  if (error instanceof DomainError) end(observation, error.code, TROUBLE.has(error.kind));
  else end(observation, 'unexpected', true);
}

function end({ recorder, span, startedAtMs }: Observation, outcome: string, failed: boolean): void {
  recorder.ended(outcome, (performance.now() - startedAtMs) / 1000);
  span?.end(outcome, failed);
}
