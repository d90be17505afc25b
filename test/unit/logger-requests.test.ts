import { expect } from 'chai';
import { ServiceUnavailable } from '../../src/application/shared/errors.ts';
import { noMetrics, type AnsweredRequest } from '../../src/application/shared/metrics.ts';
import { observeRequests, reportTo } from '../../src/infrastructure/telemetry/observe-requests.ts';
import { logBook } from '../support/log-lines.ts';

const REQUEST: AnsweredRequest = {
  method: 'POST',
  route: '/v1/gift-cards/redeem',
  status: 200,
  durationMs: 12.3456,
  correlationId: 'c-1',
  principalId: 'token:1',
  traceId: '0af7651916cd43dd8448eb211c80319c',
};

describe('Access log', () => {
  it('has one line at info for each request, with the route and never the address', async () => {
    const { logger, lines } = logBook({ level: 'info' });
    observeRequests(logger, noMetrics)(REQUEST);
    const [{ time: _, ...line } = {}, ...others] = await lines();
    expect(others).to.deep.equal([]);
    expect(line).to.deep.equal({
      level: 'info',
      message: 'request',
      method: 'POST',
      route: '/v1/gift-cards/redeem',
      status: 200,
      ms: 12.35,
      correlationId: 'c-1',
      principalId: 'token:1',
      traceId: '0af7651916cd43dd8448eb211c80319c',
    });
  });

  it('has an error line where the service failed, and none where it said no', async () => {
    const { logger, lines } = logBook();
    const observe = observeRequests(logger, noMetrics);
    for (const status of [200, 304, 404, 429, 499, 500, 503]) observe({ ...REQUEST, status });
    expect((await lines()).filter(({ level }) => level === 'error').map(({ status }) => status)).to.deep.equal([500]);
  });

  it('measures each request as well', () => {
    const seen: AnsweredRequest[] = [];
    const { logger } = logBook();
    observeRequests(logger, { ...noMetrics, answered: (request) => seen.push(request) })(REQUEST);
    expect(seen).to.deep.equal([REQUEST]);
  });

  it('reports an unexpected failure with where it happened and the correlation id that the caller was told', async () => {
    const { logger, lines } = logBook();
    reportTo(logger)(new RangeError('tainted'), { where: 'GiftCard.redeem', correlationId: 'c-1' });
    const [line] = await lines();
    expect(line).to.include({ level: 'error', where: 'GiftCard.redeem', correlationId: 'c-1' });
    expect(line?.['error']).to.include({ name: 'RangeError' }).and.not.have.property('message');
  });

  it('warns of an outage with its cause, once in five seconds however many requests meet it', async () => {
    const { logger, lines } = logBook();
    let now = 0;
    const report = reportTo(logger, () => now);
    const outage = new ServiceUnavailable('The keys cannot be fetched now.');
    outage.cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' });
    for (now = 0; now < 10_000; now += 100) report(outage, { where: 'GiftCard.redeem' });
    const written = await lines();
    expect(written.map(({ level, leftOut }) => [level, leftOut])).to.deep.equal([
      ['warn', 0],
      ['warn', 49],
    ]);
    expect(written[0]).to.have.nested.property('error.cause.code', 'ECONNREFUSED');
  });
});
