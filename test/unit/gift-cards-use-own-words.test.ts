import { expect } from 'chai';
import { generateCode } from '../../src/domain/gift-cards/code.ts';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';

const WITH_REASON = ['void', 'freeze', 'unfreeze', 'extendExpiry', 'reissueCode'] as const;

/** What people write in their own words goes into tables and into the log as it is. */
describe('a code in what somebody writes about a gift card', () => {
  let world: GiftCardWorld;
  let card: { id: string; code: string };

  beforeEach(async () => {
    world = new GiftCardWorld();
    card = await world.issue();
  });
  afterEach(() => world.verify());

  const issuesOf = (path: string) => ({ issues: [{ path, message: 'must not contain a gift card code' }] });

  for (const verb of WITH_REASON) {
    it(`is refused in the reason of ${verb}, without being told, and nothing is decided`, async () => {
      const decided = world.decisions.length;
      const input = { cardId: card.id, reason: `lost ${card.code.toLowerCase()}, she says` };
      const error = await world.refusal(verb, verb === 'extendExpiry' ? { ...input, expiresAt: null } : input);
      expect(error.code).to.equal('request.invalid_input');
      expect(error.details).to.deep.equal(issuesOf('reason'));
      expect(world.decisions).to.have.length(decided);
    });
  }

  it('is refused in the message to a recipient', async () => {
    const gift = { amount: usd('5.00'), purchaserId: 'buyer', recipientEmail: 'carl@example.org' };
    const error = await world.refusal('create', { ...gift, message: `Beside ${card.code} this one` });
    expect(error.details).to.deep.equal(issuesOf('message'));
    expect(world.mails).to.deep.equal([]);
  });

  it('does not hide that a text is too long', async () => {
    const error = await world.refusal('freeze', { cardId: card.id, reason: `${card.code} `.repeat(50) });
    expect(error.details['issues']).to.have.length(1);
    expect(error.details).to.have.nested.property('issues[0].path', 'reason');
    expect(error.details).not.to.deep.equal(issuesOf('reason'));
  });

  it('is not looked for in identifiers of other systems, which nobody could put in other words', async () => {
    const orderId = generateCode(() => new Uint8Array(15).fill(31), { prefix: 'ORD' }).reveal();
    const paid = await world.call('redeem', { code: card.code, orderId, amount: usd('10.00') });
    expect(paid.redeemedAmount).to.deep.equal(usd('10.00'));
  });
});
