import {
  context,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  SpanKind as OtelSpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
} from '@opentelemetry/api';
import { formatTraceParent, parseTraceParent } from '../../application/shared/trace-context.ts';
import type { Span, SpanKind, Tracer } from '../../application/shared/tracing.ts';

const SCOPE = 'portolan';

const KINDS: { readonly [K in SpanKind]: OtelSpanKind } = {
  server: OtelSpanKind.SERVER,
  client: OtelSpanKind.CLIENT,
  internal: OtelSpanKind.INTERNAL,
  producer: OtelSpanKind.PRODUCER,
  consumer: OtelSpanKind.CONSUMER,
};

/**
 * Records spans by the OpenTelemetry API: with whatever SDK this process has registered, before or after, and with
 * none not at all.
 */
export function openTelemetryTracer(): Tracer {
  let tracer: OtelTracer | undefined;
  return {
    start({ name, kind, parent, attributes = {} }) {
      tracer ??= registeredTracer();
      if (tracer === undefined) return undefined;
      const around = parentContext(parent);
      const span = tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, around);
      // A sampler may decide against a span; what follows is then not recorded either, but goes on in the same trace.
      return isSpanContextValid(span.spanContext()) ? spanOf(span, around) : undefined;
    },
  };
}

/** Whether somebody collects spans in this process. */
export function isTracerRegistered(): boolean {
  return registeredTracer() !== undefined;
}

/** Undefined while there is only the API's own place holder. */
function registeredTracer(): OtelTracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider ? provider.getDelegateTracer(SCOPE) : provider.getTracer(SCOPE);
}

/** The span that runs now, where it belongs to the caller's trace or the caller named none; else the caller's span. */
function parentContext(traceParent: string | undefined): Context {
  const active = context.active();
  const caller = parseTraceParent(traceParent);
  if (caller === undefined || trace.getSpanContext(active)?.traceId === caller.traceId) return active;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: caller.traceId,
    spanId: caller.spanId,
    traceFlags: caller.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  });
}

function spanOf(span: OtelSpan, around: Context): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceParent: formatTraceParent({ traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 }),
    within: (run) => context.with(trace.setSpan(around, span), run),
    end(outcome, failed) {
      span.setAttribute('portolan.outcome', outcome);
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', outcome);
      span.end();
    },
  };
}
