import { expect } from 'chai';
import { z } from 'zod';
import type { Call } from '../../src/application/shared/call.ts';
import { command, context } from '../../src/application/shared/contract.ts';
import { compile } from '../../src/application/shared/pipeline.ts';

const CALL: Call = {
  principal: { id: 'user:1', kind: 'user', tenant: 'default', permissions: new Set(['*']) },
  correlationId: 'test',
  idempotencyKey: 'key',
};

/** The receipt of `send` in a release whose input has these fields, given this input. */
async function receiptOf(fields: z.ZodRawShape, input: object): Promise<Call['receipt']> {
  let seen: Call['receipt'];
  const send = command({
    ...{ summary: 'Send', input: z.strictObject(fields), output: z.null(), errors: [] },
    idempotency: 'required',
  });
  const parcels = context({ name: 'parcels', noun: 'Parcel', operations: { send }, events: {} });
  const handlers = { send: async (_input: object, { receipt }: Call) => ((seen = receipt), { data: null }) };
  await compile(parcels, handlers, { hash: (text) => text })
    .get('Parcel.send')
    ?.invoke(input, CALL);
  return seen;
}

describe('The receipt of a command', () => {
  const fields = { to: z.string(), weight: z.number().optional() };

  it('is the same for the same input, whatever the order of its fields', async () => {
    const receipt = await receiptOf(fields, { to: 'Ann', weight: 2 });
    expect(receipt).to.deep.equal(await receiptOf(fields, { weight: 2, to: 'Ann' }));
    expect(receipt).not.to.deep.equal(await receiptOf(fields, { to: 'Ann', weight: 3 }));
  });

  it('is the same in a later release, which adds a field with a default', async () => {
    const later = { ...fields, speed: z.enum(['slow', 'fast']).default('slow') };
    expect(await receiptOf(later, { to: 'Ann' })).to.deep.equal(await receiptOf(fields, { to: 'Ann' }));
  });
});
