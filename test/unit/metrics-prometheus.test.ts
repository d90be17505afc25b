import { expect } from 'chai';
import { noMetrics, type AnsweredRequest } from '../../src/application/shared/metrics.ts';
import { createPrometheusMetrics } from '../../src/infrastructure/telemetry/prometheus-metrics.ts';
import { samplesOf } from '../support/exposition.ts';

const create = () => createPrometheusMetrics({ version: '1.2.3', processMetrics: false });

const request = (change: Partial<AnsweredRequest> = {}): AnsweredRequest => ({
  method: 'POST',
  route: '/v1/gift-cards/redeem',
  status: 200,
  durationMs: 20,
  correlationId: 'c',
  ...change,
});

describe('Prometheus metrics', () => {
  it('counts the calls of an operation by outcome', async () => {
    const metrics = create();
    const redeem = metrics.operation('GiftCard.redeem');
    for (const outcome of ['ok', 'ok', 'gift_cards.not_redeemable']) {
      redeem.started();
      redeem.ended(outcome, 0.004);
    }
    const samples = samplesOf(await metrics.text());
    const total = (outcome: string) =>
      samples.get(`portolan_operations_total{operation="GiftCard.redeem",outcome="${outcome}"}`);
    expect(total('ok')).to.equal(2);
    expect(total('gift_cards.not_redeemable')).to.equal(1);
  });

  it('never counts backwards or twice, however often it is collected', async () => {
    const metrics = create();
    const redeem = metrics.operation('GiftCard.redeem');
    const key = 'portolan_operations_total{operation="GiftCard.redeem",outcome="ok"}';
    for (let round = 1; round <= 3; round += 1) {
      redeem.started();
      redeem.ended('ok', 0.001);
      const texts = await Promise.all([metrics.text(), metrics.text()]);
      for (const text of texts) expect(samplesOf(text).get(key)).to.equal(round);
    }
  });

  it('times the calls of an operation', async () => {
    const metrics = create();
    const redeem = metrics.operation('GiftCard.redeem');
    for (const seconds of [0.0005, 0.003, 0.003, 20]) {
      redeem.started();
      redeem.ended('ok', seconds);
    }
    const samples = samplesOf(await metrics.text());
    const bucket = (le: string) =>
      samples.get(`portolan_operation_duration_seconds_bucket{le="${le}",operation="GiftCard.redeem"}`);
    expect([bucket('0.001'), bucket('0.005'), bucket('10'), bucket('+Inf')]).to.deep.equal([1, 3, 3, 4]);
    expect(samples.get('portolan_operation_duration_seconds_sum{operation="GiftCard.redeem"}')).to.be.closeTo(
      20.0065,
      1e-9,
    );
  });

  it('knows the calls that are under way, over all recorders of an operation', async () => {
    const metrics = create();
    const [one, two] = [metrics.operation('GiftCard.redeem'), metrics.operation('GiftCard.redeem')];
    one.started();
    two.started();
    two.started();
    one.ended('ok', 0.001);
    const samples = samplesOf(await metrics.text());
    expect(samples.get('portolan_operations_in_flight{operation="GiftCard.redeem"}')).to.equal(2);
  });

  it('has few outcomes whatever codes occur', async () => {
    const metrics = create();
    const redeem = metrics.operation('GiftCard.redeem');
    for (let n = 0; n < 1_000; n += 1) {
      redeem.started();
      redeem.ended(`code_${n}`, 0.001);
    }
    const outcomes = [...samplesOf(await metrics.text())].filter(([key]) =>
      key.startsWith('portolan_operations_total'),
    );
    expect(outcomes).to.have.length(65);
    expect(outcomes.reduce((sum, [, count]) => sum + count, 0)).to.equal(1_000);
  });

  it('counts and times requests by method, route and status', async () => {
    const metrics = create();
    metrics.answered(request());
    metrics.answered(request({ status: 409 }));
    const samples = samplesOf(await metrics.text());
    const labels = 'method="POST",route="/v1/gift-cards/redeem"';
    expect(samples.get(`portolan_http_requests_total{${labels},status="200"}`)).to.equal(1);
    expect(samples.get(`portolan_http_requests_total{${labels},status="409"}`)).to.equal(1);
    expect(samples.get(`portolan_http_request_duration_seconds_count{${labels}}`)).to.equal(2);
    expect(samples.get(`portolan_http_request_duration_seconds_sum{${labels}}`)).to.be.closeTo(0.04, 1e-9);
  });

  it('has few labels whatever methods and addresses are tried', async () => {
    const metrics = create();
    for (let n = 0; n < 2_000; n += 1) {
      metrics.answered(request({ method: `M${n}`, route: n % 2 === 0 ? undefined : `/tried/${n}`, status: 404 }));
    }
    const text = await metrics.text();
    const totals = [...samplesOf(text)].filter(([key]) => key.startsWith('portolan_http_requests_total'));
    expect(totals.length).to.be.at.most(501);
    expect(text).to.include('method="other",route="none",status="404"').and.not.include('method="M');
    expect(totals.reduce((sum, [, count]) => sum + count, 0)).to.equal(2_000);
  });

  it('shows how many commands share a commit', async () => {
    const metrics = create();
    for (const size of [1, 1, 3, 64, 500]) metrics.committed('gift-cards', size);
    const samples = samplesOf(await metrics.text());
    const bucket = (le: string) => samples.get(`portolan_commit_batch_size_bucket{le="${le}",repository="gift-cards"}`);
    expect([bucket('1'), bucket('4'), bucket('64'), bucket('256'), bucket('+Inf')]).to.deep.equal([2, 3, 4, 4, 5]);
    expect(samples.get('portolan_commit_batch_size_sum{repository="gift-cards"}')).to.equal(569);
  });

  it('tells the version, and the state of the process unless that is left out', async () => {
    const without = await create().text();
    expect(samplesOf(without).get('portolan_build_info{version="1.2.3"}')).to.equal(1);
    expect(without).to.not.include('process_cpu_seconds_total');
    const text = await createPrometheusMetrics({ version: '1.2.3' }).text();
    expect(samplesOf(text).get('process_resident_memory_bytes')).to.be.greaterThan(1_000_000);
    expect(text).to.include('nodejs_eventloop_lag_seconds');
  });

  it('keeps two services in one process apart', async () => {
    const [one, two] = [create(), create()];
    one.answered(request());
    expect(await one.text()).to.include('portolan_http_requests_total{');
    expect(await two.text()).to.not.include('portolan_http_requests_total{');
  });

  it('can be switched off altogether', () => {
    const recorder = noMetrics.operation('GiftCard.redeem');
    expect(recorder.started()).to.equal(undefined);
    expect(recorder.ended('ok', 1)).to.equal(undefined);
  });
});
