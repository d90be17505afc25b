import { z } from 'zod';
import { isTracerRegistered } from './opentelemetry-tracing.ts';
import { within } from './within.ts';

const PACKAGE = '@opentelemetry/sdk-node';

/** Tracing was asked for and can't be had. The message is one line, fit to be shown to an operator as it is. */
export class TracingUnavailable extends Error {
  override readonly name = 'TracingUnavailable';
}

/** The collection of spans, for as long as it runs. */
export interface Telemetry {
  /** Sends what has not been sent yet, within the time for it. Never rejects; can be called again. */
  stop(): Promise<void>;
}

export interface TelemetryOptions {
  /** The name under which spans are found, unless `OTEL_SERVICE_NAME` gives another; `portolan` if left out. */
  readonly serviceName?: string;
  /** How long sending the rest may take at the end; 3,000 if left out. */
  readonly stopTimeoutMs?: number;
  /** Told of spans that could not be sent at the end. */
  readonly report?: (error: unknown) => void;
  /** Imports a package by its name; `import` itself if left out. */
  readonly load?: (name: string) => Promise<unknown>;
}

interface Sdk {
  start(): void;
  shutdown(): Promise<void>;
}

/** What the package has to export; its types are not there when it is not installed. */
const sdkModule = z.object({
  NodeSDK: z.custom<new (options: object) => Sdk>((value) => typeof value === 'function'),
});

/**
 * Starts OpenTelemetry's SDK, which is installed by those who want it, where there is an endpoint to send spans to.
 * The SDK reads that and all its other variables, `OTEL_…`, from the environment itself. To be called before anything
 * that makes spans is loaded. Throws `TracingUnavailable`.
 */
export async function startTelemetry(endpoint: string | undefined, options: TelemetryOptions = {}): Promise<Telemetry> {
  if (endpoint === undefined) return { stop: () => Promise.resolve() };
  const { stopTimeoutMs = 3_000, report = () => undefined, load = (name) => import(name) } = options;
  const { NodeSDK } = sdkModule.parse(await loadSdk(load));
  const serviceName = process.env['OTEL_SERVICE_NAME'] ?? options.serviceName ?? 'portolan';
  // Metrics and logs go their own ways: left to its defaults, the SDK would send them as well.
  const sdk = new NodeSDK({ serviceName, metricReaders: [], logRecordProcessors: [] });
  sdk.start();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= within(stopTimeoutMs, sdk.shutdown()).catch(report));
  if (isTracerRegistered()) return { stop };
  await stop();
  throw new TracingUnavailable(
    `OTEL_EXPORTER_OTLP_ENDPOINT is set, but ${PACKAGE} registers no tracer: its version does not fit the installed @opentelemetry/api, or OTEL_SDK_DISABLED is set`,
  );
}

async function loadSdk(load: (name: string) => Promise<unknown>): Promise<unknown> {
  try {
    return await load(PACKAGE);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    throw new TracingUnavailable(
      `OTEL_EXPORTER_OTLP_ENDPOINT is set, but the package ${PACKAGE} is not installed: npm install ${PACKAGE}`,
      { cause: error },
    );
  }
}
