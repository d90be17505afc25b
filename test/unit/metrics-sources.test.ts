import { expect } from 'chai';
import type { JobStatistics } from '../../src/application/shared/job-queue.ts';
import type { EventLogState } from '../../src/application/shared/metrics.ts';
import { kept } from '../../src/composition/watch-state.ts';
import { createPrometheusMetrics } from '../../src/infrastructure/telemetry/prometheus-metrics.ts';
import { samplesOf } from '../support/exposition.ts';

const create = (sourceTimeoutMs = 1_000) =>
  createPrometheusMetrics({ version: '1', processMetrics: false, sourceTimeoutMs });

const statistics = (type: string, dead: number): JobStatistics => ({
  type,
  counts: { scheduled: 0, queued: 2, running: 1, completed: 9, cancelled: 0, dead },
  oldestWaitingMs: 1_500,
});

describe('Sources of metrics', () => {
  it('tell requests, commands and connections as they are at that moment', async () => {
    const metrics = create();
    let inFlight = 7;
    metrics.watch({ kind: 'http', name: 'main', read: () => inFlight });
    metrics.watch({ kind: 'commands', name: 'gift-cards', read: () => 3 });
    metrics.watch({ kind: 'pool', name: 'queries', read: () => ({ busy: 4, idle: 1, waiting: 2 }) });
    const first = samplesOf(await metrics.text());
    expect(first.get('portolan_http_requests_in_flight{server="main"}')).to.equal(7);
    expect(first.get('portolan_commands_pending{repository="gift-cards"}')).to.equal(3);
    expect(first.get('portolan_database_connections{pool="queries",state="busy"}')).to.equal(4);
    expect(first.get('portolan_database_connections{pool="queries",state="waiting"}')).to.equal(2);
    inFlight = 0;
    expect(samplesOf(await metrics.text()).get('portolan_http_requests_in_flight{server="main"}')).to.equal(0);
  });

  it('tell how far each consumer is behind the head of the log, and what it has given up on', async () => {
    const metrics = create();
    const state: EventLogState = {
      head: 120n,
      consumers: [
        { name: 'jobs', position: 100n, dead: 2 },
        { name: 'ahead', position: 121n, dead: 0 },
      ],
    };
    metrics.watch({ kind: 'event-log', name: 'log', read: () => Promise.resolve(state) });
    const samples = samplesOf(await metrics.text());
    expect(samples.get('portolan_event_log_head{log="log"}')).to.equal(120);
    expect(samples.get('portolan_event_log_consumer_position{log="log",consumer="jobs"}')).to.equal(100);
    expect(samples.get('portolan_event_log_consumer_lag{log="log",consumer="jobs"}')).to.equal(20);
    expect(samples.get('portolan_event_log_consumer_lag{log="log",consumer="ahead"}')).to.equal(0);
    expect(samples.get('portolan_event_log_dead_events{log="log",consumer="jobs"}')).to.equal(2);
    expect(samples.get('portolan_event_log_dead_events{log="log",consumer="ahead"}')).to.equal(0);
  });

  it('tell jobs by type and state, and forget types of which there are none any more', async () => {
    const metrics = create();
    let types = [statistics('mail', 1), statistics('sweep', 0)];
    metrics.watch({ kind: 'jobs', name: 'jobs', read: () => Promise.resolve(types) });
    const first = samplesOf(await metrics.text());
    expect(first.get('portolan_jobs{queue="jobs",type="mail",state="dead"}')).to.equal(1);
    expect(first.get('portolan_jobs{queue="jobs",type="sweep",state="queued"}')).to.equal(2);
    expect(first.get('portolan_jobs_oldest_waiting_seconds{queue="jobs",type="mail"}')).to.equal(1.5);
    types = [statistics('mail', 1)];
    expect(await metrics.text()).to.not.include('sweep');
  });

  it('that fail or throw are reported as down, and the others still tell theirs', async () => {
    const metrics = create();
    metrics.watch({ kind: 'jobs', name: 'jobs', read: () => Promise.reject(new Error('no database')) });
    metrics.watch({
      kind: 'pool',
      name: 'queries',
      read: () => {
        throw new Error('closed');
      },
    });
    metrics.watch({ kind: 'http', name: 'main', read: () => 1 });
    const samples = samplesOf(await metrics.text());
    expect(samples.get('portolan_source_up{kind="jobs",source="jobs"}')).to.equal(0);
    expect(samples.get('portolan_source_up{kind="pool",source="queries"}')).to.equal(0);
    expect(samples.get('portolan_source_up{kind="http",source="main"}')).to.equal(1);
    expect(samples.get('portolan_http_requests_in_flight{server="main"}')).to.equal(1);
  });

  it('that fail say why to whoever keeps the log', async () => {
    const faults: unknown[] = [];
    const onSourceFault = (error: unknown, { kind, name }: { kind: string; name: string }): void =>
      void faults.push([kind, name, error]);
    const metrics = createPrometheusMetrics({ version: '1', processMetrics: false, onSourceFault });
    const failure = new Error('no database');
    metrics.watch({ kind: 'jobs', name: 'jobs', read: () => Promise.reject(failure) });
    await metrics.text();
    expect(faults).to.deep.equal([['jobs', 'jobs', failure]]);
  });

  it('that are late are not asked again before they have answered', async () => {
    const metrics = create(10);
    const answers: ((types: JobStatistics[]) => void)[] = [];
    metrics.watch({ kind: 'jobs', name: 'jobs', read: () => new Promise((resolve) => answers.push(resolve)) });
    for (let scrape = 0; scrape < 3; scrape += 1) await metrics.text();
    expect(answers).to.have.length(1);
    answers[0]?.([]);
    await new Promise((resolve) => setImmediate(resolve));
    await metrics.text();
    expect(answers).to.have.length(2);
  });

  it('that are costly are read again only after a while', async () => {
    let [now, reads] = [0, 0];
    const read = kept(
      10_000,
      async () => (reads += 1),
      () => now,
    );
    expect([await read(), await read()]).to.deep.equal([1, 1]);
    now = 10_000;
    expect(await read()).to.equal(2);
  });

  it('that fail leave no old values behind', async () => {
    const metrics = create();
    let works = true;
    const read = () => (works ? Promise.resolve([statistics('mail', 1)]) : Promise.reject(new Error('no database')));
    metrics.watch({ kind: 'jobs', name: 'jobs', read });
    expect(await metrics.text()).to.include('portolan_jobs{');
    works = false;
    expect(await metrics.text()).to.not.include('portolan_jobs{');
  });

  it('that do not answer do not hold up the collection', async () => {
    const metrics = create(50);
    metrics.watch({ kind: 'jobs', name: 'jobs', read: () => new Promise(() => undefined) });
    const startedAt = performance.now();
    const samples = samplesOf(await metrics.text());
    expect(performance.now() - startedAt).to.be.below(1_000);
    expect(samples.get('portolan_source_up{kind="jobs",source="jobs"}')).to.equal(0);
  });

  it('are asked once by collections at the same time, and anew by the next', async () => {
    const metrics = create();
    let asked = 0;
    const read = async () => {
      asked += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return [];
    };
    metrics.watch({ kind: 'jobs', name: 'jobs', read });
    await Promise.all(Array.from({ length: 20 }, () => metrics.text()));
    expect(asked).to.equal(1);
    await metrics.text();
    expect(asked).to.equal(2);
  });
});
