import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ServerProcess } from '../support/server-process.ts';

const ADMIN_TOKEN = randomBytes(24).toString('base64url');
const SOURCE = 'https://shop.example.com/orders';
const usd = (amount: string) => ({ amount, currency: 'USD' });

interface Card {
  readonly id: string;
  readonly code: string;
}
interface ParkedLeg {
  readonly refundId: string;
  readonly leg: number;
  readonly parked: { readonly amount: string };
}
interface DeadEvent {
  readonly consumer: string;
  readonly eventId: string;
  readonly errorCode: string;
  readonly attempts: number;
}

describe('events of orders, from their way in to the cards', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let owner: pg.Client;
  let server: ServerProcess;

  before(async () => {
    database = await testDatabase();
    const { applicationUrl: DATABASE_URL, ownerUrl: DATABASE_OWNER_URL } = database;
    const PEPPERS = `1:${randomBytes(32).toString('base64')}`;
    server = await new ServerProcess({ DATABASE_URL, DATABASE_OWNER_URL, PEPPERS }, ADMIN_TOKEN).ready();
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
  });
  after(async () => {
    await owner?.end();
    await server?.end('SIGTERM');
    await database?.close();
  });

  /** An event of a shop, with an id of its own unless one is given. */
  const event = (type: string, data: object, id: string = randomUUID()) => {
    return { specversion: '1.0', id, source: SOURCE, type, data };
  };
  const ingest = async (...events: readonly object[]): Promise<readonly boolean[]> =>
    (await server.call<{ accepted: boolean[] }>('events/ingest', { events })).accepted;

  /** Resolves once all events so far were handled: the consumer takes one after another, and this one comes last. */
  async function handled(): Promise<void> {
    const orderId = randomUUID();
    const leg = { cardId: randomUUID(), amount: usd('1.00') };
    await ingest(event('order.refunded', { orderId, refundId: 'last', legs: [leg] }));
    for (const deadline = Date.now() + 20_000; (await parked(orderId)).length === 0; await delay(10)) {
      expect(Date.now(), 'the consumer is at work').to.be.lessThan(deadline);
    }
  }

  const create = () => server.call<Card>('gift-cards/create', { amount: usd('100.00'), purchaserId: 'buyer' });
  const pay = ({ code }: Card, orderId: string, amount: string) =>
    server.call<{ redemptionId: string }>('gift-cards/redeem', { code, orderId, amount: usd(amount) });
  const balance = async ({ id }: Card): Promise<string> => {
    type View = { readonly currentBalance: { readonly amount: string } };
    return (await server.call<View>('gift-cards/get-card', { cardId: id })).currentBalance.amount;
  };
  const parked = async (orderId: string): Promise<readonly string[]> => {
    const legs = await server.call<ParkedLeg[]>('gift-cards/list-parked-refunds', { orderId });
    return legs.map(({ refundId, leg, parked: left }) => `${refundId}#${leg} ${left.amount}`);
  };
  const owed = async (): Promise<number> => {
    const reports = await server.call<{ currency: string; outstanding: string }[]>('gift-cards/liability-report', {});
    return Number(reports.find(({ currency }) => currency === 'USD')?.outstanding ?? '0');
  };
  const dead = () => server.call<DeadEvent[]>('events/list-dead', {});
  const refundOf = ({ id }: Card, orderId: string, refundId: string, amount: string) =>
    event('order.refunded', { orderId, refundId, legs: [{ cardId: id, amount: usd(amount) }] });

  it('park a refund that comes before its redemption, and apply it with that', async () => {
    const card = await create();
    const before = await owed();
    expect(await ingest(refundOf(card, 'early', 'r1', '15.00'))).to.deep.equal([true]);
    await handled();
    expect(await parked('early')).to.deep.equal(['r1#0 15.00']);
    expect(await balance(card)).to.equal('100.00');
    expect(await owed()).to.equal(before);
    await pay(card, 'early', '40.00');
    expect(await balance(card)).to.equal('75.00');
    expect(await parked('early')).to.deep.equal([]);
    expect(await owed()).to.equal(before - 25);
    expect(await dead()).to.deep.equal([]);
  });

  it('refund at once what is paid already, in the transaction that stores how far the consumer has come', async () => {
    const card = await create();
    await pay(card, 'late', '40.00');
    const before = await owed();
    await ingest(refundOf(card, 'late', 'r1', '15.00'));
    await handled();
    expect(await balance(card)).to.equal('75.00');
    expect(await parked('late')).to.deep.equal([]);
    expect(await owed()).to.equal(before + 15);
    // Rows that one transaction has written bear its number.
    const { rows } = await owner.query<{ actor: string; together: boolean }>(
      `SELECT e.actor, c.xmin = e.xmin AND j.xmin = e.xmin AS together FROM portolan.events e
         JOIN portolan.consumed c ON c.consumer = 'gift-cards.orders' AND c.event_id = e.causation_id::uuid
         JOIN gift_cards.transactions j ON j.gift_card_id::text = e.payload ->> 'cardId' AND transaction_type = 'refund'
        WHERE e.stream = $1 AND e.type = 'gift_card.refunded'`,
      [`gift_card:${card.id}`],
    );
    expect(rows).to.deep.equal([{ actor: 'system:gift-cards', together: true }]);
    expect(await dead()).to.deep.equal([]);
  });

  it('wait for a card that a stranger holds, and delay nothing else', async () => {
    const [held, free] = [await create(), await create()];
    await pay(held, 'held', '40.00');
    await pay(free, 'free', '40.00');
    const stranger = new pg.Client(database.ownerUrl);
    await stranger.connect();
    await stranger.query('BEGIN');
    await stranger.query('SELECT FROM gift_cards.cards WHERE id = $1 FOR UPDATE', [held.id]);
    // The free card's event comes first: the transaction that meets the held one has its rows.
    await ingest(refundOf(free, 'free', 'r1', '15.00'), refundOf(held, 'held', 'r1', '15.00'));
    await handled();
    expect(await balance(free)).to.equal('75.00');
    const startedAt = performance.now();
    await pay(free, 'another', '5.00');
    expect(performance.now() - startedAt, 'a command on the free card').to.be.lessThan(900);
    expect(await balance(held)).to.equal('60.00');
    await stranger.end();
    for (const deadline = Date.now() + 20_000; (await balance(held)) !== '75.00'; await delay(20)) {
      expect(Date.now(), 'the refund is made').to.be.lessThan(deadline);
    }
    expect(await dead()).to.deep.equal([]);
  });

  it('count once, whether the event or the refund comes again', async () => {
    const card = await create();
    await pay(card, 'twice', '40.00');
    const first = refundOf(card, 'twice', 'r1', '15.00');
    expect(await ingest(first, first)).to.deep.equal([true, false]);
    expect(await ingest(first)).to.deep.equal([false]);
    expect(await ingest(refundOf(card, 'twice', 'r1', '15.00'))).to.deep.equal([true]);
    await handled();
    expect(await balance(card)).to.equal('75.00');
    expect(await parked('twice')).to.deep.equal([]);
    expect(await dead()).to.deep.equal([]);
  });

  it('release the holds of a cancelled order, refund it, and refuse payments that come later', async () => {
    const card = await create();
    await pay(card, 'off', '40.00');
    const hold = { code: card.code, orderId: 'off', purpose: 'deposit', amount: usd('20.00') };
    const { holdId } = await server.call<{ holdId: string }>('gift-cards/hold', hold);
    expect(await balance(card)).to.equal('40.00');
    const before = await owed();
    await ingest(event('order.cancelled', { orderId: 'off' }), event('order.cancelled', { orderId: 'off' }));
    await handled();
    expect(await balance(card)).to.equal('100.00');
    // What was held was owed all the time.
    expect(await owed()).to.equal(before + 40);
    const codeOf = async (operation: string, input: object): Promise<string> => {
      const { error } = (await (await server.post(operation, input)).json()) as { error: { code: string } };
      return error.code;
    };
    const later = { code: card.code, orderId: 'off', purpose: 'later', amount: usd('1.00') };
    expect(await codeOf('gift-cards/redeem', later)).to.equal('gift_cards.order_cancelled');
    expect(await codeOf('gift-cards/hold', later)).to.equal('gift_cards.order_cancelled');
    expect(await codeOf('gift-cards/capture', { holdId })).to.equal('gift_cards.hold_ended');
    expect(await balance(card)).to.equal('100.00');
    expect(await dead()).to.deep.equal([]);
  });

  it('become dead letters, seen with their code, where their amounts make no sense, and stop no others', async () => {
    const card = await create();
    await pay(card, 'odd', '40.00');
    await ingest(refundOf(card, 'odd', 'r1', '0.001'), refundOf(card, 'odd', 'r2', '15.00'));
    await handled();
    expect(await balance(card)).to.equal('75.00');
    const [letter, ...others] = await dead();
    expect(others).to.deep.equal([]);
    expect(letter).to.include({ consumer: 'gift-cards.orders', errorCode: 'money.invalid_amount', attempts: 1 });
    const { rows } = await owner.query(
      `SELECT payload -> 'data' ->> 'refundId' AS refund FROM portolan.events WHERE event_id = $1`,
      [letter?.eventId],
    );
    expect(rows).to.deep.equal([{ refund: 'r1' }]);
  });

  it('are refused where their data does not fit, by its path, and where nobody consumes their type, by that', async () => {
    const refusalOf = async (...events: readonly object[]): Promise<readonly [number, unknown]> => {
      const response = await server.post('events/ingest', { events });
      const { error } = (await response.json()) as {
        error: { code: string; details: { issues?: { path: string }[] } };
      };
      return [response.status, [error.code, error.details.issues?.map(({ path }) => path) ?? error.details]];
    };
    const count = async (): Promise<number> => {
      const { rows } = await owner.query<{ count: number }>('SELECT count(*)::int FROM portolan.ingested');
      return rows[0]?.count ?? -1;
    };
    const before = await count();
    const good = event('order.cancelled', { orderId: 'never' });
    const misfit = event('order.refunded', { orderId: 'never', refundId: 'r1', legs: [{ amount: usd('1.00') }] });
    const misfits = ['request.invalid_input', ['events.1.data.legs.0.cardId']];
    expect(await refusalOf(good, misfit)).to.deep.equal([400, misfits]);
    const unknown = ['events.unknown_type', ['events.1.type']];
    expect(await refusalOf(good, event('order.shipped', { orderId: 'never' }))).to.deep.equal([422, unknown]);
    expect(await count()).to.equal(before);
  });

  it('leave nothing in the log but what is declared', async () => {
    const person = { email: 'dorothea@middlemarch.example' };
    await ingest(event('order.cancelled', { orderId: 'private', ...person, customer: person }));
    const { rows } = await owner.query<{ data: object }>(
      `SELECT payload -> 'data' AS data FROM portolan.events
        WHERE type = 'order.cancelled' AND payload -> 'data' ->> 'orderId' = 'private'`,
    );
    expect(rows).to.deep.equal([{ data: { orderId: 'private' } }]);
  });

  it('leave books that agree', async () => {
    const result = await server.call<{ consistent: boolean; findings: unknown[] }>('gift-cards/reconcile', {});
    expect(result).to.deep.include({ consistent: true, findings: [] });
    expect(server.log.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });
});
