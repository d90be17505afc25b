import { expect } from 'chai';
import type { DomainError } from '../../src/domain/shared/domain-error.ts';
import { ANN, customer, GiftCardWorld, person, SHOP, usd, type Caller } from '../support/gift-card-world.ts';
import { refusedCodes } from '../support/refused-codes.ts';

const seen = ({ code, kind, message, details }: DomainError) => ({ code, kind, message, details });

describe('refused codes', () => {
  let world: GiftCardWorld;
  const shop: Caller = { principal: SHOP };

  beforeEach(() => {
    world = new GiftCardWorld();
  });
  afterEach(() => world.verify());

  const reasons = (): Promise<Readonly<Record<string, string>>> =>
    refusedCodes(
      {
        issue: (input) => world.issue('50.00', input),
        void: (input) => world.call('void', input),
        freeze: (input) => world.call('freeze', input),
        redeem: (input) => world.call('redeem', input),
        soon: () => ({ at: new Date(world.now.getTime() + 1), over: () => world.pass(1) }),
      },
      'o1',
    );

  it('are one and the same to a caller who may not know why, for every reason', async () => {
    const codes = Object.values(await reasons());
    const malformed = ['GIFT-0000-0000-0000-0001', 'nonsense', 'GIFT'];
    const answers = [];
    for (const code of [...codes, ...malformed]) {
      answers.push(seen(await world.refusal('redeem', { code, orderId: 'o1', amount: usd('10.00') }, shop)));
    }
    const [first] = answers;
    expect(first).to.deep.equal({
      code: 'gift_cards.refused',
      kind: 'rule_violated',
      message: 'This gift card cannot be used.',
      details: {},
    });
    for (const answer of answers) expect(answer).to.deep.equal(first);
  });

  it('are told apart for the permitted and for the embedder', async () => {
    const callers: readonly Caller[] = [
      { principal: person('clerk', 'gift-cards:redeem', 'gift-cards:diagnose') },
      { ...shop, inProcess: true },
    ];
    const codes = await reasons();
    for (const caller of callers) {
      for (const [reason, code] of Object.entries(codes)) {
        const error = await world.refusal('redeem', { code, orderId: 'o1', amount: usd('10.00') }, caller);
        expect(error.code).to.equal(reason);
      }
    }
  });

  it('look the same when they are held, transferred from and transferred to', async () => {
    const good = await world.issue();
    const codes = await reasons();
    const refused = new Set<string>();
    for (const [reason, code] of Object.entries(codes)) {
      const amount = usd('10.00');
      if (reason !== 'gift_cards.redemption_conflict') {
        refused.add((await world.refusal('transfer', { fromCode: code, toCode: good.code, amount }, shop)).code);
      }
      refused.add((await world.refusal('hold', { code, orderId: 'o1', amount }, shop)).code);
    }
    for (const reason of ['invalid_code', 'expired_card', 'voided_card', 'frozen_card']) {
      const toCode = codes[`gift_cards.${reason}`] ?? '';
      refused.add((await world.refusal('transfer', { fromCode: good.code, toCode, amount: usd('1.00') }, shop)).code);
    }
    expect([...refused]).to.deep.equal(['gift_cards.refused']);
  });

  it('look the same when their balance is asked for, unless they could be spent', async () => {
    const { 'gift_cards.insufficient_balance': poor = '', ...rest } = await reasons();
    const { 'money.currency_mismatch': euros = '', 'gift_cards.redemption_conflict': paid = '', ...unusable } = rest;
    for (const code of [...Object.values(unusable), 'nonsense']) {
      expect((await world.refusal('checkBalance', { code }, shop)).code).to.equal('gift_cards.refused');
    }
    for (const code of [poor, euros, paid]) {
      expect((await world.call('checkBalance', { code }, shop)).expiresAt).to.be.a('string');
    }
  });

  it('show balance and status of any card to the permitted', async () => {
    const statuses = [];
    for (const code of Object.values(await reasons()).slice(1)) {
      statuses.push((await world.call('checkBalance', { code })).status);
    }
    const first = ['active', 'expired', 'voided', 'frozen', 'fully_redeemed', 'active', 'partially_redeemed', 'active'];
    expect(statuses).to.deep.equal(first);
  });

  it('include ids that no card has', async () => {
    const input = { cardId: '01890000-0000-7000-8000-000000000000', holderId: 'ann', orderId: 'o1' };
    expect((await world.refusal('redeem', input, shop)).code).to.equal('gift_cards.refused');
    expect((await world.refusal('hold', input)).code).to.equal('gift_cards.card_not_found');
  });

  it('keep the reason in the receipt, and the one answer at a repeat', async () => {
    const { id, code } = await world.issue('9.99');
    const input = { code, orderId: 'o1', amount: usd('10.00') };
    const first = seen(await world.refusal('redeem', input, { ...shop, key: 'k' }));
    await world.call('reload', { cardId: id, amount: usd('10.00') });
    expect(seen(await world.refusal('redeem', input, { ...shop, key: 'k' }))).to.deep.equal(first);
    const told = await world.refusal('redeem', input, { ...shop, key: 'k', inProcess: true });
    expect(told.code).to.equal('gift_cards.insufficient_balance');
  });

  it('tell nothing by a repeat under the key of somebody else', async () => {
    const { code } = await world.issue();
    const input = { code, orderId: 'o1', amount: usd('10.00') };
    await world.call('redeem', input, { key: 'k' });
    const other = await world.reply('redeem', { ...input, orderId: 'o2' }, { ...shop, key: 'k' });
    expect(other.replayed).to.equal(false);
  });

  it('never reach the database when they cannot be codes', async () => {
    let asked = 0;
    const counting = new GiftCardWorld({}, (ports) => ({
      ...ports,
      cards: { update: (...args) => ((asked += 1), ports.cards.update(...args)) },
      reader: new Proxy(ports.reader, { get: (...args) => ((asked += 1), Reflect.get(...args) as unknown) }),
    }));
    const code = 'GIFT-0000-0000-0000-0001';
    await counting.refusal('redeem', { code, orderId: 'o1' }, shop);
    await counting.refusal('hold', { code, orderId: 'o1' }, shop);
    await counting.refusal('transfer', { fromCode: code, toCode: code, amount: usd('1.00') }, shop);
    await counting.refusal('checkBalance', { code }, shop);
    expect(asked).to.equal(0);
  });

  it('ask for as much when no card has the code as when one has', async () => {
    const asked: string[] = [];
    const counting = new GiftCardWorld({}, (ports) => ({
      ...ports,
      cards: { update: (...args) => (asked.push('update'), ports.cards.update(...args)) },
      reader: new Proxy(ports.reader, {
        get(target, method: 'find' | 'now') {
          asked.push(method);
          return target[method].bind(target);
        },
      }),
    }));
    const { id, code } = await counting.issue();
    await counting.call('freeze', { cardId: id, reason: 'stolen' });
    const work = [];
    for (const presented of [code, 'GIFT-0000-0000-0000-0000']) {
      asked.length = 0;
      await counting.refusal('redeem', { code: presented, orderId: 'o1' }, shop);
      await counting.refusal('checkBalance', { code: presented }, shop);
      work.push([...asked]);
    }
    expect(work[0]).to.deep.equal(['update', 'find', 'now']);
    expect(work[1]).to.deep.equal(work[0]);
  });

  describe('the guard against guessing', () => {
    it('is asked before, and told of each refusal and each success', async () => {
      const { code } = await world.issue();
      await world.call('redeem', { code, orderId: 'o1', amount: usd('1.00') }, shop);
      await world.refusal('redeem', { code: 'GIFT-0000-0000-0000-0000', orderId: 'o1' }, shop);
      await world.refusal('checkBalance', { code: 'nonsense' }, shop);
      expect(world.guesses).to.deep.equal(['check', 'accepted', 'check', 'refused', 'check', 'refused']);
    });

    it('keeps a limited caller from learning anything, even about text that is no code', async () => {
      const { code } = await world.issue();
      world.limited = true;
      for (const presented of [code, 'GIFT-0000-0000-0000-0000', 'nonsense']) {
        expect((await world.refusal('checkBalance', { code: presented }, shop)).code).to.equal('request.rate_limited');
      }
      const transfer = { fromCode: code, toCode: code, amount: usd('1.00') };
      expect((await world.refusal('transfer', transfer, shop)).code).to.equal('request.rate_limited');
    });

    it('counts no refusal that is not about the code', async () => {
      const { code } = await world.issue();
      await world.refusal('redeem', { code, orderId: 'o1', amount: usd('0.00') }, shop);
      expect(world.guesses).to.deep.equal(['check']);
    });

    it('is left alone where no code is presented', async () => {
      const { id } = await world.issue('50.00', { holderId: 'ann' });
      await world.refusal('redeem', { cardId: id, holderId: 'bob', orderId: 'o1' }, shop);
      expect(world.guesses).to.deep.equal([]);
    });
  });

  describe('callers who may do it with their own cards only', () => {
    const ann: Caller = { principal: ANN };
    const bob: Caller = { principal: customer('bob') };

    it('pay with cards that are bound to them', async () => {
      const { id } = await world.issue('50.00', { holderId: 'ann' });
      const input = { cardId: id, holderId: 'ann', orderId: 'o1', amount: usd('10.00') };
      expect((await world.call('redeem', input, ann)).remainingBalance).to.deep.equal(usd('40.00'));
      const hold = await world.call('hold', { ...input, orderId: 'o2' }, ann);
      expect(hold.remainingBalance).to.deep.equal(usd('30.00'));
    });

    it('pay neither in the name of the holder nor by code', async () => {
      const bound = await world.issue('50.00', { holderId: 'ann' });
      const bearer = await world.issue('50.00', { purchaserId: 'bob' });
      const inputs = [
        { cardId: bound.id, holderId: 'ann', orderId: 'o1' },
        { cardId: bound.id, holderId: 'bob', orderId: 'o1' },
        { cardId: bearer.id, holderId: 'bob', orderId: 'o1' },
        { code: bearer.code, orderId: 'o1' },
      ];
      for (const input of inputs) {
        expect((await world.refusal('redeem', input, bob)).code).to.equal('gift_cards.refused');
        expect((await world.refusal('hold', input, bob)).code).to.equal('gift_cards.refused');
      }
      expect(await world.balance(bound.id)).to.equal('50.00');
    });

    it('see cards that they bought or hold, and no others, by id and by code', async () => {
      const held = await world.issue('1.00', { holderId: 'ann' });
      const bought = await world.issue('2.00', { purchaserId: 'ann' });
      const foreign = await world.issue('3.00');
      expect((await world.call('getCard', { cardId: held.id }, ann)).holderId).to.equal('ann');
      expect((await world.call('getCard', { code: bought.code }, ann)).purchaserId).to.equal('ann');
      for (const verb of ['getCard', 'listTransactions'] as const) {
        const error = await world.refusal(verb, { cardId: foreign.id }, ann);
        expect(error.code).to.equal('gift_cards.card_not_found');
        const byCode = seen(await world.refusal(verb, { code: foreign.code }, ann));
        expect(byCode).to.deep.equal(seen(await world.refusal(verb, { code: 'GIFT-0000-0000-0000-0000' }, ann)));
      }
      const ids = (await world.call('listCards', {}, ann)).map(({ id }) => id);
      expect(ids).to.have.members([held.id, bought.id]);
      expect(await world.call('listCards', { purchaserId: 'buyer', holderId: 'bob' }, ann)).to.deep.equal([]);
    });

    it('transfer from what is bound to them, to what is bound to them or whose code they have', async () => {
      const [own, second] = [
        await world.issue('50.00', { holderId: 'ann' }),
        await world.issue('50.00', { holderId: 'ann' }),
      ];
      const bearer = await world.issue('50.00');
      const amount = usd('10.00');
      await world.call('transfer', { fromCardId: own.id, toCardId: second.id, amount }, ann);
      await world.call('transfer', { fromCardId: own.id, toCode: bearer.code, amount }, ann);
      expect(await world.balance(own.id)).to.equal('30.00');
      const refused = [
        { fromCardId: own.id, toCardId: bearer.id, amount },
        { fromCardId: bearer.id, toCardId: own.id, amount },
        { fromCode: bearer.code, toCardId: own.id, amount },
      ];
      for (const input of refused) {
        expect((await world.refusal('transfer', input, ann)).code).to.equal('gift_cards.refused');
      }
      const byBob = await world.refusal('transfer', { fromCardId: own.id, toCode: bearer.code, amount }, bob);
      expect(byBob.code).to.equal('gift_cards.refused');
    });
  });
});
