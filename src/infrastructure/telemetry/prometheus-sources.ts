import { Gauge, type Registry } from 'prom-client';
import type { MetricSource } from '../../application/shared/metrics.ts';
import { within } from './within.ts';

/** Sources of gauges. */
export interface Sources {
  watch(source: MetricSource): void;
  /**
   * Asks all sources; collections that overlap ask once, and a source that is late is not asked again before it has
   * answered. Never rejects.
   */
  collect(): Promise<void>;
}

/**
 * Gauges whose values are asked for when metrics are collected. A source that fails or is late leaves no values, and
 * `portolan_source_up` says so: a collection always answers, database or not.
 */
export function createSources(registry: Registry, timeoutMs: number, onFault: SourceFault): Sources {
  const gauges = new GaugeTable(registry);
  const sources: WatchedSource[] = [];
  let running: Promise<void> | undefined;
  const collectAll = async (): Promise<void> => {
    const states = await Promise.all(sources.map((watched) => stateOf(watched, timeoutMs, onFault)));
    gauges.replace(states.flat());
  };
  return {
    watch: (source) => void sources.push({ source, pending: undefined }),
    collect() {
      running ??= collectAll().finally(() => (running = undefined));
      return running;
    },
  };
}

/** Told why a source is down. */
export type SourceFault = (error: unknown, source: Pick<MetricSource, 'kind' | 'name'>) => void;

interface WatchedSource {
  readonly source: MetricSource;
  /** The answer that is still waited for. */
  pending: Promise<readonly Sample[]> | undefined;
}

interface Sample {
  readonly gauge: keyof typeof GAUGES;
  readonly labels: { readonly [name: string]: string };
  readonly value: number;
}

const GAUGES = {
  portolan_source_up: 'Whether a source of metrics answered: 1 or 0',
  portolan_http_requests_in_flight: 'Requests that are being answered',
  portolan_commands_pending: 'Commands of a repository that wait for their commit',
  portolan_database_connections: 'Connections of a pool by state, and callers who wait for one',
  portolan_event_log_head: 'Last position of the event log',
  portolan_event_log_consumer_position: 'Position up to which a consumer has read the event log',
  portolan_event_log_consumer_lag: 'Positions between a consumer and the head of the event log',
  portolan_event_log_dead_events: 'Events that a consumer has given up on and that were not handled since',
  portolan_jobs: 'Jobs by type and state',
  portolan_jobs_oldest_waiting_seconds: 'How long the oldest job that is due has waited',
} as const;

const LABELS: { readonly [G in keyof typeof GAUGES]: readonly string[] } = {
  portolan_source_up: ['kind', 'source'],
  portolan_http_requests_in_flight: ['server'],
  portolan_commands_pending: ['repository'],
  portolan_database_connections: ['pool', 'state'],
  portolan_event_log_head: ['log'],
  portolan_event_log_consumer_position: ['log', 'consumer'],
  portolan_event_log_consumer_lag: ['log', 'consumer'],
  portolan_event_log_dead_events: ['log', 'consumer'],
  portolan_jobs: ['queue', 'type', 'state'],
  portolan_jobs_oldest_waiting_seconds: ['queue', 'type'],
};

/** The gauges, each made when it first has a value. */
class GaugeTable {
  readonly #registry: Registry;
  readonly #gauges = new Map<string, Gauge>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** What has no sample any more disappears. */
  replace(samples: readonly Sample[]): void {
    for (const gauge of this.#gauges.values()) gauge.reset();
    for (const { gauge, labels, value } of samples) this.#gauge(gauge).set(labels, value);
  }

  #gauge(name: keyof typeof GAUGES): Gauge {
    const known = this.#gauges.get(name);
    if (known !== undefined) return known;
    const labelNames = [...LABELS[name]];
    const gauge = new Gauge({ name, help: GAUGES[name], labelNames, registers: [this.#registry] });
    this.#gauges.set(name, gauge);
    return gauge;
  }
}

async function stateOf(watched: WatchedSource, timeoutMs: number, onFault: SourceFault): Promise<readonly Sample[]> {
  const { source } = watched;
  const up = (value: number): Sample => ({
    gauge: 'portolan_source_up',
    labels: { kind: source.kind, source: source.name },
    value,
  });
  try {
    watched.pending ??= samplesOf(source).finally(() => (watched.pending = undefined));
    return [up(1), ...(await within(timeoutMs, watched.pending))];
  } catch (error) {
    onFault(error, source);
    return [up(0)];
  }
}

async function samplesOf(source: MetricSource): Promise<readonly Sample[]> {
  const { name } = source;
  switch (source.kind) {
    case 'http':
      return [{ gauge: 'portolan_http_requests_in_flight', labels: { server: name }, value: source.read() }];
    case 'commands':
      return [{ gauge: 'portolan_commands_pending', labels: { repository: name }, value: source.read() }];
    case 'pool':
      return Object.entries(source.read()).map(([state, value]) => ({
        gauge: 'portolan_database_connections',
        labels: { pool: name, state },
        value,
      }));
    case 'event-log': {
      const { head, consumers } = await source.read();
      return [
        { gauge: 'portolan_event_log_head', labels: { log: name }, value: Number(head) },
        ...consumers.flatMap(({ name: consumer, position, dead }): Sample[] => {
          const labels = { log: name, consumer };
          return [
            { gauge: 'portolan_event_log_consumer_position', labels, value: Number(position) },
            { gauge: 'portolan_event_log_consumer_lag', labels, value: Math.max(0, Number(head - position)) },
            { gauge: 'portolan_event_log_dead_events', labels, value: dead },
          ];
        }),
      ];
    }
    case 'jobs':
      return (await source.read()).flatMap(({ type, counts, oldestWaitingMs }): Sample[] => [
        ...Object.entries(counts).map(([state, value]): Sample => ({
          gauge: 'portolan_jobs',
          labels: { queue: name, type, state },
          value,
        })),
        {
          gauge: 'portolan_jobs_oldest_waiting_seconds',
          labels: { queue: name, type },
          value: oldestWaitingMs / 1000,
        },
      ]);
  }
}
