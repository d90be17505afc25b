import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { peppersOnCards, PEPPERS_ON_CARDS } from '../../src/infrastructure/postgres/peppers-on-cards.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ServerProcess } from '../support/server-process.ts';

const pepper = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const ADMIN_TOKEN = randomBytes(24).toString('base64url');

/** As many cards as nobody wants to read at each start. */
const CARDS = 30_000;

describe('peppers that cards name', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let owner: pg.Client;
  const servers: ServerProcess[] = [];

  const serve = (environment: NodeJS.ProcessEnv): ServerProcess => {
    const { applicationUrl: DATABASE_URL, ownerUrl: DATABASE_OWNER_URL } = database;
    const server = new ServerProcess({ DATABASE_URL, DATABASE_OWNER_URL, ...environment }, ADMIN_TOKEN);
    servers.push(server);
    return server;
  };

  /** Cards under peppers `oldest`, `older` and `newest`, of which `older` has one. */
  before(async () => {
    database = await testDatabase();
    await migrate(database.ownerUrl);
    owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    expect(await peppersOnCards(database.ownerUrl), 'of the decoys').to.deep.equal([]);
    await owner.query(
      `INSERT INTO gift_cards.cards (id, tenant, code_index, pepper_id, prefix, last_four, currency, original_amount,
         current_balance, status, purchaser_id, created_at, updated_at, version, entry_count)
       SELECT gen_random_uuid(), 'default', gen_random_uuid(),
         CASE WHEN n = 7 THEN 'older' WHEN n % 2 = 0 THEN 'oldest' ELSE 'newest' END,
         'GIFT', '0000', 'USD', 0, 0, 'fully_redeemed', 'buyer', now(), now(), 0, 0
       FROM generate_series(1, ${CARDS}) AS n`,
    );
    await owner.query('VACUUM ANALYZE gift_cards.cards');
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.end('SIGKILL');
  });

  after(async () => {
    await owner.end();
    await database.close();
  });

  it('are all found, by a look into the index for each of them', async () => {
    expect(await peppersOnCards(database.ownerUrl)).to.deep.equal(['newest', 'older', 'oldest']);
    const { rows } = await owner.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${PEPPERS_ON_CARDS}`);
    const { Plan: plan } = (rows[0] as { 'QUERY PLAN': [{ Plan: { [field: string]: number } }] })['QUERY PLAN'][0];
    const pages = (plan['Shared Hit Blocks'] ?? NaN) + (plan['Shared Read Blocks'] ?? NaN);
    expect(pages).to.be.within(1, 50);
  });

  it('stop the start where the configuration lacks them, with a line for each', async () => {
    const server = serve({ PEPPERS: pepper('newest') });
    expect((await server.ended).code).to.equal(2);
    expect(server.stderr.trimEnd().split('\n')).to.deep.equal([
      'PEPPERS lacks older, under which codes of cards were made: add it, or name it in LOST_PEPPERS',
      'PEPPERS lacks oldest, under which codes of cards were made: add it, or name it in LOST_PEPPERS',
    ]);
  });

  it('do not stop it where they are configured, or given up', async () => {
    const server = serve({ PEPPERS: [pepper('newest'), pepper('oldest')].join(), LOST_PEPPERS: 'older, lost-before' });
    await server.ready();
    expect((await fetch(`${server.url}/readyz`)).status).to.equal(200);
  });
});
