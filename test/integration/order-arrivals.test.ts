import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'mocha';
import { giftCardConsumers } from '../../src/application/gift-cards/index.ts';
import { ADMIN, GiftCardWorld } from '../support/gift-card-world.ts';
import { arrive, END, PAYMENTS, permutations, REFUNDS, type ArrivalWorld } from '../support/order-arrivals.ts';
import { postgresGiftCardSite } from '../support/postgres-gift-card-site.ts';

describe('every order of arrival, on PostgreSQL', function () {
  this.timeout(60_000);
  let site: Awaited<ReturnType<typeof postgresGiftCardSite>>;
  before(async () => void (site = await postgresGiftCardSite()));
  after(() => site?.close());

  /** The use cases on the database for a tenant of their own; events come in as a consumer brings them. */
  function postgresWorld(): ArrivalWorld {
    const tenant = `tenant-${randomUUID()}`;
    const { repository: cards, reader, bulkIssuer: bulk, eraser, marks, log } = site;
    const world = new GiftCardWorld({}, (ports) => ({ ...ports, cards, reader, bulk, eraser, marks }));
    const [consumer] = giftCardConsumers(world.ports);
    return {
      call: (verb, input, caller) => world.call(verb, input, { principal: { ...ADMIN, tenant }, ...caller }),
      async receive(type, data) {
        const event = {
          ...{ position: 1n, tenant, stream: 'source:shop', streamVersion: 1, eventId: randomUUID(), type },
          ...{ schemaVersion: 1, actor: 'token:shop', correlationId: 'flow', causationId: null, traceParent: null },
          ...{ occurredAt: new Date(), payload: { id: '1', source: 'shop', data } },
        };
        const { signal } = new AbortController();
        await site.transaction?.(async (unit) => consumer?.handle(event, { unit, signal }));
      },
      async refundsOf(cardId) {
        const events = await log.readStream(tenant, `gift_card:${cardId}`, 1, 1_000);
        return events.flatMap(({ type, payload }) => (type === 'gift_card.refunded' ? [payload] : []));
      },
      async verify() {
        expect((await reader.reconcile(tenant)).findings).to.deep.equal([]);
      },
    };
  }

  it('of two payments and two refunds ends in the same balances and totals', async () => {
    const all = permutations([...PAYMENTS, ...REFUNDS]);
    expect(all).to.have.length(24);
    for (const arrivals of all) expect(await arrive(postgresWorld(), arrivals)).to.deep.equal(END);
  });

  it('with a refund that is delivered twice ends in the same balances and totals', async () => {
    for (const arrivals of permutations([...PAYMENTS.slice(0, 1), ...REFUNDS, ...REFUNDS.slice(0, 1)])) {
      const end = { balances: [10_000, 10_000], parked: 1_200, refunded: 3_000 };
      expect(await arrive(postgresWorld(), arrivals)).to.deep.equal(end);
    }
  });

  it('with a cancellation among them leaves nothing paid, and nothing waiting', async () => {
    for (const arrivals of permutations([...PAYMENTS, REFUNDS[1] ?? expect.fail(), { kind: 'cancel' } as const])) {
      expect(await arrive(postgresWorld(), arrivals)).to.deep.include({ balances: [10_000, 10_000], parked: 0 });
    }
  });
});
