import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import * as otel from '@opentelemetry/api';

/** A span as an SDK would export it. */
export interface RecordedSpan {
  readonly name: string;
  readonly kind: otel.SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: { readonly [name: string]: unknown };
  readonly failed: boolean;
}

/** The smallest SDK: registers with the API of this process and records every span that ends. */
export function registerRecorder(sampled = true): { readonly ended: RecordedSpan[]; unregister(): void } {
  const ended: RecordedSpan[] = [];
  const active = new AsyncLocalStorage<otel.Context>();
  const manager: otel.ContextManager = {
    active: () => active.getStore() ?? otel.ROOT_CONTEXT,
    with: (context, run, self, ...args) => active.run(context, () => run.apply(self, args)),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  const startSpan = (name: string, options: otel.SpanOptions = {}, context = manager.active()): otel.Span => {
    const parent = otel.trace.getSpanContext(context);
    const traceId = parent?.traceId ?? randomBytes(16).toString('hex');
    const spanId = randomBytes(8).toString('hex');
    const attributes: { [name: string]: unknown } = { ...options.attributes };
    let failed = false;
    const traceFlags = sampled ? otel.TraceFlags.SAMPLED : otel.TraceFlags.NONE;
    const span = otel.trace.wrapSpanContext({ traceId, spanId, traceFlags });
    return Object.assign(span, {
      setAttribute(key: string, value: unknown) {
        attributes[key] = value;
        return span;
      },
      setStatus({ code }: otel.SpanStatus) {
        failed = code === otel.SpanStatusCode.ERROR;
        return span;
      },
      end() {
        const kind = options.kind ?? otel.SpanKind.INTERNAL;
        ended.push({ name, kind, traceId, spanId, parentSpanId: parent?.spanId, attributes, failed });
      },
    });
  };
  const tracer = { startSpan } as otel.Tracer;
  otel.context.setGlobalContextManager(manager);
  otel.trace.setGlobalTracerProvider({ getTracer: () => tracer });
  return {
    ended,
    unregister() {
      otel.trace.disable();
      otel.context.disable();
    },
  };
}
