import { SpanKind } from '@opentelemetry/api';
import { expect } from 'chai';
import { parseTraceParent } from '../../src/application/shared/trace-context.ts';
import { noTracer, type Span } from '../../src/application/shared/tracing.ts';
import { openTelemetryTracer } from '../../src/infrastructure/telemetry/opentelemetry-tracing.ts';
import { registerRecorder } from '../support/recording-tracer.ts';

const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const started = (span: Span | undefined): Span => {
  if (span === undefined) throw new Error('No span was started.');
  return span;
};

describe('OpenTelemetry tracer', () => {
  let recorder: ReturnType<typeof registerRecorder> | undefined;

  afterEach(() => {
    recorder?.unregister();
    recorder = undefined;
  });

  it('starts nothing while no SDK is registered', () => {
    expect(openTelemetryTracer().start({ name: 'a', kind: 'internal', parent: CALLER })).to.equal(undefined);
    expect(noTracer.start({ name: 'a', kind: 'internal' })).to.equal(undefined);
  });

  it('records from the moment on in which an SDK is registered', () => {
    const tracer = openTelemetryTracer();
    expect(tracer.start({ name: 'a', kind: 'internal' })).to.equal(undefined);
    recorder = registerRecorder();
    started(tracer.start({ name: 'b', kind: 'internal' })).end('ok', false);
    expect(recorder.ended.map(({ name }) => name)).to.deep.equal(['b']);
  });

  it('goes on with the trace of the caller', () => {
    recorder = registerRecorder();
    const span = started(openTelemetryTracer().start({ name: 'a', kind: 'server', parent: CALLER }));
    span.end('ok', false);
    const [recorded] = recorder.ended;
    expect(recorded).to.include({
      kind: SpanKind.SERVER,
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentSpanId: 'b7ad6b7169203331',
      failed: false,
    });
    expect(parseTraceParent(span.traceParent)).to.deep.equal({
      traceId: recorded?.traceId,
      spanId: recorded?.spanId,
      sampled: true,
    });
  });

  it('begins a trace where the caller has none, or one that cannot be read', () => {
    recorder = registerRecorder();
    const tracer = openTelemetryTracer();
    for (const parent of [undefined, 'nonsense']) {
      started(tracer.start({ name: 'a', kind: 'server', parent })).end('ok', false);
    }
    expect(recorder.ended.map(({ parentSpanId }) => parentSpanId)).to.deep.equal([undefined, undefined]);
  });

  it('is seen as the parent by whatever runs within the span, across awaits', async () => {
    recorder = registerRecorder();
    const tracer = openTelemetryTracer();
    const outer = started(tracer.start({ name: 'outer', kind: 'server' }));
    await outer.within(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      started(tracer.start({ name: 'inner', kind: 'client' })).end('ok', false);
    });
    outer.end('ok', false);
    const [inner, recordedOuter] = recorder.ended;
    expect(inner?.parentSpanId).to.equal(recordedOuter?.spanId);
    expect(inner?.traceId).to.equal(recordedOuter?.traceId);
  });

  it('stands below the running span where that belongs to the trace of the caller', () => {
    recorder = registerRecorder();
    const tracer = openTelemetryTracer();
    const server = started(tracer.start({ name: 'instrumented server', kind: 'server', parent: CALLER }));
    server.within(() => started(tracer.start({ name: 'operation', kind: 'server', parent: CALLER })).end('ok', false));
    server.end('ok', false);
    const [operation, recordedServer] = recorder.ended;
    expect(operation?.parentSpanId).to.equal(recordedServer?.spanId);
  });

  it('says how the work ended, and nothing of what was in it', () => {
    recorder = registerRecorder();
    const tracer = openTelemetryTracer();
    started(tracer.start({ name: 'a', kind: 'internal', attributes: { 'portolan.tenant': 'default' } })).end(
      'x.y',
      false,
    );
    started(tracer.start({ name: 'b', kind: 'internal' })).end('unexpected', true);
    const [refused, failed] = recorder.ended;
    expect(refused?.attributes).to.deep.equal({ 'portolan.tenant': 'default', 'portolan.outcome': 'x.y' });
    expect(refused?.failed).to.equal(false);
    expect(failed?.attributes).to.deep.equal({ 'portolan.outcome': 'unexpected', 'error.type': 'unexpected' });
    expect(failed?.failed).to.equal(true);
  });

  it('hands on a trace that is not recorded as not recorded', () => {
    recorder = registerRecorder(false);
    const span = started(openTelemetryTracer().start({ name: 'a', kind: 'server', parent: CALLER }));
    expect(parseTraceParent(span.traceParent)).to.include({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      sampled: false,
    });
  });
});
