import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMetricsServer } from '../../src/interfaces/http/metrics.ts';
import { closeDemoApis, startDemoApi } from '../support/demo-api.ts';

interface Readiness {
  readonly status: string;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly durationMs: number }[];
}
const readiness = async (response: Response): Promise<Readiness> => (await response.json()) as Readiness;

describe('health', () => {
  afterEach(closeDemoApis);

  it('is alive whatever the checks say', async () => {
    const api = await startDemoApi({
      api: { health: { checks: { database: () => Promise.reject(new Error('down')) } } },
    });
    expect((await api.get('/livez')).status).to.equal(200);
  });

  it('is ready when every check passes, with the time that each took', async () => {
    const api = await startDemoApi({ api: { health: { checks: { database: () => sleep(20), log: () => sleep(0) } } } });
    const response = await api.get('/readyz');
    expect(response.status).to.equal(200);
    const { status, checks } = await readiness(response);
    expect(status).to.equal('ok');
    expect(checks.map(({ name, ok }) => [name, ok])).to.deep.equal([
      ['database', true],
      ['log', true],
    ]);
    expect(checks[0]?.durationMs).to.be.within(15, 1_000);
  });

  it('is not ready when a check fails; the reason goes to the report and not to the caller', async () => {
    const api = await startDemoApi({
      api: { health: { checks: { database: () => Promise.reject(new Error('password wrong')) } } },
    });
    const response = await api.get('/readyz');
    expect(response.status).to.equal(503);
    const text = await response.text();
    expect(text).to.contain('"ok":false').and.not.contain('password');
    expect(api.reports[0]?.context).to.deep.equal({ where: 'health:database' });
  });

  it('is not ready when a check takes too long, even one that does not listen', async () => {
    const checks = { database: () => new Promise<void>(() => undefined) };
    const api = await startDemoApi({ api: { health: { checks, checkTimeoutMs: 20 } } });
    expect((await api.get('/readyz')).status).to.equal(503);
  });

  it('asks at most once per second, however many ask', async () => {
    let asked = 0;
    const checks = { database: async () => void asked++ };
    const api = await startDemoApi({ api: { health: { checks } } });
    await Promise.all(Array.from({ length: 10 }, () => api.get('/readyz')));
    await api.get('/readyz');
    expect(asked).to.equal(1);
    const fresh = await startDemoApi({ api: { health: { checks, cacheMs: 1 } } });
    await fresh.get('/readyz');
    await sleep(5);
    await fresh.get('/readyz');
    expect(asked).to.equal(3);
  });

  it('is not ready while the server drains, without asking anybody', async () => {
    const checks = { database: () => Promise.reject(new Error('asked')) };
    const api = await startDemoApi({ api: { health: { checks, draining: () => true } } });
    const response = await api.get('/readyz');
    expect(response.status).to.equal(503);
    expect((await readiness(response)).status).to.equal('draining');
    expect(api.reports).to.deep.equal([]);
  });
});

describe('metrics', () => {
  afterEach(closeDemoApis);
  const metrics = (): Promise<string> => Promise.resolve('calls_total 1\n');

  it('are told to callers on this machine, in the text format of Prometheus', async () => {
    const api = await startDemoApi({ api: { metrics } });
    const response = await api.get('/metrics');
    expect(response.headers.get('content-type')).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).to.equal('calls_total 1\n');
  });

  it('need the permission metrics:read from anybody who comes through a proxy', async () => {
    const api = await startDemoApi({ api: { metrics } });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await api.get('/metrics', { 'x-forwarded-for': '203.0.113.9', ...headers })).status;
    expect(await status({})).to.equal(401);
    expect(await status({ authorization: 'Bearer stolen' })).to.equal(401);
    expect(await status({ authorization: 'Bearer reader' })).to.equal(403);
    expect(await status({ authorization: 'Bearer clerk' })).to.equal(200);
  });

  it('need it from callers on this machine too where a proxy stands in front, or where that is asked for', async () => {
    for (const option of [{ trustProxy: 1 }, { trustProxy: 'loopback' }, { localMetrics: false }]) {
      const { get } = await startDemoApi({ api: { metrics, ...option } });
      const status = async (headers?: Record<string, string>): Promise<number> =>
        (await get('/metrics', headers)).status;
      expect(await status(), JSON.stringify(option)).to.equal(401);
      expect(await status({ authorization: 'Bearer reader' })).to.equal(403);
      expect(await status({ authorization: 'Bearer clerk' })).to.equal(200);
    }
  });

  it('do not exist where there are none', async () => {
    expect((await (await startDemoApi()).get('/metrics')).status).to.equal(404);
  });

  it('can have a port of their own, which serves nothing else', async () => {
    const failures: unknown[] = [];
    let fail = false;
    const server = createMetricsServer(
      () => (fail ? Promise.reject(new Error('no')) : metrics()),
      (error) => failures.push(error),
    );
    const { port } = await server.listen(0, '127.0.0.1');
    const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
    expect(await (await get('/metrics')).text()).to.equal('calls_total 1\n');
    expect((await get('/v1/parcels/find')).status).to.equal(404);
    fail = true;
    expect((await get('/metrics')).status).to.equal(500);
    expect(failures).to.have.length(1);
    await server.close(0);
  });
});
