import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ServerProcess } from '../support/server-process.ts';

const ADMIN_TOKEN = randomBytes(24).toString('base64url');

interface Traced {
  readonly type: string;
  readonly trace_parent: string | null;
}

describe('The trace context of a request', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let owner: pg.Client;
  let server: ServerProcess;

  before(async () => {
    database = await testDatabase();
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
    const PEPPERS = `1:${randomBytes(32).toString('base64')}`;
    const { applicationUrl: DATABASE_URL, ownerUrl: DATABASE_OWNER_URL } = database;
    server = await new ServerProcess({ DATABASE_URL, DATABASE_OWNER_URL, PEPPERS }, ADMIN_TOKEN).ready();
  });

  after(async () => {
    await server.end('SIGKILL');
    await owner.end();
    await database.close();
  });

  /** Creates a card whose code goes out by e-mail; resolves to the id by which its traces are found. */
  async function create(headers: { readonly [name: string]: string }): Promise<string> {
    const correlationId = randomUUID();
    const amount = { amount: '10.00', currency: 'USD' };
    const recipientEmail = 'somebody@example.org';
    const response = await fetch(`${server.url}/v1/gift-cards/create`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
        ...{ 'idempotency-key': randomUUID(), 'x-correlation-id': correlationId, ...headers },
      },
      body: JSON.stringify({ amount, purchaserId: 'user_1', recipientEmail, deliver: 'email' }),
    });
    expect(response.status).to.equal(200);
    return correlationId;
  }

  async function rows(table: 'portolan.events' | 'jobs.job', correlationId: string): Promise<readonly Traced[]> {
    const text = `SELECT type, trace_parent FROM ${table} WHERE correlation_id = $1 ORDER BY type`;
    return (await owner.query<Traced>(text, [correlationId])).rows;
  }

  /** The jobs that a consumer of the log has made of the request. */
  async function jobsOf(correlationId: string): Promise<readonly Traced[]> {
    for (;;) {
      const found = await rows('jobs.job', correlationId);
      if (found.length > 0) return found;
      await delay(20);
    }
  }

  it('stands in the events of its command and in the job that these ask for', async () => {
    const traceId = randomBytes(16).toString('hex');
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    const correlationId = await create({ traceparent });
    const jobs = await jobsOf(correlationId);
    const events = await rows('portolan.events', correlationId);
    expect(jobs).to.deep.equal([{ type: 'gift-cards.deliver-code', trace_parent: traceparent }]);
    expect(events.map(({ type }) => type)).to.include('gift_card.created');
    for (const { type, trace_parent } of events) expect(trace_parent, type).to.equal(traceparent);
  });

  it('is left out where the request has none, or one that is malformed', async () => {
    for (const headers of [{}, { traceparent: '00-nonsense-00f067aa0ba902b7-01' }]) {
      const correlationId = await create(headers);
      for (const { type, trace_parent } of [
        ...(await jobsOf(correlationId)),
        ...(await rows('portolan.events', correlationId)),
      ]) {
        expect(trace_parent, type).to.equal(null);
      }
    }
  });
});
