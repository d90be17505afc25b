import { expect } from 'chai';
import { raw } from 'express';
import { additionsOf, contextModule } from '../../src/composition/context-module.ts';
import { context } from '../../src/application/shared/contract.ts';
import { authenticate, closeDemoApis, startDemoApi } from '../support/demo-api.ts';

const pallets = context({ name: 'pallets', noun: 'Pallet', operations: {}, events: {} });

describe('What a context adds to the HTTP interface besides its operations', () => {
  afterEach(closeDemoApis);

  it('is a part of readiness, under its own name', async () => {
    let isUp = true;
    const carrier = async (): Promise<void> => {
      if (!isUp) throw new Error('The carrier is away.');
    };
    const { checks } = additionsOf([contextModule(pallets, {}, { checks: { carrier } })], authenticate);
    const api = await startDemoApi({ api: { health: { checks, cacheMs: 0 } } });
    expect((await api.get('/readyz')).status).to.equal(200);
    isUp = false;
    const ready = await api.get('/readyz');
    expect(ready.status).to.equal(503);
    expect(await ready.json()).to.have.nested.property('checks[0].name', 'pallets.carrier');
  });

  it('are routes that see a body as it is, and can ask who calls', async () => {
    const module = contextModule(
      pallets,
      {},
      {
        addRoutes: (app, whoIs) => {
          app.post('/hooks/carrier', raw({ type: () => true }), async ({ headers, body }, response) => {
            const facts = { headers, address: undefined, correlationId: 'test' };
            const { id } = await whoIs(headers.authorization ?? '', facts);
            response.json({ caller: id, bytes: [...(body as Buffer)] });
          });
        },
      },
    );
    const { extend } = additionsOf([module], authenticate);
    const api = await startDemoApi({ api: { extend } });
    const hook = (authorization: string) => {
      const body = new Uint8Array([0xff, 0x00, 0x7b]);
      return fetch(`${api.url}/hooks/carrier`, { method: 'POST', body, headers: { authorization } });
    };
    expect(await (await hook('Bearer clerk')).json()).to.deep.equal({
      caller: 'user:clerk',
      bytes: [0xff, 0x00, 0x7b],
    });
    expect((await hook('Bearer nobody')).status).to.equal(401);
  });
});
