import { expect } from 'chai';
import { startTelemetry, TracingUnavailable } from '../../src/infrastructure/telemetry/start-telemetry.ts';
import { registerRecorder } from '../support/recording-tracer.ts';

const ENDPOINT = 'http://127.0.0.1:4318';

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('Start of the telemetry', () => {
  const unregister: (() => void)[] = [];

  const serviceName = process.env['OTEL_SERVICE_NAME'];

  before(() => {
    delete process.env['OTEL_SERVICE_NAME'];
  });

  after(() => {
    if (serviceName !== undefined) process.env['OTEL_SERVICE_NAME'] = serviceName;
  });

  afterEach(() => {
    for (const undo of unregister.splice(0)) undo();
  });

  /** An SDK in place of the installed one: registers the recorder. */
  function sdk(shutdown: () => Promise<void> = () => Promise.resolve(), registers = true) {
    const log: unknown[] = [];
    class NodeSDK {
      constructor(options: object) {
        log.push(options);
      }
      start(): void {
        if (registers) unregister.push(registerRecorder().unregister);
      }
      shutdown(): Promise<void> {
        log.push('shutdown');
        return shutdown();
      }
    }
    return { log, load: () => Promise.resolve({ NodeSDK }) };
  }

  it('loads nothing without an endpoint', async () => {
    const load = () => Promise.reject(new Error('loaded'));
    await (await startTelemetry(undefined, { load })).stop();
  });

  it('says in one line which package is missing', async () => {
    const load = () => import('@opentelemetry/no-such-package' as string);
    const error = await failureOf(startTelemetry(ENDPOINT, { load }));
    expect(error).to.be.instanceOf(TracingUnavailable);
    expect(String(error))
      .to.match(/OTEL_EXPORTER_OTLP_ENDPOINT .*npm install @opentelemetry\/sdk-node$/)
      .and.not.include('\n');
  });

  it('lets through what goes wrong inside of the package', async () => {
    const load = () => Promise.reject(new SyntaxError('broken package'));
    expect(await failureOf(startTelemetry(ENDPOINT, { load }))).to.be.instanceOf(SyntaxError);
    expect(await failureOf(startTelemetry(ENDPOINT, { load: () => Promise.resolve({}) }))).to.be.instanceOf(Error);
  });

  it('refuses an SDK that registers no tracer, instead of losing all spans in silence', async () => {
    const { load, log } = sdk(() => Promise.resolve(), false);
    const error = await failureOf(startTelemetry(ENDPOINT, { load }));
    expect(error).to.be.instanceOf(TracingUnavailable);
    expect(log.at(-1)).to.equal('shutdown');
  });

  it('starts the SDK for spans alone, and stops it once', async () => {
    const { load, log } = sdk();
    const telemetry = await startTelemetry(ENDPOINT, { load, serviceName: 'cards' });
    await Promise.all([telemetry.stop(), telemetry.stop()]);
    expect(log).to.deep.equal([{ serviceName: 'cards', metricReaders: [], logRecordProcessors: [] }, 'shutdown']);
  });

  it('stops in time, and reports what was lost, when the collector does not answer', async () => {
    for (const shutdown of [() => new Promise<never>(() => undefined), () => Promise.reject(new Error('refused'))]) {
      const lost: unknown[] = [];
      const { load } = sdk(shutdown);
      const telemetry = await startTelemetry(ENDPOINT, {
        load,
        stopTimeoutMs: 30,
        report: (error) => lost.push(error),
      });
      const startedAt = performance.now();
      await telemetry.stop();
      expect(performance.now() - startedAt).to.be.below(2_000);
      expect(lost).to.have.length(1);
      unregister.pop()?.();
    }
  });
});
