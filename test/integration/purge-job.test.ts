import { expect } from 'chai';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { App } from '../../src/app.ts';
import { loadConfig } from '../../src/composition/config.ts';
import { until } from '../../src/contracts/jobs/job-queue-site.ts';
import { logBook } from '../support/log-lines.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const ADMIN_TOKEN = randomBytes(24).toString('base64url');
const PURGE = 'portolan.purge';

interface PurgeJob {
  readonly state: string;
  readonly result: unknown;
}

interface Envelope {
  readonly data: { readonly id: string };
  readonly meta: { readonly replayed?: boolean };
}

describe('what was only kept for repeats', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let owner: pg.Client;
  let app: App;
  let url: string;
  const peppers = `1:${randomBytes(32).toString('base64')}`;

  async function start(): Promise<void> {
    const config = loadConfig({
      ...{ NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0', PEPPERS: peppers, RECEIPT_RETENTION_HOURS: '2' },
      ...{ DATABASE_URL: database.applicationUrl, DATABASE_OWNER_URL: database.ownerUrl },
      ADMIN_TOKEN_SHA256: createHash('sha256').update(ADMIN_TOKEN).digest('hex'),
    });
    app = new App(config, logBook({ level: 'error' }).logger);
    ({ url } = await app.start());
  }

  before(async () => {
    database = await testDatabase({ fsync: false });
    owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    await start();
  });
  after(async () => {
    await app.stop();
    await owner.end();
    await database.close();
  });

  async function issue(key: string): Promise<Envelope> {
    const response = await fetch(`${url}/v1/gift-cards/create`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', 'idempotency-key': key },
        authorization: `Bearer ${ADMIN_TOKEN}`,
      },
      body: JSON.stringify({ amount: { amount: '50.00', currency: 'USD' }, purchaserId: 'buyer' }),
    });
    expect(response.status).to.equal(200);
    return (await response.json()) as Envelope;
  }

  /** Makes the receipts that there are older, by so many minutes. */
  const age = (minutes: number): Promise<unknown> =>
    owner.query(`UPDATE portolan.receipts SET created_at = created_at - $1 * interval '1 minute'`, [minutes]);

  /** Starts the server after a time in which the job should have run. */
  async function missTick(): Promise<void> {
    await app.stop();
    // The test may run at the minute at which the job does.
    await owner.query('DELETE FROM jobs.job WHERE type = $1', [PURGE]);
    const sql = `UPDATE jobs.schedule SET last_tick = last_tick - interval '2 hours' WHERE name = $1`;
    expect((await owner.query(sql, [PURGE])).rowCount).to.equal(1);
    await start();
  }

  /** The first run of the job, once it has come to its end. */
  const endedPurge = (): Promise<PurgeJob> =>
    until('the job has ended', async () => {
      const sql = 'SELECT state, result FROM jobs.job WHERE type = $1 ORDER BY number LIMIT 1';
      const [job] = (await owner.query<PurgeJob>(sql, [PURGE])).rows;
      return job !== undefined && ['completed', 'dead'].includes(job.state) && job;
    });

  it('goes by a scheduled job when it is too old, and stays when it is not', async () => {
    const [old, young] = [randomUUID(), randomUUID()];
    const first = await issue(old);
    await age(61);
    const kept = await issue(young);
    await age(60);
    await owner.query(
      `INSERT INTO portolan.consumed (consumer, event_id, created_at)
       SELECT 'c', gen_random_uuid(), now() - days * interval '1 day' FROM unnest(ARRAY[6, 8, 9]) AS days`,
    );
    await missTick();
    expect(await endedPurge()).to.deep.equal({ state: 'completed', result: { receipts: 1, consumed: 2, jobs: 0 } });
    const again = await issue(young);
    expect([again.data.id, again.meta.replayed]).to.deep.equal([kept.data.id, true]);
    const anew = await issue(old);
    expect(anew.meta.replayed).not.to.equal(true);
    expect(anew.data.id).not.to.equal(first.data.id);
  });
});
