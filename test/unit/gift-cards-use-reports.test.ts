import { expect } from 'chai';
import {
  GIFT_CARD_ERRORS,
  GIFT_CARD_SCHEDULES,
  giftCardConsumers,
  giftCardJobs,
  giftCards,
} from '../../src/application/gift-cards/index.ts';
import { JobQueueFull } from '../../src/application/shared/job-errors.ts';
import { UnsupportedCodeFormat } from '../../src/domain/gift-cards/code.ts';
import type { DomainErrorClass } from '../../src/domain/shared/domain-error.ts';
import { decimalText } from '../../src/domain/shared/money.ts';
import { memoryJobQueue } from '../../src/infrastructure/jobs/memory-job-queue.ts';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';

describe('reports on gift cards', () => {
  let world: GiftCardWorld;

  beforeEach(() => {
    world = new GiftCardWorld();
  });
  afterEach(() => world.verify());

  it('check a balance under a masked code', async () => {
    const { code } = await world.issue('100.00');
    await world.call('redeem', { code, orderId: 'o1', amount: usd('40.00') });
    const checked = await world.call('checkBalance', { code: code.toLowerCase() });
    expect(checked).to.deep.include({
      code: `GIFT-****-****-****-${code.slice(-4)}`,
      originalAmount: usd('100.00'),
      currentBalance: usd('60.00'),
      currency: 'USD',
      status: 'partially_redeemed',
    });
  });

  it('check a balance without what is held, and with what expired holds give back', async () => {
    const { code } = await world.issue('100.00');
    await world.call('hold', { code, orderId: 'o1', amount: usd('40.00'), expiresInSeconds: 1 });
    expect((await world.call('checkBalance', { code })).currentBalance).to.deep.equal(usd('60.00'));
    world.pass(1000);
    expect((await world.call('checkBalance', { code })).currentBalance).to.deep.equal(usd('100.00'));
  });

  it('show a card by id and by code alike', async () => {
    const { id, code } = await world.issue();
    expect(await world.call('getCard', { code })).to.deep.equal(await world.call('getCard', { cardId: id }));
  });

  it('list cards by what is asked for, page by page', async () => {
    const cards = [];
    for (let n = 0; n < 5; n += 1) cards.push(await world.issue('1.00', { purchaserId: n < 3 ? 'ann' : 'bob' }));
    await world.call('freeze', { cardId: cards[0]?.id ?? '', reason: 'stolen' });
    const first = await world.reply('listCards', { purchaserId: 'ann', limit: 2 });
    const second = await world.reply('listCards', { purchaserId: 'ann', limit: 2, cursor: first.nextCursor ?? '' });
    const ids = [...first.data, ...second.data].map(({ id }) => id);
    expect(ids).to.deep.equal([cards[2]?.id, cards[1]?.id, cards[0]?.id]);
    expect(second.nextCursor).to.equal(undefined);
    const frozen = await world.call('listCards', { status: 'frozen' });
    expect(frozen.map(({ id }) => id)).to.deep.equal([cards[0]?.id]);
    const lastFour = cards[4]?.code.slice(-4);
    const found = await world.call('listCards', { lastFour, purchaserId: 'bob' });
    expect(found.map(({ id }) => id)).to.include(cards[4]?.id);
  });

  it("list a card's journal, whose amounts lead from balance to balance", async () => {
    const { id, code } = await world.issue('100.00');
    const { redemptionId } = await world.call('redeem', { code, orderId: 'o1', amount: usd('40.00') });
    await world.call('refundToCard', { redemptionId, amount: usd('15.00') });
    const lines = await world.call('listTransactions', { cardId: id });
    const shown = lines.map((line) => [
      line.type,
      line.balanceBefore.amount,
      line.amount.amount,
      line.balanceAfter.amount,
    ]);
    expect(shown).to.deep.equal([
      ['refund', '60.00', '15.00', '75.00'],
      ['redemption', '100.00', '40.00', '60.00'],
      ['creation', '0.00', '100.00', '100.00'],
    ]);
    expect(lines[1]).to.deep.include({
      number: 2,
      debitAccount: `card:${id}`,
      creditAccount: 'settlement',
      orderId: 'o1',
      referenceId: redemptionId,
      metadata: { purpose: 'payment' },
    });
  });

  it('tell what is owed per currency, and what moved in the period', async () => {
    const { code } = await world.issue('100.00');
    await world.issue('', { amount: { amount: '500', currency: 'JPY' } });
    world.passDays(1);
    const from = world.now.toISOString();
    await world.call('redeem', { code, orderId: 'o1', amount: usd('40.00') });
    await world.call('hold', { code, orderId: 'o2', amount: usd('10.00') });
    const [yen, dollars] = await world.call('liabilityReport', { from });
    expect(yen).to.deep.equal({ currency: 'JPY', outstanding: '500', cards: 1, movements: {} });
    expect(dollars).to.deep.equal({
      currency: 'USD',
      outstanding: '60.00',
      cards: 1,
      movements: { redemption: '40.00', hold: '10.00' },
    });
    const [, before] = await world.call('liabilityReport', { to: from });
    expect(before).to.include({ outstanding: '100.00' });
  });

  it('prove that the books agree', async () => {
    const { code } = await world.issue('100.00');
    await world.call('redeem', { code, orderId: 'o1', amount: usd('40.00') });
    expect(await world.call('reconcile', {})).to.deep.equal({
      cards: 1,
      entries: 2,
      consistent: true,
      trialBalance: [{ currency: 'USD', debits: '140.00', credits: '140.00', difference: '0.00' }],
      findings: [],
    });
  });

  it('do not call books consistent that differ, even without a finding', async () => {
    const wrong = new GiftCardWorld({}, (ports) => ({
      ...ports,
      reader: Object.assign(Object.create(ports.reader) as typeof ports.reader, {
        reconcile: async () => ({
          cards: 1,
          entries: 1,
          trialBalance: [{ currency: 'USD', debitsMinor: 10n, creditsMinor: 5n, differenceMinor: -5n }],
          findings: [],
        }),
      }),
    }));
    const report = await wrong.call('reconcile', {});
    expect(report.consistent).to.equal(false);
    expect(report.trialBalance[0]?.difference).to.equal('-0.05');
  });

  it('write sums that no single amount could have', () => {
    expect(decimalText(2n ** 70n, 'USD')).to.equal('11805916207174113034.24');
    expect(decimalText(-7n, 'KWD')).to.equal('-0.007');
    expect(decimalText(-7n, 'JPY')).to.equal('-7');
    expect(decimalText(0n, 'USD')).to.equal('0.00');
  });

  describe('erasePerson', () => {
    it('erases by address and by purchaser, and leaves money and journal', async () => {
      const gift = await world.issue('10.00', { recipientEmail: 'carl@example.org', message: 'Hello' });
      const other = await world.issue('10.00', { recipientEmail: 'dora@example.org', purchaserId: 'ann' });
      expect(await world.erase({ email: 'Carl@Example.org' })).to.equal(1);
      expect(await world.erase({ subjectId: 'ann' })).to.equal(1);
      for (const { id } of [gift, other]) {
        expect(await world.ports.reader.recipient('default', id)).to.equal(undefined);
        expect(await world.balance(id)).to.equal('10.00');
      }
    });

    it('erases nobody where nobody is named', async () => {
      await world.issue('10.00', { recipientEmail: 'carl@example.org' });
      expect(await world.erase({})).to.equal(0);
    });
  });
});

describe('the face of gift cards', () => {
  const { ports } = new GiftCardWorld();

  it('can bring back every error that an operation names, but for that of a full queue, which is never stored', () => {
    const known = GIFT_CARD_ERRORS.map(({ code }) => code);
    expect(new Set(known).size).to.equal(known.length);
    for (const { errors } of Object.values(giftCards.operations)) {
      const stored = (errors as readonly DomainErrorClass[]).filter((type) => type !== JobQueueFull);
      for (const type of stored) expect(GIFT_CARD_ERRORS).to.include(type);
    }
  });

  it('refuses a policy under which new codes could not be read', () => {
    const codeFormat = { prefix: 'GIFT', length: 20 };
    expect(() => new GiftCardWorld({ codeFormat, codeLengths: [16] })).to.throw(UnsupportedCodeFormat);
    expect(() => new GiftCardWorld({ codeFormat: { prefix: 'no', length: 16 } })).to.throw(UnsupportedCodeFormat);
  });

  it('defines jobs and schedules that the queue takes', async () => {
    const queue = memoryJobQueue();
    queue.work(giftCardJobs(ports));
    for (const schedule of GIFT_CARD_SCHEDULES) await queue.schedule(schedule);
    await queue.close();
  });

  it('schedules only jobs that it defines', () => {
    const types = giftCardJobs(ports).map(({ type }) => type);
    expect(new Set(types).size).to.equal(3);
    expect(GIFT_CARD_SCHEDULES).to.have.length(1);
    for (const { type } of GIFT_CARD_SCHEDULES) expect(types).to.include(type);
  });

  it('takes refunds and cancellations of orders by one reader, in the order of the log', () => {
    const [consumer, ...others] = giftCardConsumers(ports);
    expect(others).to.deep.equal([]);
    expect(consumer?.filter.types).to.have.members(['order.refunded', 'order.cancelled']);
  });
});
