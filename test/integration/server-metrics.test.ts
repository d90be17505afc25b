import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { freePort } from '../support/ports.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ServerProcess } from '../support/server-process.ts';

const ADMIN_TOKEN = randomBytes(24).toString('base64url');

describe('/metrics of a server', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  const servers: ServerProcess[] = [];

  const serve = (environment: NodeJS.ProcessEnv): Promise<ServerProcess> => {
    const PEPPERS = `1:${randomBytes(32).toString('base64')}`;
    const { applicationUrl: DATABASE_URL, ownerUrl: DATABASE_OWNER_URL } = database;
    const server = new ServerProcess({ DATABASE_URL, DATABASE_OWNER_URL, PEPPERS, ...environment }, ADMIN_TOKEN);
    servers.push(server);
    return server.ready();
  };

  const statusOf = async (server: ServerProcess, headers = {}): Promise<number> =>
    (await fetch(`${server.url}/metrics`, { headers })).status;

  before(async () => void (database = await testDatabase()));

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.end('SIGKILL');
  });

  after(() => database.close());

  for (const environment of [{ NODE_ENV: 'production' }, { TRUST_PROXY: 'loopback' }]) {
    it(`asks everybody for metrics:read with ${Object.entries(environment).flat().join('=')}`, async () => {
      const server = await serve(environment);
      expect(await statusOf(server)).to.equal(401);
      expect(await statusOf(server, { authorization: `Bearer ${server.adminToken}` })).to.equal(200);
    });
  }

  it('asks nobody at a port of its own, and is then not on the main port', async () => {
    const port = await freePort();
    const server = await serve({ NODE_ENV: 'production', METRICS_PORT: `${port}` });
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).to.equal(200);
    expect(await statusOf(server, { authorization: `Bearer ${server.adminToken}` })).to.equal(404);
  });
});
