import { expect } from 'chai';
import { yearsLater } from '../../src/application/gift-cards/index.ts';
import { ADMIN, GiftCardWorld, person, usd } from '../support/gift-card-world.ts';

const CARL = { recipientEmail: 'carl@example.org' };

describe('the life of a gift card', () => {
  let world: GiftCardWorld;

  beforeEach(() => {
    world = new GiftCardWorld();
  });
  afterEach(() => world.verify());

  describe('create', () => {
    const buy = { amount: { amount: '50.00', currency: 'USD' }, purchaserId: 'buyer' };

    it('answers with the card and its code, in US dollars and for a year by default', async () => {
      const card = await world.call('create', { amount: { amount: '50.00' }, purchaserId: 'buyer' });
      expect(card.code).to.match(/^GIFT(-[0-9A-HJKMNP-TV-Z]{4}){4}$/);
      expect(card.lastFour).to.equal(card.code?.slice(-4));
      expect(card).to.deep.include({ originalAmount: usd('50.00'), currentBalance: usd('50.00'), status: 'active' });
      expect(card.expiresAt).to.equal(yearsLater(world.now, 1).toISOString());
    });

    it('tells the same code again when the answer was lost, and makes no second card', async () => {
      const first = await world.reply('create', buy, { key: 'k' });
      const second = await world.reply('create', buy, { key: 'k' });
      expect(second).to.deep.equal({ ...first, replayed: true });
      expect(world.events('created')).to.have.length(1);
    });

    it('tells nobody else a code by the same idempotency key', async () => {
      const first = await world.call('create', buy, { key: 'k' });
      const other = await world.call('create', buy, { key: 'k', principal: person('other', '*') });
      expect(other.id).not.to.equal(first.id);
      expect(other.code).not.to.equal(first.code);
    });

    it('is the only answer that tells the code', async () => {
      const { id, code } = await world.issue();
      const card = await world.call('getCard', { cardId: id });
      const list = await world.call('listCards', {});
      const lines = await world.call('listTransactions', { cardId: id });
      for (const answer of [card, list, lines]) expect(JSON.stringify(answer)).not.to.include(code.slice(5));
    });

    it('takes an expiry that is asked for, and never for null', async () => {
      const soon = new Date(world.now.getTime() + 1).toISOString();
      expect((await world.call('create', { ...buy, expiresAt: soon })).expiresAt).to.equal(soon);
      expect((await world.call('create', { ...buy, expiresAt: null })).expiresAt).to.equal(null);
    });

    it('takes the expiry of the policy, which may be none', async () => {
      const lasting = new GiftCardWorld({ expiry: () => null });
      expect((await lasting.call('create', buy)).expiresAt).to.equal(null);
    });

    it('refuses an expiry that is not in the future', async () => {
      const error = await world.refusal('create', { ...buy, expiresAt: world.now.toISOString() });
      expect(error.code).to.equal('gift_cards.invalid_expiry');
    });

    it('refuses an amount of nothing', async () => {
      const error = await world.refusal('create', { ...buy, amount: usd('0.00') });
      expect(error.code).to.equal('money.invalid_amount');
    });

    it('refuses a currency that does not exist', async () => {
      const error = await world.refusal('create', { ...buy, amount: { amount: '1.00', currency: 'XXY' } });
      expect(error.code).to.equal('request.invalid_input');
    });

    it('writes codes in the format of the policy, with the prefix that is asked for', async () => {
      const long = new GiftCardWorld({ codeFormat: { prefix: 'SHOP', length: 20 }, codeLengths: [20, 16] });
      expect((await long.call('create', buy)).code).to.match(/^SHOP(-[0-9A-Z]{4}){5}$/);
      const { code } = await long.call('create', { ...buy, prefix: 'XMAS' });
      expect(code).to.match(/^XMAS-/);
      expect((await long.call('checkBalance', { code: code ?? '' })).code).to.match(/^XMAS(-\*{4}){4}-[0-9A-Z]{4}$/);
    });

    it('makes a different code every time', async () => {
      const codes = new Set<string>();
      for (let n = 0; n < 200; n += 1) codes.add((await world.issue()).code);
      expect(codes.size).to.equal(200);
    });
  });

  describe('the code by e-mail', () => {
    const gift = { amount: { amount: '50.00', currency: 'USD' }, purchaserId: 'buyer', ...CARL };

    it('reaches the recipient with the message, and the copy kept for it is destroyed', async () => {
      const { id, code } = await world.issue('50.00', { ...CARL, message: 'Happy <birthday>,\nCarl & co' });
      expect(await world.deliver()).to.deep.equal(['delivered']);
      const [mail] = world.mails;
      expect(mail?.to).to.equal('carl@example.org');
      expect(mail?.text).to.include(code).and.include('50.00 USD').and.include('Happy <birthday>,\nCarl & co');
      expect(mail?.html).to.include(code).and.include('Happy &lt;birthday&gt;,\nCarl &amp; co');
      expect(mail?.html).not.to.include('<birthday>');
      expect(mail?.subject).not.to.include(code);
      const kept = await world.ports.reader.deliveryOfCard('default', id);
      expect(kept).to.include({ status: 'delivered', sealedCode: null });
    });

    it('is the only way the code takes with `deliver: email`, at a repeat too', async () => {
      for (const _ of [1, 2]) {
        expect(await world.call('create', { ...gift, deliver: 'email' }, { key: 'k' })).not.to.have.property('code');
      }
      await world.deliver();
      const code = /GIFT(-[0-9A-Z]{4}){4}/.exec(world.mails[0]?.text ?? '')?.[0] ?? '';
      world.codes.add(code);
      expect((await world.call('checkBalance', { code })).currentBalance).to.deep.equal(usd('50.00'));
    });

    it('needs an address', async () => {
      const { recipientEmail: _, ...nobody } = gift;
      const error = await world.refusal('create', { ...nobody, deliver: 'email' });
      expect(error.code).to.equal('gift_cards.recipient_missing');
    });

    it('says when the card expires, or that it does not', async () => {
      await world.issue('50.00', { ...CARL, expiresAt: '2031-02-03T04:05:06Z' });
      await world.issue('50.00', { ...CARL, expiresAt: null });
      await world.deliver();
      expect(world.mails.map(({ text }) => text).join())
        .to.include('2031-02-03 04:05')
        .and.include('not expire');
    });

    it('is sent once, however often the job runs afterwards', async () => {
      await world.issue('50.00', CARL);
      await world.deliver();
      expect(await world.deliver()).to.deep.equal(['done_before']);
      expect(world.mails).to.have.length(1);
    });

    it('is tried again when the mail server does not answer', async () => {
      await world.issue('50.00', CARL);
      world.mailFails = true;
      const failure = await world.deliver().catch((error: unknown) => error);
      expect(failure).to.be.an.instanceOf(Error);
      world.mailFails = false;
      expect(await world.deliver()).to.deep.equal(['delivered']);
    });

    it('is not sent to a person who was erased, and its copy is destroyed', async () => {
      const { id } = await world.issue('50.00', CARL);
      expect(await world.erase({ email: 'carl@example.org' })).to.equal(1);
      await world.deliver();
      expect(world.mails).to.deep.equal([]);
      expect(await world.ports.reader.deliveryOfCard('default', id)).to.include({ sealedCode: null });
      expect(await world.balance(id)).to.equal('50.00');
    });

    it('is not sent when the card was voided before', async () => {
      const { id } = await world.issue('50.00', CARL);
      await world.call('void', { cardId: id, reason: 'fraud' });
      expect(await world.deliver()).to.deep.equal(['dropped']);
    });

    it('is sent again while the copy is kept', async () => {
      const { id } = await world.issue('50.00', CARL);
      const { deliveryId } = await world.call('resendEmail', { cardId: id });
      expect(world.requests('gift-cards.deliver-code').map(({ payload }) => payload.payload)).to.deep.equal([
        { deliveryId },
        { deliveryId },
      ]);
      await world.deliver();
      const error = await world.refusal('resendEmail', { cardId: id });
      expect(error.code).to.equal('gift_cards.code_not_kept');
    });

    it('cannot be sent again to nobody, nor for a card that does not exist', async () => {
      const { id } = await world.issue();
      expect((await world.refusal('resendEmail', { cardId: id })).code).to.equal('gift_cards.recipient_missing');
      const unknown = '01890000-0000-7000-8000-000000000000';
      expect((await world.refusal('resendEmail', { cardId: unknown })).code).to.equal('gift_cards.card_not_found');
    });
  });

  it('is refused, where a code goes by e-mail, while there is no room for the mail job; all else goes on', async () => {
    const mailed = { amount: usd('10.00'), purchaserId: 'buyer', recipientEmail: 'friend@example.com' };
    const { id: cardId } = await world.call('create', mailed, { key: 'done' });
    world.full.add('gift-cards.deliver-code');
    const events = world.log.length;
    const refusals = [
      await world.refusal('create', mailed, { key: 'later' }),
      await world.refusal('reissueCode', { cardId, reason: 'lost', deliver: 'email' }),
      await world.refusal('resendEmail', { cardId }),
    ];
    expect(refusals.map(({ code }) => code)).to.deep.equal(Array(3).fill('jobs.queue_full'));
    expect(world.log).to.have.length(events);
    await world.issue();
    await world.call('reissueCode', { cardId, reason: 'lost' });
    expect(await world.reply('create', mailed, { key: 'done' })).to.include({ replayed: true });
    world.full.clear();
    expect(await world.reply('create', mailed, { key: 'later' })).to.include({ replayed: false });
  });

  describe('reissueCode', () => {
    it('replaces the code: the old one is dead, the new one works', async () => {
      const { id, code } = await world.issue();
      const card = await world.call('reissueCode', { code, reason: 'lost' });
      expect(card.id).to.equal(id);
      expect((await world.refusal('checkBalance', { code })).code).to.equal('gift_cards.invalid_code');
      expect((await world.call('checkBalance', { code: card.code ?? '' })).currentBalance).to.deep.equal(usd('100.00'));
    });

    it("keeps the card's prefix, in the answer and by e-mail, and takes the length of the policy", async () => {
      const long = new GiftCardWorld({ codeFormat: { prefix: 'SHOP', length: 20 }, codeLengths: [20, 16] });
      const { id, code } = await long.issue('50.00', { ...CARL, prefix: 'XMAS' });
      const card = await long.call('reissueCode', { code, reason: 'lost' });
      expect(card.code)
        .to.match(/^XMAS(-[0-9A-Z]{4}){5}$/)
        .and.not.equal(code);
      expect((await long.call('checkBalance', { code: card.code ?? '' })).code).to.match(/^XMAS(-\*{4}){4}-/);
      await long.call('reissueCode', { cardId: id, reason: 'lost again', deliver: 'email' });
      expect(await long.deliver()).to.deep.equal(['dropped', 'delivered']);
      expect(long.mails[0]?.text).to.match(/XMAS(-[0-9A-Z]{4}){5}/);
      await long.verify();
    });

    it('answers with the code that was stored where it was decided more than once', async () => {
      const twice = new GiftCardWorld({}, (ports) => ({
        ...ports,
        cards: {
          update: (context, keys, decide) =>
            ports.cards.update(context, keys, (book) => {
              decide(book);
              return decide(book);
            }),
        },
      }));
      const { id } = await twice.issue();
      const { code = '' } = await twice.call('reissueCode', { cardId: id, reason: 'lost' });
      expect((await twice.call('checkBalance', { code })).currentBalance).to.deep.equal(usd('100.00'));
      await twice.verify();
    });

    it('tells the same new code again to a repeat, though the old code is gone by then', async () => {
      const { code } = await world.issue();
      const first = await world.call('reissueCode', { code, reason: 'lost' }, { key: 'k' });
      expect(await world.call('reissueCode', { code, reason: 'lost' }, { key: 'k' })).to.deep.equal(first);
      expect(world.events('code_reissued')).to.have.length(1);
    });

    it('mails the new code to the recipient, and not the old one that still waited', async () => {
      const { id, code } = await world.issue('50.00', CARL);
      const card = await world.call('reissueCode', { cardId: id, reason: 'lost', deliver: 'email' });
      expect(card).not.to.have.property('code');
      expect(await world.deliver()).to.deep.equal(['dropped', 'delivered']);
      expect(world.mails.map(({ text }) => text.includes(code))).to.deep.equal([false]);
    });

    it('needs a recipient for e-mail', async () => {
      const { id } = await world.issue();
      const error = await world.refusal('reissueCode', { cardId: id, reason: 'lost', deliver: 'email' });
      expect(error.code).to.equal('gift_cards.recipient_missing');
    });

    it('makes a code that still waited for its e-mail worthless: it cannot be resent', async () => {
      const { id } = await world.issue('50.00', CARL);
      await world.call('reissueCode', { cardId: id, reason: 'lost' });
      expect((await world.refusal('resendEmail', { cardId: id })).code).to.equal('gift_cards.code_not_kept');
    });
  });

  describe('changes by staff', () => {
    it('adds money', async () => {
      const { code } = await world.issue('10.00');
      const card = await world.call('reload', { code, amount: usd('5.50') });
      expect(card.currentBalance).to.deep.equal(usd('15.50'));
      expect(card.originalAmount).to.deep.equal(usd('10.00'));
      expect((await world.refusal('reload', { code, amount: usd('0') })).code).to.equal('money.invalid_amount');
    });

    it('freezes and unfreezes', async () => {
      const { id, code } = await world.issue();
      expect((await world.call('freeze', { cardId: id, reason: 'stolen' })).status).to.equal('frozen');
      expect((await world.refusal('redeem', { code, orderId: 'o1' })).code).to.equal('gift_cards.frozen_card');
      expect((await world.call('unfreeze', { cardId: id, reason: 'found' })).status).to.equal('active');
      const again = await world.refusal('unfreeze', { cardId: id, reason: 'found' });
      expect(again.code).to.equal('gift_cards.card_not_frozen');
    });

    it('extends the expiry, or takes it away', async () => {
      const { id } = await world.issue();
      const later = yearsLater(world.now, 3).toISOString();
      expect(
        (await world.call('extendExpiry', { cardId: id, expiresAt: later, reason: 'goodwill' })).expiresAt,
      ).to.equal(later);
      const earlier = await world.refusal('extendExpiry', {
        cardId: id,
        expiresAt: yearsLater(world.now, 2).toISOString(),
        reason: 'mistake',
      });
      expect(earlier.code).to.equal('gift_cards.invalid_expiry');
      const never = await world.call('extendExpiry', { cardId: id, expiresAt: null, reason: 'law' });
      expect(never.expiresAt).to.equal(null);
    });

    it('voids for good, and records who, why and where the remainder went', async () => {
      const { id, code } = await world.issue('80.00');
      const hold = await world.call('hold', { code, orderId: 'o1', amount: usd('30.00') });
      const end = { code, reason: 'fraud', adminId: 'eve', account: 'promotion' } as const;
      expect(await world.call('void', end, { inProcess: true })).to.equal(true);
      const card = await world.call('getCard', { cardId: id });
      expect(card).to.include({ status: 'voided', voidedBy: 'eve', voidReason: 'fraud' });
      expect(card.currentBalance).to.deep.equal(usd('0.00'));
      const [entry] = await world.call('listTransactions', { cardId: id });
      expect(entry).to.deep.include({ type: 'void', creditAccount: 'promotion', amount: usd('80.00') });
      expect((await world.refusal('capture', { holdId: hold.holdId })).details).to.deep.equal({ status: 'released' });
      const twice = await world.refusal('void', { cardId: id, reason: 'fraud' });
      expect(twice.code).to.equal('gift_cards.voided_card');
    });

    it('lets nobody outside of the process say that somebody else did it', async () => {
      const { id } = await world.issue();
      const refusal = await world.refusal('void', { cardId: id, reason: 'fraud', adminId: 'eve' });
      expect(refusal.code).to.equal('request.invalid_input');
      expect(refusal.details['issues']).to.have.nested.property('[0].path', 'adminId');
    });

    it('names the caller where no other admin is named', async () => {
      const { id } = await world.issue();
      await world.call('void', { cardId: id, reason: 'fraud' }, { principal: ADMIN });
      expect((await world.call('getCard', { cardId: id })).voidedBy).to.equal('admin');
    });

    it('needs the permission of each operation', async () => {
      const { id } = await world.issue();
      const principal = person('clerk', 'gift-cards:freeze');
      await world.call('freeze', { cardId: id, reason: 'stolen' }, { principal });
      const error = await world.refusal('void', { cardId: id, reason: 'fraud' }, { principal });
      expect(error.code).to.equal('request.permission_denied');
    });

    it('does not know a card or a code that nobody issued', async () => {
      const cardId = '01890000-0000-7000-8000-000000000000';
      const code = 'GIFT-0000-0000-0000-0000';
      const dead = await world.refusal('freeze', { cardId, reason: 'stolen' });
      expect(dead.code).to.equal('gift_cards.card_not_found');
      expect((await world.refusal('freeze', { code, reason: 'stolen' })).code).to.equal('gift_cards.invalid_code');
      const typo = await world.refusal('freeze', { code: 'GIFT-0000-0000-0000-0001', reason: 'stolen' });
      expect(typo.code).to.equal('gift_cards.invalid_code');
    });
  });
});
