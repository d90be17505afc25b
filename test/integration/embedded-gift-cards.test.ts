import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { ServiceUnavailable } from '../../src/application/shared/errors.ts';
import { JobQueueFull, PermanentJobFailure } from '../../src/application/shared/job-errors.ts';
import type { Mail } from '../../src/application/shared/mailer.ts';
import { postgresGiftCards, type PostgresGiftCardService } from '../../src/composition/postgres-gift-cards.ts';
import { giftCardRepositoryContract } from '../../src/contracts/gift-cards/gift-card-repository-contract.ts';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { InsufficientBalance } from '../../src/domain/gift-cards/errors.ts';
import { PostgresEventLog } from '../../src/infrastructure/postgres/event-log.ts';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { named } from '../../src/infrastructure/postgres/statement.ts';
import { testDatabase } from '../support/postgres.ts';
import { transactionOn } from '../support/transaction.ts';

const PEPPERS = `1:${'5eed'.repeat(11)}`;
const usd = (amount: string) => ({ amount, currency: 'USD' });

/** A pool as anybody has one: no pipeline mode, no settings, the owner's role. */
interface Embedder {
  readonly pool: pg.Pool;
  readonly ownerUrl: string;
  readonly giftCards: PostgresGiftCardService;
  readonly mails: Mail[];
  readonly faults: unknown[];
  close(): Promise<void>;
}

async function embedder(config: pg.PoolConfig = {}): Promise<Embedder> {
  const database = await testDatabase();
  await migrate(database.ownerUrl);
  const pool = new pg.Pool({ ...config, connectionString: database.ownerUrl });
  const mails: Mail[] = [];
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => void faults.push(error);
  const mailer = { send: async (mail: Mail): Promise<void> => void mails.push(mail) };
  const giftCards = postgresGiftCards({ pool, peppers: PEPPERS, mailer, onFault });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await giftCards.close();
    await pool.end();
    await database.close();
  };
  return { pool, ownerUrl: database.ownerUrl, giftCards, mails, faults, close: () => (closed ??= close()) };
}

/** Has cards changed that a stranger holds, and answers with how many connections that took at a time. */
async function mostBusyWhileHeld({ giftCards, pool, ownerUrl }: Embedder): Promise<number> {
  const { GiftCard } = giftCards.client();
  const cards = await Promise.all(
    Array.from({ length: 20 }, () => GiftCard.create({ amount: usd('50.00'), purchaserId: 'anna' })),
  );
  const stranger = new pg.Client({ connectionString: ownerUrl });
  await stranger.connect();
  await stranger.query('BEGIN');
  await stranger.query('SELECT FROM gift_cards.cards WHERE id = ANY($1::uuid[]) FOR UPDATE', [
    cards.map(({ id }) => id),
  ]);
  let mostBusy = 0;
  const count = (): void => void (mostBusy = Math.max(mostBusy, pool.totalCount - pool.idleCount));
  pool.on('acquire', count);
  const reload = ({ id }: { id: string }) => GiftCard.reload({ cardId: id, amount: { amount: '1.00' } });
  const reloads: Promise<{ currentBalance: unknown }>[] = [];
  for (const card of cards) {
    reloads.push(reload(card));
    // Not all in one batch.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await delay(500);
  pool.off('acquire', count);
  const unchanged = await GiftCard.getCard({ cardId: cards[0]?.id ?? '' });
  expect(unchanged.currentBalance).to.deep.equal(usd('50.00'));
  await stranger.query('ROLLBACK');
  await stranger.end();
  const settled = await Promise.all(reloads);
  expect(settled.map(({ currentBalance }) => currentBalance)).to.deep.equal(cards.map(() => usd('51.00')));
  return mostBusy;
}

async function siteOf(): Promise<GiftCardSite> {
  const { pool, giftCards, faults, close } = await embedder();
  const { cards, reader, bulk, eraser, marks } = giftCards.ports;
  const log = new PostgresEventLog({ pool, onError: (error) => faults.push(error) });
  return {
    ...{ repository: cards, reader, bulkIssuer: bulk, eraser, marks, log },
    transaction: transactionOn(pool),
    async close() {
      await log.close();
      await close();
    },
  };
}

giftCardRepositoryContract({ describe, it, before, after }, "a caller's own pool", siteOf);

describe('Gift cards on a pool whose database is away', () => {
  it('say so to the program in the words of the frame, with what the driver said as the cause', async () => {
    const pool = new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/nowhere' });
    const giftCards = postgresGiftCards({ pool, peppers: PEPPERS, onFault: () => undefined });
    const { GiftCard, Event } = giftCards.client();
    const order = {
      id: '1',
      source: 'shop',
      type: 'order.cancelled',
      data: { orderId: '1' },
      specversion: '1.0',
    } as const;
    const failures = await Promise.allSettled([
      GiftCard.getCard({ cardId: randomUUID() }),
      GiftCard.liabilityReport({}),
      Event.ingest({ events: [order] }),
    ]);
    for (const failure of failures) {
      expect(failure).to.have.property('reason').that.is.instanceOf(ServiceUnavailable);
      expect(failure).to.have.nested.property('reason.cause.code', 'ECONNREFUSED');
    }
    await giftCards.close();
    await pool.end();
  });
});

describe("gift cards on a caller's own pool", () => {
  let own: Embedder;
  before(async () => void (own = await embedder()));
  after(async () => own?.close());

  it('reads the last instant of 9999 on connections whose time zone is ahead', async () => {
    const { giftCards, close } = await embedder({ options: '-c TimeZone=Asia/Tokyo' });
    try {
      const { GiftCard } = giftCards.client();
      const expiresAt = '9999-12-31T23:59:59.000Z';
      const { id, code = '' } = await GiftCard.create({ amount: usd('50.00'), purchaserId: 'tokyo', expiresAt });
      await GiftCard.hold({ code, orderId: 'o1', amount: usd('10.00') });
      expect((await GiftCard.getCard({ cardId: id })).expiresAt).to.equal(expiresAt);
      expect((await GiftCard.listCards({ purchaserId: 'tokyo' })).map((card) => card.expiresAt)).to.deep.equal([
        expiresAt,
      ]);
      expect((await GiftCard.freeze({ cardId: id, reason: 'check' })).expiresAt).to.equal(expiresAt);
    } finally {
      await close();
    }
  });

  it('asks a connection for one thing at a time, also when many call', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const { GiftCard } = own.giftCards.client();
    const { id } = await GiftCard.create({ amount: usd('50.00'), purchaserId: 'anna' });
    const reload = () => GiftCard.reload({ cardId: id, amount: { amount: '1.00' } });
    await Promise.all(Array.from({ length: 50 }, reload));
    expect((await GiftCard.getCard({ cardId: id })).currentBalance).to.deep.equal(usd('100.00'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).to.deep.equal([]);
  });

  it('leaves half of the connections to the caller, however many cards are held by others', async () => {
    expect(await mostBusyWhileHeld(own)).to.be.within(2, 5);
  });

  it('joins a transaction, and is undone with it', async () => {
    const { GiftCard } = own.giftCards.client();
    const { code = '' } = await GiftCard.create({ amount: usd('50.00'), purchaserId: 'anna' });
    const client = await own.pool.connect();
    await client.query('BEGIN');
    const paid = await GiftCard.redeem({ code, orderId: 'undone' }, { unit: client });
    expect(paid.remainingBalance).to.deep.equal(usd('0.00'));
    await client.query('ROLLBACK');
    client.release();
    expect((await GiftCard.checkBalance({ code })).currentBalance).to.deep.equal(usd('50.00'));
  });

  it('tells the program itself why a card is refused', async () => {
    const { GiftCard } = own.giftCards.client();
    const { code = '' } = await GiftCard.create({ amount: usd('50.00'), purchaserId: 'anna' });
    const refusal = await GiftCard.redeem({ code, orderId: '1', amount: usd('50.01') }).catch(
      (error: unknown) => error,
    );
    expect(refusal).to.be.instanceOf(InsufficientBalance);
  });

  it('refuses what needs a job while too many wait, and does it later under the same key', async () => {
    const { GiftCard } = own.giftCards.client();
    const waiting = `INSERT INTO jobs.job (id, tenant, type, payload, priority, state, run_at, order_at)
      SELECT gen_random_uuid(), 'default', 'gift-cards.issue-batch', '{}', 'default', 'scheduled', '9999-01-01', '9999-01-01'
      FROM generate_series(1, 100000)`;
    await own.pool.query(waiting);
    const order = () =>
      GiftCard.bulkCreate({ count: 2, amount: usd('5.00') }, { idempotencyKey: 'later' }).catch(
        (error: unknown) => error,
      );
    expect(await order()).to.be.instanceOf(JobQueueFull);
    expect((await own.pool.query('SELECT FROM gift_cards.batches')).rowCount).to.equal(0);
    await own.pool.query('TRUNCATE jobs.job');
    // The count of jobs that wait is used for a little while.
    let batch = await order();
    while (batch instanceof JobQueueFull) batch = await order();
    expect(batch).to.include({ createdCount: 2 });
  });

  it('delivers codes by the mailer that it was given, once there is somebody at work', async () => {
    const { GiftCard } = own.giftCards.client();
    const recipient = { recipientEmail: 'friend@example.com', deliver: 'email' } as const;
    await GiftCard.create({ amount: usd('20.00'), purchaserId: 'anna', ...recipient });
    expect(own.mails).to.deep.equal([]);
    await own.giftCards.work();
    while (own.mails.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(own.mails).to.have.lengthOf(1);
    expect(own.mails[0]).to.include({ to: 'friend@example.com' });
    expect(own.faults).to.deep.equal([]);
  });

  it("leaves also a small batch to the job where it is created in the caller's transaction", async () => {
    const { GiftCard } = own.giftCards.client();
    const client = await own.pool.connect();
    await client.query('BEGIN');
    const { batchId, jobId, cards } = await GiftCard.bulkCreate({ count: 2, amount: usd('5.00') }, { unit: client });
    expect([typeof jobId, cards]).to.deep.equal(['string', []]);
    await client.query('COMMIT');
    client.release();
    let batch = await GiftCard.getBatch({ batchId });
    while (batch.status !== 'ready') batch = await GiftCard.getBatch({ batchId });
    expect(batch.createdCount).to.equal(2);
  });

  it('tells of a job that is dead, by its type and with its last error', async () => {
    const id = randomUUID();
    await own.pool.query(
      `INSERT INTO jobs.job (id, tenant, type, payload, priority, state, run_at, order_at)
       VALUES ($1, 'default', 'gift-cards.deliver-code', '{}', 'default', 'queued', now(), now())`,
      [id],
    );
    while (own.faults.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const [fault] = own.faults as [Error];
    expect(fault.message).to.equal(`The job ${id} (gift-cards.deliver-code) is dead.`);
    expect(fault.cause).to.be.instanceOf(PermanentJobFailure);
  });

  it('takes in events of orders, each once, and refunds the card once somebody is at work', async () => {
    const { giftCards, faults, close } = await embedder();
    try {
      const { GiftCard, Event } = giftCards.client();
      const { id, code = '' } = await GiftCard.create({ amount: usd('50.00'), purchaserId: 'anna' });
      await GiftCard.redeem({ code, orderId: 'order-1', amount: usd('30.00') });
      const data = { orderId: 'order-1', refundId: 'refund-1', legs: [{ cardId: id, amount: usd('12.00') }] };
      const refunded = { specversion: '1.0', id: 'event-1', source: '/shop', type: 'order.refunded', data } as const;
      expect(await Event.ingest({ events: [refunded] })).to.deep.equal({ accepted: [true] });
      const again = await Event.ingest({ events: [refunded] }, { idempotencyKey: 'again' });
      expect(again).to.deep.equal({ accepted: [false] });
      const balance = async () => (await GiftCard.getCard({ cardId: id })).currentBalance.amount;
      expect(await balance()).to.equal('20.00');
      await giftCards.work();
      while ((await balance()) === '20.00') await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await balance()).to.equal('32.00');
      expect(await Event.listDead({})).to.deep.equal([]);
      const { events } = await Event.list({ types: ['order.refunded', 'gift_card.refunded'] });
      expect(events.map(({ type, actor }) => [type, actor])).to.deep.equal([
        ['order.refunded', 'system:program'],
        ['gift_card.refunded', 'system:gift-cards'],
      ]);
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });

  it("names each statement that a connection keeps by its text, so that another version's is another", async () => {
    const clients: pg.PoolClient[] = [];
    // One is kept to listen.
    while (clients.length < 9) clients.push(await own.pool.connect());
    const read = 'SELECT name, statement FROM pg_prepared_statements';
    const kept: { name: string; statement: string }[] = [];
    for (const client of clients) kept.push(...(await client.query<(typeof kept)[number]>(read)).rows);
    for (const client of clients) client.release();
    const texts = new Map(kept.map(({ name, statement }) => [name, statement]));
    expect(texts.size).to.be.greaterThan(8);
    for (const [name, text] of texts) expect(named(text).name, text).to.equal(name);
  });

  it("tells the caller of events, live and once with effects in the caller's own tables", async () => {
    const { pool, giftCards, faults, close } = await embedder();
    try {
      const { GiftCard } = giftCards.client();
      const { log } = giftCards;
      const filter = { types: ['gift_card.redeemed'] };
      await pool.query('CREATE TABLE loyalty (card_id text, order_id text)');
      const { id, code = '' } = await GiftCard.create({ amount: usd('50.00'), purchaserId: 'anna' });
      const seen: unknown[] = [];
      log.live((events) => seen.push(...events.map(({ payload }) => payload['orderId'])), {
        after: await log.head(),
        filter,
      });
      let tries = 0;
      log.exclusive({
        ...{ name: 'shop.loyalty', filter },
        async handle({ payload }, { unit }) {
          const values = [payload['cardId'], payload['orderId']];
          await (unit as pg.PoolClient).query('INSERT INTO loyalty VALUES ($1, $2)', values);
          await GiftCard.reload({ cardId: id, amount: { amount: '0.50' } }, { unit });
          tries += 1;
          if (tries === 1) throw new Error('the first try');
        },
      });
      for (const orderId of ['1', '2']) await GiftCard.redeem({ code, orderId, amount: usd('10.00') });
      const rows = async () => (await pool.query('SELECT * FROM loyalty ORDER BY order_id')).rows as unknown[];
      while (seen.length < 2 || (await rows()).length < 2) await delay(20);
      expect(seen).to.deep.equal(['1', '2']);
      expect(await rows()).to.deep.equal(['1', '2'].map((order) => ({ card_id: id, order_id: order })));
      expect((await GiftCard.getCard({ cardId: id })).currentBalance).to.deep.equal(usd('31.00'));
      expect(faults.map(String)).to.deep.equal(['Error: the first try']);
      await giftCards.close();
      expect(await log.head().catch(String)).to.equal('Error: The event log is closed.');
    } finally {
      await close();
    }
  });

  it('takes in no event that gift cards publish themselves, and none from who may not bring any', async () => {
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => 'accepted',
        ({ code }: { code: string }) => code,
      );
    const created = { specversion: '1.0', id: '1', source: '/shop', type: 'gift_card.created', data: {} } as const;
    expect(await codeOf(own.giftCards.client().Event.ingest({ events: [created] }))).to.equal('events.reserved_type');
    const shop = { id: 'user:1', kind: 'user', tenant: 'default', permissions: new Set(['gift-cards:*']) } as const;
    const { Event } = own.giftCards.client(shop);
    expect(await codeOf(Event.ingest({ events: [created] }))).to.equal('request.permission_denied');
  });
});

describe('gift cards on the fewest connections', () => {
  const input = { amount: usd('20.00'), purchaserId: 'anna', recipientEmail: 'friend@example.com' } as const;
  let few: Embedder;
  before(async () => void (few = await embedder({ max: 5 })));
  after(async () => few?.close());

  it('leave half of them to the caller, however many cards are held by others', async () => {
    expect(await mostBusyWhileHeld(few)).to.be.within(1, 2);
  });

  it('need no other for commands in transactions of the caller, who has taken all', async () => {
    const { GiftCard } = few.giftCards.client();
    const batch = { count: 2, amount: usd('5.00') };
    const { batchId } = await GiftCard.bulkCreate(batch, { idempotencyKey: 'batch' });
    const clients = await Promise.all(Array.from({ length: 5 }, () => few.pool.connect()));
    const all = clients.map(async (unit) => {
      await unit.query('BEGIN');
      const { id: cardId } = await GiftCard.create(input, { unit });
      await GiftCard.resendEmail({ cardId }, { unit });
      await GiftCard.reissueCode({ cardId, reason: 'mistyped', deliver: 'email' }, { unit });
      await GiftCard.bulkCreate(batch, { unit });
      const repeated = await GiftCard.bulkCreate(batch, { unit, idempotencyKey: 'batch' });
      expect([repeated.batchId, repeated.cards.length]).to.deep.equal([batchId, 2]);
      await unit.query('COMMIT');
    });
    const ended = Promise.allSettled(all);
    const outcome = await Promise.race([ended, delay(10_000).then(() => 'still waiting')]);
    for (const client of clients) client.release(true);
    await ended;
    expect(outcome).to.deep.equal(clients.map(() => ({ status: 'fulfilled', value: undefined })));
  });

  it('send the code of a card again, or a new one, where that was created in the same transaction', async () => {
    const { GiftCard } = few.giftCards.client();
    await transactionOn(few.pool)(async (unit) => {
      const { id: cardId } = await GiftCard.create({ ...input, deliver: 'email' }, { unit });
      const { deliveryId } = await GiftCard.resendEmail({ cardId }, { unit });
      await GiftCard.reissueCode({ cardId, reason: 'mistyped', deliver: 'email' }, { unit });
      const again = await GiftCard.resendEmail({ cardId }, { unit });
      expect(again.deliveryId).not.to.equal(deliveryId);
    });
  });

  it('refuse fewer', async () => {
    const pool = new pg.Pool({ max: 4 });
    const open = () => postgresGiftCards({ pool, peppers: PEPPERS, onFault: () => undefined });
    expect(open).to.throw(RangeError, '5 connections or more; this one has 4');
    await pool.end();
  });
});
