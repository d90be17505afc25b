/** A `traceparent` of the W3C recommendation "Trace Context", taken apart. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all zero: the span that caused what follows. */
  readonly spanId: string;
  /** Whether the caller records this trace. */
  readonly sampled: boolean;
}

const TRACE_PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Whether a correlation id is short and harmless enough to be stored with everything that a call causes. */
export const isCorrelationId = (text: string): boolean => CORRELATION_ID.test(text);

/** Reads a `traceparent`; undefined if it is none. Versions to come are read as far as they are known, as they ask. */
export function parseTraceParent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length > 256) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = TRACE_PARENT.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Writes a `traceparent` of version 00. */
export function formatTraceParent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** The id of the trace, for log lines; undefined for text that is no `traceparent`. */
export function traceIdOf(traceParent: string | undefined): string | undefined {
  return parseTraceParent(traceParent)?.traceId;
}

/**
 * The headers that carry a trace on, over HTTP and in messages. Without a tracer of one's own the caller's
 * `traceparent` is passed on unchanged; text that is none is not passed on.
 */
export function traceHeaders(traceParent: string | undefined): { readonly traceparent?: string } {
  const context = parseTraceParent(traceParent);
  return context === undefined ? {} : { traceparent: formatTraceParent(context) };
}
