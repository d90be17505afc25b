import { expect } from 'chai';
import { deliverCode } from '../../src/application/gift-cards/deliver-code.ts';
import type { SendMailOptions } from '../../src/application/shared/mailer.ts';
import { MailUnavailable } from '../../src/application/shared/mailer.ts';
import { GiftCardWorld } from '../support/gift-card-world.ts';

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
});
