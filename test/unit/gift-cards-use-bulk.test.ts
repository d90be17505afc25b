import { expect } from 'chai';
import { JobCancelled } from '../../src/application/shared/job-errors.ts';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';

const ISSUE = 'gift-cards.issue-batch';

describe('batches of gift cards', () => {
  let world: GiftCardWorld;

  beforeEach(() => {
    world = new GiftCardWorld({ bulkInlineMax: 10, bulkChunk: 10 });
  });
  afterEach(() => world.verify());

  const order = (count: number, more: object = {}) => ({
    count,
    amount: { amount: '25.00', currency: 'USD' },
    ...more,
  });
  const large = async (count = 25) => (await world.call('bulkCreate', order(count))).batchId;
  const codesOf = async (batchId: string) => (await world.download(batchId)).map(({ code }) => code ?? '');

  describe('up to the limit for an answer at once', () => {
    it('answer with all cards and their codes', async () => {
      const batch = await world.call('bulkCreate', order(10));
      expect(batch).to.include({ status: 'ready', count: 10, createdCount: 10, prefix: 'PROMO', jobId: null });
      expect(batch.cards).to.have.length(10);
      for (const card of batch.cards) {
        expect(card.code).to.match(/^PROMO(-[0-9A-HJKMNP-TV-Z]{4}){4}$/);
        expect(card).to.deep.include({ currentBalance: usd('25.00'), batchId: batch.batchId, status: 'active' });
        expect(card.lastFour).to.equal(card.code?.slice(-4));
      }
      expect(new Set(batch.cards.map(({ code }) => code)).size).to.equal(10);
    });

    it('have happened by the position that the answer tells', async () => {
      const { position } = await world.reply('bulkCreate', order(10));
      // The world's log counts from one.
      expect(world.log.at(Number(position) - 1)).to.include({ type: 'gift_card.batch_created' });
    });

    it('are cards like all others', async () => {
      const { cards } = await world.call('bulkCreate', order(2));
      const paid = await world.call('redeem', { code: cards[1]?.code ?? '', orderId: 'o1', amount: usd('5.00') });
      expect(paid.remainingBalance).to.deep.equal(usd('20.00'));
      expect(paid.giftCard.id).to.equal(cards[1]?.id);
    });

    it('tell the same cards and codes at a repeat, and make no others', async () => {
      const first = await world.reply('bulkCreate', order(5), { key: 'k' });
      const second = await world.reply('bulkCreate', order(5), { key: 'k' });
      // Of its own commit a repeat knows only the request's place in the log.
      const { position, ...told } = second;
      expect({ ...told, position: first.position }).to.deep.equal({ ...first, replayed: true });
      expect(position !== undefined && first.position !== undefined && position < first.position).to.equal(true);
      expect(await world.call('listCards', { batchId: first.data.batchId })).to.have.length(5);
    });

    it('are completed by a repeat after the first try broke off', async () => {
      let failures = 1;
      const broken = new GiftCardWorld({ bulkInlineMax: 10, bulkChunk: 4 }, (ports) => ({
        ...ports,
        bulk: {
          issue: (...args) => {
            if (args[2] === 4 && failures-- > 0) return Promise.reject(new Error('The connection is gone'));
            return ports.bulk.issue(...args);
          },
        },
      }));
      const failure: unknown = await broken
        .call('bulkCreate', order(10), { key: 'k' })
        .catch((error: unknown) => error);
      expect(failure).to.be.an.instanceOf(Error).with.property('message', 'The connection is gone');
      const batch = await broken.call('bulkCreate', order(10), { key: 'k' });
      expect(batch.cards).to.have.length(10);
      expect(batch.cards.map(({ code }) => code)).to.deep.equal(
        (await broken.download(batch.batchId)).map(({ code }) => code),
      );
      expect(await broken.call('listCards', { batchId: batch.batchId })).to.have.length(10);
    });

    it('are completed by a job where nobody repeats', async () => {
      await world.call('bulkCreate', order(3));
      const [request] = world.requests(ISSUE);
      expect(request?.payload.runAt).to.equal(new Date(world.now.getTime() + 60_000).toISOString());
      expect(await world.run(ISSUE, request?.payload.payload)).to.deep.equal({ createdCount: 3 });
    });

    it('tell no codes at a repeat after these were acknowledged', async () => {
      const { batchId } = await world.call('bulkCreate', order(2), { key: 'k' });
      await world.call('acknowledgeBatch', { batchId });
      const again = await world.call('bulkCreate', order(2), { key: 'k' });
      expect(again.status).to.equal('destroyed');
      expect(again.cards.map((card) => 'code' in card)).to.deep.equal([false, false]);
    });
  });

  describe('above it', () => {
    it('are left to the job that the answer names', async () => {
      const batch = await world.call('bulkCreate', order(25), { key: 'k' });
      expect(batch).to.deep.include({ status: 'running', createdCount: 0, cards: [] });
      expect(world.requests(ISSUE).map(({ eventId }) => eventId)).to.deep.equal([batch.jobId]);
      expect(await world.call('bulkCreate', order(25), { key: 'k' })).to.deep.equal(batch);
    });

    it('are issued chunk by chunk, with progress', async () => {
      const batchId = await large();
      const seen: (number | undefined)[][] = [];
      const progress = async (...counts: readonly unknown[]) => void seen.push(counts as number[]);
      expect(await world.run(ISSUE, { batchId }, { progress })).to.deep.equal({ createdCount: 25 });
      expect(seen).to.deep.equal([
        [10, 25],
        [20, 25],
        [25, 25],
      ]);
      expect(await world.call('getBatch', { batchId })).to.include({ status: 'ready', createdCount: 25 });
      expect(world.events('batch_created').map(({ payload }) => payload.count)).to.deep.equal([10, 10, 5]);
    });

    it('go on at the next card when the job is run again, with the same codes', async () => {
      const batchId = await large();
      const killed = new AbortController();
      const progress = async (done: number) => {
        if (done === 10) killed.abort(new Error('The worker was killed'));
      };
      const failure: unknown = await world
        .run(ISSUE, { batchId }, { progress, signal: killed.signal })
        .catch((error: unknown) => error);
      expect(failure).to.have.property('message', 'The worker was killed');
      expect(await world.call('getBatch', { batchId })).to.include({ status: 'running', createdCount: 10 });
      await world.run(ISSUE, { batchId });
      expect(new Set(await codesOf(batchId)).size).to.equal(25);
      expect(await world.call('listCards', { batchId, limit: 200 })).to.have.length(25);
    });

    it('are issued once when two workers run the job', async () => {
      const batchId = await large();
      await Promise.all([world.run(ISSUE, { batchId }), world.run(ISSUE, { batchId })]);
      expect(await world.call('getBatch', { batchId })).to.include({ status: 'ready', createdCount: 25 });
      expect(await codesOf(batchId)).to.have.length(25);
    });

    it('stop when their job is cancelled; the cards that are there can be used', async () => {
      const batchId = await large();
      const cancelled = new AbortController();
      const progress = async () => cancelled.abort(new JobCancelled('Somebody cancelled it.'));
      await world.run(ISSUE, { batchId }, { progress, signal: cancelled.signal }).catch(() => undefined);
      expect(await world.call('getBatch', { batchId })).to.include({ status: 'cancelled', createdCount: 10 });
      const [first] = await codesOf(batchId);
      expect((await world.call('checkBalance', { code: first ?? '' })).currentBalance).to.deep.equal(usd('25.00'));
      expect(await world.run(ISSUE, { batchId })).to.deep.equal({ createdCount: 10 });
    });

    it('end when the time of their cards is over; those that are there expire', async () => {
      const expiresAt = new Date(world.now.getTime() + 1000).toISOString();
      const { batchId } = await world.call('bulkCreate', order(25, { expiresAt }));
      const progress = async () => world.pass(1000);
      const failure: unknown = await world.run(ISSUE, { batchId }, { progress }).catch((error: unknown) => error);
      expect(failure).to.include({ code: 'gift_cards.invalid_expiry' });
      expect(await world.call('getBatch', { batchId })).to.include({ status: 'cancelled', createdCount: 10 });
      expect(await world.sweep()).to.include({ expired: 10 });
    });

    it('end where their job was cancelled before it ran, or between two tries', async () => {
      const { batchId, jobId } = await world.call('bulkCreate', order(25));
      const killed = new AbortController();
      const progress = async () => killed.abort(new Error('The worker was killed'));
      await world.run(ISSUE, { batchId }, { progress, signal: killed.signal }).catch(() => undefined);
      const other = await large();
      expect(await world.sweep()).to.include({ cancelled: 0 });
      world.cancelledJobs.add(jobId ?? '');
      expect(await world.sweep()).to.include({ cancelled: 1 });
      expect(await world.call('getBatch', { batchId })).to.include({ status: 'cancelled', createdCount: 10 });
      expect(await world.call('getBatch', { batchId: other })).to.include({ status: 'running' });
      expect(await codesOf(batchId)).to.have.length(10);
      expect(await world.call('acknowledgeBatch', { batchId })).to.include({ status: 'destroyed' });
    });

    it('let other work through while they are issued', async () => {
      const busy = new GiftCardWorld({ bulkInlineMax: 10 });
      const { batchId } = await busy.call('bulkCreate', order(2000));
      let turns = 0;
      const count = (): void => void (turns += 1);
      const ticking = setInterval(count, 0);
      await busy.run(ISSUE, { batchId });
      clearInterval(ticking);
      expect(turns).to.be.greaterThan(2);
    });

    it('have a job that is dead at once when its payload is not one', async () => {
      const error: unknown = await world.run(ISSUE, { batch: 1 }).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'jobs.permanent_failure');
    });
  });

  describe('their codes', () => {
    it('are streamed from any index on, in the order of the cards', async () => {
      const batchId = await large();
      await world.run(ISSUE, { batchId });
      const all = await world.download(batchId);
      expect(all.map(({ index }) => index)).to.deep.equal(Array.from({ length: 25 }, (_, index) => index));
      expect(all[0]).to.include({ amount: '25.00', currency: 'USD' });
      expect(await world.download(batchId, 20)).to.deep.equal(all.slice(20));
      expect(await world.download(batchId, 25)).to.deep.equal([]);
      const last = all.at(-1);
      expect((await world.call('getCard', { code: last?.code ?? '' })).id).to.equal(last?.cardId);
    });

    it('are left out, and said why, where a card has another code by now or was voided', async () => {
      const { batchId, cards } = await world.call('bulkCreate', order(4), { key: 'k' });
      const [, replaced, voided, frozen] = cards.map(({ id }) => id);
      await world.call('reissueCode', { cardId: replaced ?? '', reason: 'lost' });
      await world.call('void', { cardId: voided ?? '', reason: 'fraud' });
      await world.call('freeze', { cardId: frozen ?? '', reason: 'doubt' });
      const [first, second, third, fourth] = await world.download(batchId);
      expect(first).to.include({ code: cards[0]?.code, withheld: null });
      expect(second).to.include({ cardId: replaced, code: null, withheld: 'reissued' });
      expect(third).to.include({ cardId: voided, code: null, withheld: 'voided' });
      expect(fourth).to.include({ code: cards[3]?.code, withheld: null });
      const again = await world.call('bulkCreate', order(4), { key: 'k' });
      expect(again.cards.map(({ code }) => code)).to.deep.equal([cards[0]?.code, undefined, undefined, cards[3]?.code]);
    });

    it('are still told where a card was moved to a newer pepper', async () => {
      let isOld = true;
      const later = new GiftCardWorld({ bulkInlineMax: 10 }, ({ vault, ...ports }) => {
        const keysOf = (body: string) => (isOld ? world.oldVault : vault).keysOf(body);
        return { ...ports, vault: { ...vault, keysOf } };
      });
      const { batchId, cards } = await later.call('bulkCreate', order(1));
      isOld = false;
      const keyOf = async () => (await later.ports.reader.batchCards('default', batchId, 0, 1))[0]?.codeIndex;
      const before = await keyOf();
      const code = cards[0]?.code ?? '';
      for (const orderId of ['o1', 'o2']) {
        expect((await later.download(batchId)).map((each) => each.code)).to.deep.equal([code]);
        await later.call('redeem', { code, orderId, amount: usd('1.00') });
      }
      expect(await keyOf()).not.to.equal(before);
      expect((await later.download(batchId)).map((each) => each.code)).to.deep.equal([code]);
    });

    it('cannot be had, nor acknowledged, before the batch is ready', async () => {
      const batchId = await large();
      const error: unknown = await world.download(batchId).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'gift_cards.batch_not_ready');
      const early = world.call('acknowledgeBatch', { batchId }, { key: 'k' });
      expect(await early.catch((reason: unknown) => reason)).to.have.property('code', 'gift_cards.batch_not_ready');
      await world.run(ISSUE, { batchId });
      expect(await world.call('acknowledgeBatch', { batchId }, { key: 'k' })).to.include({ status: 'destroyed' });
    });

    it('are destroyed when they are acknowledged; a second time is harmless', async () => {
      const { batchId } = await world.call('bulkCreate', order(2));
      const first = await world.call('acknowledgeBatch', { batchId });
      expect(first.status).to.equal('destroyed');
      expect(await world.call('acknowledgeBatch', { batchId })).to.deep.equal(first);
      const error: unknown = await world.download(batchId).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'gift_cards.batch_codes_destroyed');
    });

    it('end at the instant at which their time is over; the sweep destroys them then', async () => {
      const { batchId, codesUntil } = await world.call('bulkCreate', order(2), { key: 'k' });
      expect(codesUntil).to.equal(new Date(world.now.getTime() + 7 * 24 * 3_600_000).toISOString());
      world.passDays(7);
      world.pass(-1);
      await world.sweep();
      expect(await world.download(batchId)).to.have.length(2);
      world.pass(1);
      const error: unknown = await world.download(batchId).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'gift_cards.batch_codes_destroyed');
      const { cards } = await world.call('bulkCreate', order(2), { key: 'k' });
      expect(cards.map((card) => 'code' in card)).to.deep.equal([false, false]);
      expect(await world.sweep()).to.include({ destroyed: 1 });
      expect(await world.sweep()).to.include({ destroyed: 0 });
      expect((await world.call('getBatch', { batchId })).status).to.equal('destroyed');
    });

    it('are different in two batches', async () => {
      const codes = [await world.call('bulkCreate', order(5)), await world.call('bulkCreate', order(5))];
      expect(new Set(codes.flatMap(({ cards }) => cards.map(({ code }) => code))).size).to.equal(10);
    });
  });

  it('are not known when nobody made them', async () => {
    const batchId = '01890000-0000-7000-8000-000000000000';
    for (const verb of ['getBatch', 'acknowledgeBatch'] as const) {
      expect((await world.refusal(verb, { batchId })).code).to.equal('gift_cards.batch_not_found');
    }
    const error: unknown = await world.download(batchId).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'gift_cards.batch_not_found');
  });

  it('are refused while there is no room for their job, leave nothing behind, and are made later under the same key', async () => {
    for (const count of [2, 25]) {
      const [key, events] = [`of-${count}`, world.log.length];
      world.full.add(ISSUE);
      const refusal = await world.refusal('bulkCreate', order(count), { key });
      expect(refusal).to.include({ code: 'jobs.queue_full', kind: 'rate_limited' });
      expect(refusal.details).to.deep.equal({ type: ISSUE, retryAfterSeconds: 5 });
      expect(world.log).to.have.length(events);
      world.full.delete(ISSUE);
      expect(await world.reply('bulkCreate', order(count), { key })).to.include({ replayed: false });
      world.full.add(ISSUE);
      expect(await world.reply('bulkCreate', order(count), { key })).to.include({ replayed: true });
    }
  });

  it('need an amount and an expiry in the future', async () => {
    const nothing = await world.refusal('bulkCreate', { count: 2, amount: usd('0.00') });
    expect(nothing.code).to.equal('money.invalid_amount');
    const past = await world.refusal('bulkCreate', order(2, { expiresAt: world.now.toISOString() }));
    expect(past.code).to.equal('gift_cards.invalid_expiry');
    expect(world.log).to.deep.equal([]);
  });

  it('take prefix, purchaser and expiry', async () => {
    const input = order(1, { prefix: 'XMAS', purchaserId: 'acme', expiresAt: null });
    const { cards } = await world.call('bulkCreate', input);
    expect(cards[0]).to.include({ purchaserId: 'acme', expiresAt: null });
    expect(cards[0]?.code).to.match(/^XMAS-/);
  });
});
