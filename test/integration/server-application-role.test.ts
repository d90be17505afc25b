import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ServerProcess } from '../support/server-process.ts';

const PEPPERS = `1:${randomBytes(32).toString('base64')}`;
const ADMIN_TOKEN = randomBytes(24).toString('base64url');
const PARTITIONS = 'partitions of the log are made when its owner starts or migrates';

describe("a server that has only the application role's address", function () {
  this.timeout(60_000);
  let database: TestDatabase;
  const servers: ServerProcess[] = [];

  const serve = (environment: NodeJS.ProcessEnv = {}): ServerProcess => {
    const server = new ServerProcess({ DATABASE_URL: database.applicationUrl, PEPPERS, ...environment }, ADMIN_TOKEN);
    servers.push(server);
    return server;
  };

  beforeEach(async () => void (database = await testDatabase()));

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.end('SIGKILL');
    await database.close();
  });

  it('serves a database that its owner has migrated, and does so again once there are events', async () => {
    await migrate(database.ownerUrl);
    const amount = { amount: '10.00', currency: 'USD' };
    for (const orderId of ['order-1', 'order-2']) {
      const server = await serve().ready();
      const { code } = await server.call<{ code: string }>('gift-cards/create', { amount, purchaserId: 'user_1' });
      const paid = await server.call<{ redeemedAmount: object }>('gift-cards/redeem', { code, orderId });
      expect(paid.redeemedAmount).to.deep.equal(amount);
      expect(server.log.filter(({ message }) => message === PARTITIONS)).to.have.lengthOf(1);
      expect(server.log.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([]);
      expect(await server.end('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    }
  });

  it("says nothing of partitions where it has the owner's address as well", async () => {
    const server = await serve({ DATABASE_OWNER_URL: database.ownerUrl }).ready();
    expect(server.log.map(({ message }) => message))
      .to.include('migrated')
      .and.not.to.include(PARTITIONS);
  });

  it('says in a line who has to migrate a database that nobody has migrated', async () => {
    const server = serve();
    expect((await server.ended).code).to.equal(1);
    const lines = server.stderr.trimEnd().split('\n');
    expect(lines).to.have.lengthOf(1);
    expect(lines[0]).to.match(/^The database lacks 0001_log\.sql, .*run `portolan migrate` with the owner's address/);
  });
});
