import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { databaseFault } from '../../src/composition/fault-lines.ts';
import { backup } from '../../src/infrastructure/postgres/backup.ts';
import { LogWakeup } from '../../src/infrastructure/postgres/log-wakeup.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { peppersOnCards } from '../../src/infrastructure/postgres/peppers-on-cards.ts';
import { createPool } from '../../src/infrastructure/postgres/pools.ts';
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

  it('has half a minute where nothing else is said', async () => {
    const pool = createPool({ connectionString: database.ownerUrl, max: 1, onError: () => undefined });
    try {
      expect((await pool.query('SHOW statement_timeout')).rows).to.deep.equal([{ statement_timeout: '30s' }]);
    } finally {
      await pool.end();
    }
  });
});
