import { expect } from 'chai';
import { describe, it } from 'mocha';
import { z } from 'zod';
import { eventHandlers, events } from '../../src/application/events/index.ts';
import { giftCards } from '../../src/application/gift-cards/index.ts';
import type { Principal } from '../../src/application/shared/call.ts';
import { inProcessClient } from '../../src/application/shared/client.ts';
import { context, type ContextContract } from '../../src/application/shared/contract.ts';
import type { EventSeals } from '../../src/application/shared/event-log.ts';
import { compile } from '../../src/application/shared/pipeline.ts';
import { APPLICATION_CONTRACTS } from '../../src/composition/contracts.ts';
import { MemoryEventLog } from '../../src/infrastructure/memory/memory-event-log.ts';
import { toJsonSchema } from '../../src/interfaces/http/json-schema.ts';

const SHOP: Principal = { id: 'token:shop', kind: 'token', tenant: 'default', permissions: new Set(['*']) };
const CARD = '0199a3c4-7c1b-7e2d-9a41-5b6c7d8e9f01';
const amount = { amount: '1.00', currency: 'USD' };

/** Takes events in by the contracts given; tells what the log has of their data, or the refusal. */
function ingestion(contracts: readonly ContextContract[] = [giftCards, events]) {
  const log = new MemoryEventLog();
  const operations = compile(events, eventHandlers({ log, seals: {} as EventSeals, contracts }));
  const { Event } = inProcessClient([events], operations, { principal: SHOP, newId: () => 'id' });
  let count = 0;
  const ingest = async (...given: readonly (readonly [type: string, data: object])[]): Promise<unknown> => {
    const made = given.map(([type, data]) => {
      return { specversion: '1.0', id: `${(count += 1)}`, source: '/shop', type, data: data as {} } as const;
    });
    return Event.ingest({ events: made }).then(
      ({ accepted }) => accepted,
      ({ code, details }: { code: string; details: object }) => ({ code, ...details }),
    );
  };
  const stored = async () => (await log.read(0n, 100)).events.map(({ payload }) => payload.data);
  return { ingest, stored };
}

describe('events of other systems', () => {
  it('are kept with the fields that their type declares, and with no others', async () => {
    const { ingest, stored } = ingestion();
    const person = { email: 'dorothea@example.com', customer: { name: 'Dorothea' } };
    const leg = { cardId: CARD, amount };
    const refund = { orderId: 'o1', refundId: 'r1', legs: [leg] };
    expect(
      await ingest(
        ['order.cancelled', { orderId: 'o1', ...person }],
        ['order.refunded', { ...refund, ...person, legs: [{ ...leg, ...person, amount: { ...amount, ...person } }] }],
      ),
    ).to.deep.equal([true, true]);
    expect(await stored()).to.deep.equal([{ orderId: 'o1' }, refund]);
  });

  it('are kept without any field where a refund is not about cards, whatever else it says', async () => {
    const { ingest, stored } = ingestion();
    for (const data of [{ orderId: 'o1' }, { legs: [] }, { orderId: 7, legs: null, email: 'dorothea@example.com' }]) {
      expect(await ingest(['order.refunded', data])).to.deep.equal([true]);
    }
    expect(await stored()).to.deep.equal([{}, {}, {}]);
  });

  it('are refused by the path of what does not fit, and with them all of the call', async () => {
    const { ingest, stored } = ingestion();
    const refund = { orderId: 'o1', refundId: 'r1' };
    for (const [data, path] of [
      [{ ...refund, legs: [{ cardId: CARD, amount: { ...amount, amount: 1 } }] }, 'legs.0.amount.amount'],
      [{ ...refund, legs: [{ cardId: CARD, amount }, { amount }] }, 'legs.1.cardId'],
      [{ ...refund, legs: 'all' }, 'legs'],
      [{ orderId: 'o1', legs: [{ cardId: CARD, amount }] }, 'refundId'],
    ] as const) {
      const refusal = await ingest(['order.cancelled', { orderId: 'o2' }], ['order.refunded', data]);
      expect(refusal).to.include({ code: 'request.invalid_input' });
      expect(refusal).to.have.nested.property('issues[0].path', `events.1.data.${path}`);
    }
    expect(await stored()).to.deep.equal([]);
  });

  it('are refused by their type where no context declares it, and with them all of the call', async () => {
    const { ingest, stored } = ingestion();
    for (const type of ['order.shipped', 'order.refunded.late', 'constructor.prototype']) {
      const refusal = await ingest(['order.cancelled', { orderId: 'o1' }], [type, { orderId: 'o1' }]);
      expect(refusal).to.deep.include({ code: 'events.unknown_type', type });
      expect(refusal).to.have.nested.property('issues[0].path', 'events.1.type');
    }
    expect(await ingestion([events]).ingest(['order.cancelled', {}])).to.include({ code: 'events.unknown_type' });
    expect(await stored()).to.deep.equal([]);
  });

  it('are refused where their type is published here', async () => {
    const { ingest, stored } = ingestion();
    for (const type of ['gift_card.created', 'job.requested']) {
      const refusal = await ingest([type, {}]);
      expect(refusal).to.deep.include({ code: 'events.reserved_type', type });
      expect(refusal).to.have.nested.property('issues[0].path', 'events.0.type');
    }
    expect(await stored()).to.deep.equal([]);
  });

  it('cannot be declared twice, unless by one schema', () => {
    const other = (schema: z.ZodType) =>
      context({ name: 'others', noun: 'Other', operations: {}, events: {}, consumes: { 'order.cancelled': schema } });
    expect(() => ingestion([giftCards, other(z.object({ orderId: z.string() }))])).to.throw(
      TypeError,
      'order.cancelled',
    );
    ingestion([giftCards, other(giftCards.consumes['order.cancelled'])]);
  });

  it('are declared without secret or personal fields, and as JSON can carry them', () => {
    const declared = APPLICATION_CONTRACTS.flatMap((contract: ContextContract) =>
      Object.entries(contract.consumes ?? {}),
    );
    expect(declared).not.to.deep.equal([]);
    for (const [type, schema] of declared) {
      expect(JSON.stringify(toJsonSchema(schema, 'input', type)), type).not.to.match(/x-(secret|personal)/);
    }
  });
});
