import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { databaseFault } from '../../src/composition/fault-lines.ts';
import { backup } from '../../src/infrastructure/postgres/backup.ts';
import { inTransaction } from '../../src/infrastructure/postgres/log-transaction.ts';
import { LogWakeup } from '../../src/infrastructure/postgres/log-wakeup.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { peppersOnCards } from '../../src/infrastructure/postgres/peppers-on-cards.ts';
import { createPool } from '../../src/infrastructure/postgres/pools.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { dyingDatabase } from '../support/dying-database.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

describe('A database that does not answer', () => {
  let server: Server;
  let url: string;
  const sockets: Socket[] = [];

  before(async () => {
    server = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `postgres://app@127.0.0.1:${(server.address() as AddressInfo).port}/shop`;
  });

  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('keeps nobody waiting for a connection for more than some seconds, and is named as the fault', async () => {
    const wakeupFailed = Promise.withResolvers<unknown>();
    const wakeup = new LogWakeup({ connection: { connectionString: url }, onError: wakeupFailed.resolve });
    const failure = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
    const errors = await Promise.all([
      failure(migrate(url)),
      failure(peppersOnCards(url)),
      failure(backup(url, '/nowhere/backup')),
      wakeupFailed.promise,
    ]);
    await wakeup.close();
    for (const error of errors) expect(databaseFault(error)).to.include('does not answer');
  });
});

describe('A database that dies with a word', () => {
  const limits = { statementMs: 200, idleMs: 200 };

  it('fails who gets a connection just then, and the process lives on', async () => {
    const { url, close } = await dyingDatabase('ready');
    const pool = createPool({ connectionString: url, max: 1, onError: () => undefined });
    try {
      const [alone, within] = await Promise.allSettled([
        pool.query('SELECT 1'),
        inTransaction(pool, limits, async () => 1),
      ]);
      expect([alone.status, within.status]).to.deep.equal(['rejected', 'rejected']);
      expect(pool.totalCount).to.equal(0);
    } finally {
      await pool.end();
      close();
    }
  });

  it('fails who waited for the connection of another, and the process lives on', async () => {
    const { url, close } = await dyingDatabase('answered');
    const pool = createPool({ connectionString: url, max: 1, onError: () => undefined });
    try {
      const [first, next] = await Promise.allSettled([
        pool.query('SELECT 1'),
        inTransaction(pool, limits, async () => 1),
      ]);
      expect(first).to.have.property('status', 'fulfilled');
      expect(next).to.have.property('status', 'rejected');
    } finally {
      await pool.end();
      close();
    }
  });
});

describe('A statement that takes too long', () => {
  let database: TestDatabase;

  before(async () => {
    database = await testDatabase({ fsync: false });
  });

  after(() => database.close());

  it('is ended by the server, and its connection is free for others', async () => {
    const pool = createPool({ connectionString: database.ownerUrl, max: 1, onError: () => undefined }, 200);
    try {
      const failure: unknown = await pool.query('SELECT pg_sleep(20)').catch((error: unknown) => error);
      expect(failure).to.have.property('code', '57014');
      expect((await pool.query('SHOW statement_timeout')).rows).to.deep.equal([{ statement_timeout: '200ms' }]);
    } finally {
      await pool.end();
    }
  });

  it('is given up when the database is gone without a word, and its connection with it', async function () {
    this.timeout(20_000);
    const proxy = await ChaosProxy.start(database.ownerUrl);
    const pool = createPool({ connectionString: proxy.url, max: 2, onError: () => undefined }, 200);
    try {
      await Promise.all([pool.query('SELECT 1'), pool.query('SELECT 1')]);
      proxy.hang();
      const limits = { statementMs: 200, idleMs: 200 };
      const [alone, within] = await Promise.allSettled([
        pool.query('SELECT 1'),
        inTransaction(pool, limits, (client) => client.query('SELECT 1')),
      ]);
      expect(alone).to.have.nested.property('reason.message', 'Query read timeout');
      expect(within).to.have.nested.property('reason.message', 'Query read timeout');
      expect(pool.totalCount).to.equal(0);
      proxy.recover();
      expect((await pool.query('SELECT 1 AS one')).rows).to.deep.equal([{ one: 1 }]);
    } finally {
      await pool.end();
      await proxy.close();
    }
  });

  it('has half a minute where nothing else is said', async () => {
    const pool = createPool({ connectionString: database.ownerUrl, max: 1, onError: () => undefined });
    try {
      expect((await pool.query('SHOW statement_timeout')).rows).to.deep.equal([{ statement_timeout: '30s' }]);
    } finally {
      await pool.end();
    }
  });
});
