import { expect } from 'chai';
import { GiftCardWorld } from '../support/gift-card-world.ts';

const WRONG = 'GIFT-0000-0000-0000-0000';
const CHANGES = ['freeze', 'unfreeze', 'reissueCode', 'void'] as const;

describe('Wrong codes in operations of staff', () => {
  let world: GiftCardWorld;

  beforeEach(() => {
    world = new GiftCardWorld();
  });

  it('count as guesses, and say that the code is wrong', async () => {
    const refusals = [
      () => world.refusal('getCard', { code: WRONG }),
      () => world.refusal('listTransactions', { code: WRONG }),
      () => world.refusal('reload', { code: WRONG, amount: { amount: '1.00', currency: 'USD' } }),
      () => world.refusal('extendExpiry', { code: WRONG, expiresAt: null, reason: 'law' }),
      ...CHANGES.map((verb) => () => world.refusal(verb, { code: WRONG, reason: 'lost' })),
    ];
    for (const refusal of refusals) {
      world.guesses.splice(0);
      expect((await refusal()).code).to.equal('gift_cards.invalid_code');
      expect(world.guesses).to.deep.equal(['check', 'refused']);
    }
  });

  it('are not looked at where too many were wrong', async () => {
    const { code } = await world.issue();
    world.limited = true;
    for (const verb of CHANGES) {
      expect((await world.refusal(verb, { code, reason: 'lost' })).code).to.equal('request.rate_limited');
    }
    expect((await world.refusal('getCard', { code })).code).to.equal('request.rate_limited');
  });

  it('are told from good ones, and from ids', async () => {
    const { id, code } = await world.issue();
    await world.call('getCard', { code });
    await world.call('freeze', { code, reason: 'stolen' });
    expect(world.guesses).to.deep.equal(['check', 'accepted', 'check', 'accepted']);
    world.guesses.splice(0);
    await world.call('getCard', { cardId: id });
    await world.call('unfreeze', { cardId: id, reason: 'found' });
    expect(world.guesses).to.deep.equal([]);
  });
});
