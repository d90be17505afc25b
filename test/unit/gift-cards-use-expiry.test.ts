import { expect } from 'chai';
import type { GiftCardPorts } from '../../src/application/gift-cards/ports.ts';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';

const nothing = { expired: 0, released: 0, destroyed: 0, cancelled: 0, dropped: 0, marksPurged: 0 };

/** Ports whose repository fails for these cards and deliveries. */
const failingOn =
  (broken: ReadonlySet<string>) =>
  (ports: GiftCardPorts): GiftCardPorts => ({
    ...ports,
    cards: {
      update: (context, keys, decide) =>
        [...(keys.cardIds ?? []), ...(keys.deliveryIds ?? [])].some((id) => broken.has(id))
          ? Promise.reject(new Error('The row is locked'))
          : ports.cards.update(context, keys, decide),
    },
  });

describe('the sweep', () => {
  let world: GiftCardWorld;

  beforeEach(() => {
    world = new GiftCardWorld();
  });
  afterEach(() => world.verify());

  const expiring = (ms: number, amount = '50.00') =>
    world.issue(amount, { expiresAt: new Date(world.now.getTime() + ms).toISOString() });

  it('books the expiry of each card exactly once, into the account of the policy', async () => {
    const first = await expiring(10);
    await expiring(20, '30.00');
    await expiring(30);
    world.pass(20);
    expect(await world.sweep()).to.deep.equal({ ...nothing, expired: 2 });
    expect(await world.sweep()).to.deep.equal(nothing);
    expect(world.events('expired').map(({ payload }) => payload.amount)).to.deep.equal(['50.00', '30.00']);
    const [entry] = await world.call('listTransactions', { cardId: first.id });
    expect(entry).to.deep.include({ type: 'expiry', creditAccount: 'breakage', amount: usd('50.00') });
    expect(await world.status(first.id)).to.equal('expired');
  });

  it('books each expiry once also when two of it run at the same time', async () => {
    await expiring(10);
    world.pass(10);
    await Promise.all([world.sweep(), world.sweep()]);
    expect(world.events('expired')).to.have.length(1);
  });

  it('is not what makes a card expire: nothing is paid after the expiry, swept or not', async () => {
    const { code } = await expiring(10);
    world.pass(10);
    expect((await world.refusal('redeem', { code, orderId: 'o1' })).code).to.equal('gift_cards.expired_card');
  });

  it('marks a card with nothing left as expired too', async () => {
    const { code } = await expiring(10);
    await world.call('redeem', { code, orderId: 'o1' });
    world.pass(10);
    await world.sweep();
    expect(world.events('expired')[0]?.payload).to.include({ amount: '0.00' });
  });

  it('waits for open holds, and books what they give back', async () => {
    const { id, code } = await expiring(10);
    await world.call('hold', { code, orderId: 'o1', amount: usd('20.00'), expiresInSeconds: 5 });
    world.pass(10);
    expect(await world.sweep()).to.include({ expired: 0, released: 0 });
    expect(await world.balance(id)).to.equal('30.00');
    world.pass(5000);
    expect(await world.sweep()).to.include({ expired: 1 });
    expect(world.events('expired')[0]?.payload).to.include({ amount: '50.00' });
  });

  it('gives the money of expired holds back', async () => {
    const { id, code } = await world.issue('50.00');
    await world.call('hold', { code, orderId: 'o1', amount: usd('20.00'), expiresInSeconds: 1 });
    await world.call('hold', { code, orderId: 'o2', amount: usd('5.00'), expiresInSeconds: 100 });
    world.pass(1000);
    expect(await world.sweep()).to.include({ released: 1 });
    expect(await world.balance(id)).to.equal('45.00');
    expect(await world.sweep()).to.include({ released: 0 });
  });

  it('makes no difference to a card that is voided after its time, whether it came before or not', async () => {
    const [swept, unswept] = [await expiring(10), await expiring(10)];
    world.pass(10);
    await world.call('void', { cardId: unswept.id, reason: 'fraud' });
    await world.sweep();
    await world.call('void', { cardId: swept.id, reason: 'fraud' });
    for (const { id } of [swept, unswept]) {
      const entries = await world.call('listTransactions', { cardId: id });
      expect(entries.map(({ type, amount }) => [type, amount.amount])).to.deep.equal([
        ['expiry', '50.00'],
        ['creation', '50.00'],
      ]);
    }
    expect(world.events('expired')).to.have.length(2);
    expect(world.events('voided').map(({ payload }) => payload['amount'])).to.deep.equal(['0.00', '0.00']);
  });

  it('leaves alone cards that were voided or whose expiry was moved', async () => {
    const [voided, moved] = [await expiring(10), await expiring(10)];
    await world.call('void', { cardId: voided.id, reason: 'fraud' });
    await world.call('extendExpiry', { cardId: moved.id, expiresAt: null, reason: 'law' });
    world.pass(10);
    expect(await world.sweep()).to.include({ expired: 0 });
  });

  it('goes on past a card that fails, reports it, and tries it again the next time', async () => {
    const broken = new Set<string>();
    world = new GiftCardWorld({}, failingOn(broken));
    const [bad] = [await expiring(10), await expiring(20), await expiring(30)];
    broken.add(bad?.id ?? '');
    world.pass(30);
    const failure = (await world.sweep().catch((error: unknown) => error)) as AggregateError;
    expect(failure.errors.map((error: Error) => error.message)).to.deep.equal(['The row is locked']);
    expect(world.events('expired')).to.have.length(2);
    broken.clear();
    expect(await world.sweep()).to.include({ expired: 1 });
  });

  it('deletes marks of cancelled orders when their time is over, however many there are', async () => {
    for (let n = 0; n < 1100; n += 1) await world.cancelled(`o${n}`);
    const { code } = await world.issue();
    world.passDays(30);
    world.pass(-1);
    expect(await world.sweep()).to.include({ marksPurged: 0 });
    expect((await world.refusal('redeem', { code, orderId: 'o1' })).code).to.equal('gift_cards.order_cancelled');
    world.pass(1);
    expect(await world.sweep()).to.include({ marksPurged: 1100 });
    await world.call('redeem', { code, orderId: 'o1' });
  });

  it('reports marks that it cannot delete, and does everything else', async () => {
    const fault = new Error('No permission');
    world = new GiftCardWorld({}, (ports) => ({ ...ports, marks: { purge: () => Promise.reject(fault) } }));
    await expiring(10);
    world.pass(10);
    const failure = (await world.sweep().catch((error: unknown) => error)) as AggregateError;
    expect(failure.errors).to.deep.equal([fault]);
    expect(world.events('expired')).to.have.length(1);
  });

  it('goes on past a delivery that cannot be ended, and ends it the next time', async () => {
    const broken = new Set<string>();
    world = new GiftCardWorld({ mailCodesSeconds: 1 }, failingOn(broken));
    const gift = { purchaserId: 'buyer', recipientEmail: 'ann@example.com', deliver: 'email' as const };
    const { id } = await world.call('create', { ...gift, amount: usd('1.00') });
    for (let n = 0; n < 1050; n += 1) await world.call('create', { ...gift, amount: usd('1.00') });
    broken.add((await world.ports.reader.deliveryOfCard('default', id))?.id ?? '');
    world.pass(1000);
    const failure = (await world.sweep().catch((error: unknown) => error)) as AggregateError;
    expect(failure.errors.map((error: Error) => error.message)).to.deep.equal(['The row is locked']);
    broken.clear();
    expect(await world.sweep()).to.include({ dropped: 1 });
    expect(await world.sweep()).to.deep.equal(nothing);
  });

  it('works off more than one page', async () => {
    for (let n = 0; n < 1100; n += 1) await expiring(10, '1.00');
    world.pass(10);
    expect(await world.sweep()).to.include({ expired: 1100 });
  });

  it('stops between cards when its worker stops', async () => {
    await expiring(10);
    world.pass(10);
    const stopping = new AbortController();
    stopping.abort(new Error('The worker is stopping'));
    const failure: unknown = await world
      .run('gift-cards.book-expiries', {}, { signal: stopping.signal })
      .catch((error: unknown) => error);
    expect(failure).to.have.property('message', 'The worker is stopping');
    expect(world.events('expired')).to.deep.equal([]);
  });
});
