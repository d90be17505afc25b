import { expect } from 'chai';
import { deliverCode } from '../../src/application/gift-cards/deliver-code.ts';
import type { SendMailOptions } from '../../src/application/shared/mailer.ts';
import { MailUnavailable } from '../../src/application/shared/mailer.ts';
import { GiftCardWorld, usd } from '../support/gift-card-world.ts';

describe('The mail with a code', () => {
  it('can be told from a second one through all retries of its job, and ends waiting with the job', async () => {
    const world = new GiftCardWorld();
    const gift = {
      amount: { amount: '50.00', currency: 'EUR' },
      purchaserId: 'ann',
      recipientEmail: 'ben@example.com',
    };
    const { id } = await world.call('create', { ...gift, deliver: 'email' });
    const deliveryId = (await world.ports.reader.deliveryOfCard('default', id))?.id ?? '';
    const sent: (SendMailOptions | undefined)[] = [];
    const mailer = {
      async send(_mail: unknown, options?: SendMailOptions) {
        sent.push(options);
        throw new MailUnavailable('not now');
      },
    };
    const deliver = deliverCode({ ...world.ports, mailer });
    const { signal } = new AbortController();
    for (const causationId of ['job-1', 'job-1', 'job-2']) {
      const context = { tenant: 'default', actor: 'system:test', correlationId: 'test', causationId, signal };
      const failure: unknown = await deliver(deliveryId, context).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(MailUnavailable);
    }
    expect(sent.map((options) => options?.idempotencyKey)).to.deep.equal(['job-1', 'job-1', 'job-2']);
    expect(sent.every((options) => options?.signal === signal)).to.equal(true);
  });

  it('is given up, and its code destroyed, when it could not be delivered for a week; then its job ends quietly', async () => {
    const world = new GiftCardWorld();
    world.mailFails = true;
    const gift = { amount: usd('50.00'), purchaserId: 'ann', recipientEmail: 'ben@example.com' };
    const cards: { readonly id: string }[] = [];
    for (let n = 0; n < 2; n += 1) {
      cards.push(await world.call('create', { ...gift, deliver: 'email' }));
      world.pass(1);
    }
    const deliveries = () =>
      Promise.all(
        cards.map(async ({ id }) => {
          const { status, sealedCode } = (await world.ports.reader.deliveryOfCard('default', id)) ?? expect.fail();
          return [status, sealedCode !== null];
        }),
      );
    expect(await world.deliver().catch((error: unknown) => error)).to.be.instanceOf(Error);
    world.passDays(7);
    world.pass(-3);
    expect(await world.sweep()).to.include({ dropped: 0 });
    world.pass(1);
    expect(await world.sweep()).to.include({ dropped: 1 });
    expect(await deliveries()).to.deep.equal([
      ['failed', false],
      ['pending', true],
    ]);
    world.mailFails = false;
    expect(await world.deliver()).to.deep.equal(['dropped', 'delivered']);
    expect(world.mails).to.have.length(1);
    world.pass(1);
    expect(await world.sweep()).to.include({ dropped: 0 });
    expect(await deliveries()).to.deep.equal([
      ['failed', false],
      ['delivered', false],
    ]);
    const [{ id: cardId } = { id: '' }] = cards;
    expect((await world.refusal('resendEmail', { cardId })).code).to.equal('gift_cards.code_not_kept');
    await world.call('reissueCode', { cardId, reason: 'never arrived', deliver: 'email' });
    expect(await world.deliver()).to.deep.equal(['dropped', 'done_before', 'delivered']);
  });
});
