import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AnsweredRequest, Metrics, MetricSource, OperationRecorder } from '../../application/shared/metrics.ts';
import { BoundedLabel } from './bounded-label.ts';
import { createSources, type SourceFault } from './prometheus-sources.ts';

export interface PrometheusOptions {
  /** Version of the service, a label of `portolan_build_info`. */
  readonly version: string;
  /** Also memory, processor, event loop and garbage collection of this process; true if left out. */
  readonly processMetrics?: boolean;
  /** How long a source may take to tell its state; 2,000 if left out. */
  readonly sourceTimeoutMs?: number;
  /** Told why a source is down, at each collection; for the log. */
  readonly onSourceFault?: SourceFault;
}

export interface PrometheusMetrics extends Metrics {
  /** Everything in Prometheus's text format. */
  text(): Promise<string>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const MAX_OUTCOMES = 64;
const MAX_ROUTES = 500;

/** Keeps measurements in a prom-client registry of its own. */
export function createPrometheusMetrics(options: PrometheusOptions): PrometheusMetrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'portolan_build_info',
    help: 'Version of the service; always 1',
    labelNames: ['version'],
    registers,
  }).set({ version: options.version }, 1);
  const batchSize = new Histogram({
    name: 'portolan_commit_batch_size',
    help: 'Commands that shared one commit',
    labelNames: ['repository'],
    buckets: BATCH_SIZES,
    registers,
  });
  const sources = createSources(registry, options.sourceTimeoutMs ?? 2_000, options.onSourceFault ?? (() => undefined));
  return {
    operation: operationMetrics(registry),
    answered: requestMetrics(registry),
    committed: (repository, commands) => batchSize.observe({ repository }, commands),
    watch: (source: MetricSource) => sources.watch(source),
    async text() {
      await sources.collect();
      return registry.metrics();
    },
  };
}

/** Counts of one operation since the last collection, kept as plain numbers: a labelled counter costs ten times that. */
interface OperationCounts {
  inFlight: number;
  readonly ended: Map<string, number>;
}

function operationMetrics(registry: Registry): (word: string) => OperationRecorder {
  const registers = [registry];
  const counts = new Map<string, OperationCounts>();
  const duration = new Histogram({
    name: 'portolan_operation_duration_seconds',
    help: 'Time that calls of an operation took',
    labelNames: ['operation'],
    buckets: SECONDS,
    registers,
  });
  new Counter({
    name: 'portolan_operations_total',
    help: 'Calls of an operation that ended, by outcome: ok, unexpected, or the code of an error',
    labelNames: ['operation', 'outcome'],
    registers,
    collect() {
      for (const [operation, { ended }] of counts) {
        for (const [outcome, count] of ended) if (count > 0) this.inc({ operation, outcome }, count);
        ended.clear();
      }
    },
  });
  new Gauge({
    name: 'portolan_operations_in_flight',
    help: 'Calls of an operation that are under way',
    labelNames: ['operation'],
    registers,
    collect() {
      for (const [operation, { inFlight }] of counts) this.set({ operation }, inFlight);
    },
  });
  return (operation) => {
    const known = counts.get(operation);
    const count = known ?? { inFlight: 0, ended: new Map<string, number>() };
    if (known === undefined) counts.set(operation, count);
    const timer = duration.labels(operation);
    const outcomes = new BoundedLabel(MAX_OUTCOMES);
    return {
      started() {
        count.inFlight += 1;
      },
      ended(outcome, seconds) {
        count.inFlight -= 1;
        const label = outcomes.of(outcome);
        count.ended.set(label, (count.ended.get(label) ?? 0) + 1);
        timer.observe(seconds);
      },
    };
  };
}

function requestMetrics(registry: Registry): (request: AnsweredRequest) => void {
  const registers = [registry];
  const routes = new BoundedLabel(MAX_ROUTES);
  const duration = new Histogram({
    name: 'portolan_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['method', 'route'],
    buckets: SECONDS,
    registers,
  });
  const total = new Counter({
    name: 'portolan_http_requests_total',
    help: 'Answered requests',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  return ({ method, route, status, durationMs }) => {
    const labels = { method: METHODS.has(method) ? method : 'other', route: routes.of(route ?? 'none') };
    duration.observe(labels, durationMs / 1000);
    total.inc({ ...labels, status });
  };
}
