import { expect } from 'chai';
import { GiftCardWorld, SHOP, usd } from '../support/gift-card-world.ts';

describe('paying with gift cards', () => {
  let world: GiftCardWorld;
  let card: { id: string; code: string };

  beforeEach(async () => {
    world = new GiftCardWorld();
    card = await world.issue('100.00');
  });
  afterEach(() => world.verify());

  describe('redeem', () => {
    it('takes the amount and tells what is left', async () => {
      const paid = await world.call('redeem', { code: card.code, orderId: 'o1', amount: usd('25.00') });
      expect(paid.redeemedAmount).to.deep.equal(usd('25.00'));
      expect(paid.remainingBalance).to.deep.equal(usd('75.00'));
      expect(paid.giftCard).to.deep.equal({
        id: card.id,
        lastFour: card.code.slice(-4),
        status: 'partially_redeemed',
      });
    });

    it('takes the whole balance where no amount is given', async () => {
      const paid = await world.call('redeem', { code: card.code, orderId: 'o1' });
      expect(paid.redeemedAmount).to.deep.equal(usd('100.00'));
      expect(await world.status(card.id)).to.equal('fully_redeemed');
    });

    it("takes the order's total where no amount is given and the total is less than the balance", async () => {
      const paid = await world.call('redeem', { code: card.code, orderId: 'o1', orderTotal: usd('30.00') });
      expect(paid.redeemedAmount).to.deep.equal(usd('30.00'));
    });

    it("takes the balance where the order's total is more", async () => {
      const paid = await world.call('redeem', { code: card.code, orderId: 'o1', orderTotal: usd('300.00') });
      expect(paid.redeemedAmount).to.deep.equal(usd('100.00'));
    });

    it('reads the code in lower case, with blanks and with look-alikes', async () => {
      const typed = card.code.toLowerCase().replaceAll('-', ' ').replaceAll('1', 'l').replaceAll('0', 'o');
      const body = typed.slice(typed.indexOf(' '));
      const paid = await world.call('redeem', { code: `GIFT${body}`, orderId: 'o1', amount: usd('1.00') });
      expect(paid.redeemedAmount).to.deep.equal(usd('1.00'));
    });

    it('answers a repeat with the same key with the first result and takes nothing more', async () => {
      const input = { code: card.code, orderId: 'o1', amount: usd('25.00') };
      const first = await world.reply('redeem', input, { key: 'k' });
      const second = await world.reply('redeem', input, { key: 'k' });
      expect(second).to.deep.equal({ ...first, replayed: true });
      expect(first.replayed).to.equal(false);
      expect(await world.balance(card.id)).to.equal('75.00');
    });

    it('refuses the same key with another input', async () => {
      await world.call('redeem', { code: card.code, orderId: 'o1', amount: usd('25.00') }, { key: 'k' });
      const error = await world.refusal(
        'redeem',
        { code: card.code, orderId: 'o1', amount: usd('26.00') },
        { key: 'k' },
      );
      expect(error.code).to.equal('request.idempotency_key_reused');
    });

    it('stays refused for the same key even when the card could pay by now', async () => {
      const input = { code: card.code, orderId: 'o1', amount: usd('150.00') };
      expect((await world.refusal('redeem', input, { key: 'k' })).code).to.equal('gift_cards.insufficient_balance');
      await world.call('reload', { cardId: card.id, amount: usd('100.00') });
      expect((await world.refusal('redeem', input, { key: 'k' })).code).to.equal('gift_cards.insufficient_balance');
      expect((await world.call('redeem', input)).redeemedAmount).to.deep.equal(usd('150.00'));
    });

    it('answers the same payment under another key with the first result: the order is paid once', async () => {
      const input = { code: card.code, orderId: 'o1', amount: usd('25.00') };
      const first = await world.call('redeem', input);
      await world.call('redeem', { code: card.code, orderId: 'o2', amount: usd('5.00') });
      expect(await world.call('redeem', input)).to.deep.equal(first);
      expect(await world.call('redeem', { code: card.code, orderId: 'o1' })).to.deep.equal(first);
      expect(await world.balance(card.id)).to.equal('70.00');
    });

    it('answers the first result also when the card has expired meanwhile', async () => {
      const input = { code: card.code, orderId: 'o1', amount: usd('25.00') };
      const first = await world.call('redeem', input);
      world.passDays(400);
      const again = await world.call('redeem', input);
      expect(again.redemptionId).to.equal(first.redemptionId);
      expect(again.remainingBalance).to.deep.equal(usd('75.00'));
    });

    it('refuses another amount for the same order and purpose', async () => {
      await world.call('redeem', { code: card.code, orderId: 'o1', amount: usd('25.00') });
      const error = await world.refusal('redeem', { code: card.code, orderId: 'o1', amount: usd('26.00') });
      expect(error.code).to.equal('gift_cards.redemption_conflict');
    });

    it('pays twice for one order where the purposes differ', async () => {
      await world.call('redeem', { code: card.code, orderId: 'o1', amount: usd('25.00') });
      await world.call('redeem', { code: card.code, orderId: 'o1', purpose: 'shipping', amount: usd('5.00') });
      expect(await world.balance(card.id)).to.equal('70.00');
    });

    it('refuses an order and purpose for which the card holds money', async () => {
      await world.call('hold', { code: card.code, orderId: 'o1', amount: usd('10.00') });
      const error = await world.refusal('redeem', { code: card.code, orderId: 'o1', amount: usd('10.00') });
      expect(error.code).to.equal('gift_cards.redemption_conflict');
    });

    it('counts the money of a hold whose time is over, though no sweep has booked it', async () => {
      await world.call('hold', { code: card.code, orderId: 'o1', amount: usd('90.00'), expiresInSeconds: 1 });
      world.pass(1000);
      const paid = await world.call('redeem', { code: card.code, orderId: 'o1', amount: usd('95.00') });
      expect(paid.remainingBalance).to.deep.equal(usd('5.00'));
      expect(world.events('released')[0]?.payload).to.include({ status: 'expired', amount: '90.00' });
    });

    it('refuses an amount of nothing before it looks at the card', async () => {
      const error = await world.refusal('redeem', { code: card.code, orderId: 'o1', amount: usd('0.00') });
      expect(error.code).to.equal('money.invalid_amount');
      expect((await world.refusal('redeem', { code: card.code, orderId: 'o1', orderTotal: usd('0') })).code).to.equal(
        'money.invalid_amount',
      );
    });

    it('refuses more decimals than the currency has', async () => {
      const error = await world.refusal('redeem', { code: card.code, orderId: 'o1', amount: usd('1.001') });
      expect(error.code).to.equal('money.invalid_amount');
    });

    it("takes an amount without currency in the card's, in the library alone", async () => {
      const input = { code: card.code, orderId: 'o1', amount: { amount: '10' } };
      expect((await world.refusal('redeem', input)).code).to.equal('request.invalid_input');
      const paid = await world.call('redeem', input, { inProcess: true });
      expect(paid.redeemedAmount).to.deep.equal(usd('10.00'));
    });

    it('moves a card that was found by an old pepper to the newest', async () => {
      const old = new GiftCardWorld({}, (ports) => ({ ...ports, vault: world.oldVault }));
      const aged = await old.issue();
      const present = new GiftCardWorld({}, (ports) => ({
        ...ports,
        cards: old.ports.cards,
        reader: old.ports.reader,
      }));
      const pepperOf = async () => (await old.ports.reader.find('default', { cardId: aged.id }))?.toSnapshot().pepperId;
      expect(await pepperOf()).to.equal('old');
      await present.call('redeem', { code: aged.code, orderId: 'o1', amount: usd('1.00') });
      expect(await pepperOf()).to.equal('new');
      await present.call('redeem', { code: aged.code, orderId: 'o2', amount: usd('1.00') });
      expect(await old.balance(aged.id)).to.equal('98.00');
    });

    it('pays with a bound card by id and holder, never by its code alone', async () => {
      const bound = await world.issue('50.00', { holderId: 'ann' });
      const byCode = await world.refusal('redeem', { code: bound.code, orderId: 'o1' });
      expect(byCode.code).to.equal('gift_cards.holder_mismatch');
      const byOther = await world.refusal('redeem', { cardId: bound.id, holderId: 'bob', orderId: 'o1' });
      expect(byOther.code).to.equal('gift_cards.holder_mismatch');
      const paid = await world.call('redeem', { cardId: bound.id, holderId: 'ann', orderId: 'o1' });
      expect(paid.redeemedAmount).to.deep.equal(usd('50.00'));
    });
  });

  describe('hold, capture and release', () => {
    const held = (more: object = {}) =>
      world.call('hold', { code: card.code, orderId: 'o1', amount: usd('40.00'), ...more });

    it('reserves the amount until its time is over', async () => {
      const hold = await held({ expiresInSeconds: 60 });
      expect(hold.status).to.equal('open');
      expect(hold.remainingBalance).to.deep.equal(usd('60.00'));
      expect(hold.expiresAt).to.equal(new Date(world.now.getTime() + 60_000).toISOString());
    });

    it('answers the same hold again while it is open, and refuses another amount', async () => {
      const first = await held();
      expect(await held()).to.deep.equal(first);
      const error = await world.refusal('hold', { code: card.code, orderId: 'o1', amount: usd('41.00') });
      expect(error.code).to.equal('gift_cards.redemption_conflict');
      expect(await world.balance(card.id)).to.equal('60.00');
    });

    it('refuses to hold what was paid already', async () => {
      await world.call('redeem', { code: card.code, orderId: 'o1', amount: usd('40.00') });
      const error = await world.refusal('hold', { code: card.code, orderId: 'o1', amount: usd('40.00') });
      expect(error.code).to.equal('gift_cards.redemption_conflict');
    });

    it('holds again for an order whose hold has expired', async () => {
      const first = await held({ expiresInSeconds: 1 });
      world.pass(1000);
      const second = await held();
      expect(second.holdId).not.to.equal(first.holdId);
      expect(second.remainingBalance).to.deep.equal(usd('60.00'));
    });

    it('captures the whole hold by default', async () => {
      const { holdId } = await held();
      const paid = await world.call('capture', { holdId });
      expect(paid.redeemedAmount).to.deep.equal(usd('40.00'));
      expect(paid.remainingBalance).to.deep.equal(usd('60.00'));
    });

    it('gives back what is not captured', async () => {
      const { holdId } = await held();
      const paid = await world.call('capture', { holdId, amount: usd('15.00') });
      expect(paid.remainingBalance).to.deep.equal(usd('85.00'));
    });

    it('answers the same capture again, and refuses another amount', async () => {
      const { holdId } = await held();
      const first = await world.call('capture', { holdId, amount: usd('15.00') });
      expect(await world.call('capture', { holdId, amount: usd('15.00') })).to.deep.equal(first);
      const conflicts = [{ holdId, amount: usd('16.00') }, { holdId }];
      for (const input of conflicts) {
        expect((await world.refusal('capture', input)).code).to.equal('gift_cards.redemption_conflict');
      }
    });

    it('is the payment of its purpose: a redemption of that finds it', async () => {
      const { holdId } = await held({ purpose: 'deposit' });
      const captured = await world.call('capture', { holdId });
      const input = { code: card.code, orderId: 'o1', purpose: 'deposit', amount: usd('40.00') };
      expect(await world.call('redeem', input)).to.deep.equal(captured);
    });

    it('refuses to capture more than is held', async () => {
      const { holdId } = await held();
      const error = await world.refusal('capture', { holdId, amount: usd('40.01') });
      expect(error.code).to.equal('gift_cards.capture_exceeds_hold');
    });

    it("captures after the card's expiry, until the hold's own", async () => {
      const short = await world.issue('50.00', { expiresAt: new Date(world.now.getTime() + 1000).toISOString() });
      const { holdId } = await world.call('hold', { code: short.code, orderId: 'o9', expiresInSeconds: 60 });
      world.pass(2000);
      const paid = await world.call('capture', { holdId });
      expect(paid.redeemedAmount).to.deep.equal(usd('50.00'));
      expect(paid.giftCard.status).to.equal('expired');
    });

    it('says how a hold has ended', async () => {
      const expired = await held({ expiresInSeconds: 1 });
      world.pass(1000);
      const released = await held({ orderId: 'o2' });
      await world.call('releaseHold', { holdId: released.holdId });
      for (const [{ holdId }, status] of [[expired, 'expired'] as const, [released, 'released'] as const]) {
        const error = await world.refusal('capture', { holdId });
        expect(error.code).to.equal('gift_cards.hold_ended');
        expect(error.details).to.deep.equal({ status });
      }
    });

    it('gives the money of a released hold back, once', async () => {
      const { holdId } = await held();
      const released = await world.call('releaseHold', { holdId });
      expect(released).to.include({ holdId, status: 'released' });
      expect(released.remainingBalance).to.deep.equal(usd('100.00'));
      expect((await world.refusal('releaseHold', { holdId })).code).to.equal('gift_cards.hold_ended');
      expect(await world.balance(card.id)).to.equal('100.00');
    });

    it('does not know a hold that nobody made', async () => {
      const holdId = card.id;
      for (const verb of ['capture', 'releaseHold'] as const) {
        expect((await world.refusal(verb, { holdId })).code).to.equal('gift_cards.hold_not_found');
      }
    });
  });

  describe('refundToCard', () => {
    let redemptionId: string;

    beforeEach(async () => {
      ({ redemptionId } = await world.call('redeem', { code: card.code, orderId: 'o1', amount: usd('40.00') }));
    });

    it('refunds the full redemption by default', async () => {
      const refund = await world.call('refundToCard', { redemptionId });
      expect(refund.refundedAmount).to.deep.equal(usd('40.00'));
      expect(refund.newBalance).to.deep.equal(usd('100.00'));
    });

    it('refunds by default what earlier refunds have left', async () => {
      await world.call('refundToCard', { redemptionId, amount: usd('15.00') });
      const rest = await world.call('refundToCard', { redemptionId });
      expect(rest.refundedAmount).to.deep.equal(usd('25.00'));
      const error = await world.refusal('refundToCard', { redemptionId });
      expect(error.code).to.equal('gift_cards.refund_exceeds_redemption');
    });

    it('never refunds more than was redeemed, whatever the number of refunds', async () => {
      for (let n = 0; n < 4; n += 1) await world.call('refundToCard', { redemptionId, amount: usd('9.00') });
      const error = await world.refusal('refundToCard', { redemptionId, amount: usd('4.01') });
      expect(error.code).to.equal('gift_cards.refund_exceeds_redemption');
      expect(error.details).to.deep.equal({ refundable: '4.00', currency: 'USD' });
    });

    it('refunds once for one key', async () => {
      const input = { redemptionId, amount: usd('10.00') };
      const first = await world.call('refundToCard', input, { key: 'k' });
      expect(await world.call('refundToCard', input, { key: 'k' })).to.deep.equal(first);
      expect(await world.balance(card.id)).to.equal('70.00');
    });

    it('does not know a redemption that nobody made', async () => {
      const error = await world.refusal('refundToCard', { redemptionId: card.id });
      expect(error.code).to.equal('gift_cards.redemption_not_found');
    });

    it('lands on an expired card and is never swept, also when the expiry was not booked before', async () => {
      world.passDays(366);
      const refund = await world.call('refundToCard', { redemptionId, amount: usd('10.00') });
      expect(refund.newBalance).to.deep.equal(usd('10.00'));
      await world.sweep();
      expect(await world.balance(card.id)).to.equal('10.00');
      expect(world.events('expired').map(({ payload }) => payload.amount)).to.deep.equal(['60.00']);
      expect(world.events('refunded')[0]?.payload).to.include({ afterExpiry: true });
    });

    it('goes to the void account where the card was voided', async () => {
      await world.call('void', { cardId: card.id, reason: 'fraud' });
      const refund = await world.call('refundToCard', { redemptionId });
      expect(refund.newBalance).to.deep.equal(usd('0.00'));
      const [entry] = await world.call('listTransactions', { cardId: card.id });
      expect(entry).to.include({ type: 'refund', creditAccount: 'void' });
    });

    it("refuses another currency than the card's", async () => {
      const amount = { amount: '10.00', currency: 'EUR' };
      expect((await world.refusal('refundToCard', { redemptionId, amount })).code).to.equal('money.currency_mismatch');
    });
  });

  it('keeps exact amounts in currencies of no, two and three decimals up to the largest', async () => {
    const cases = [
      ['JPY', '9223372036854775807', '9223372036854775806', '1'],
      ['USD', '0.03', '0.01', '0.02'],
      ['KWD', '10.000', '0.001', '9.999'],
    ] as const;
    for (const [currency, amount, part, rest] of cases) {
      const { code } = await world.issue('', { amount: { amount, currency } });
      const paid = await world.call('redeem', { code, orderId: 'o1', amount: { amount: part, currency } });
      expect(paid.remainingBalance).to.deep.equal({ amount: rest, currency });
    }
  });

  it('lets one of many simultaneous payments take the last money', async () => {
    const orders = Array.from({ length: 20 }, (_, n) => `o${n}`);
    const attempts = orders.map((orderId) =>
      world.call('redeem', { code: card.code, orderId, amount: usd('60.00') }, { principal: SHOP }),
    );
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    expect(await world.balance(card.id)).to.equal('40.00');
  });
});
