import assert from 'node:assert/strict';
import type { EventLog, ForeignEvent } from '../../application/shared/event-log.ts';
import type { EventLogCase } from './event-log-site.ts';
import { readAll, unique } from './event-log-site.ts';

const foreign = (source: string, id: string, differing: Partial<ForeignEvent> = {}): ForeignEvent => ({
  ...{ source, id, type: 'order.refunded', data: { order: id } },
  ...differing,
});

const by = (tenant: string) => ({ tenant, actor: 'token:shop', correlationId: 'correlation' });

async function idsIn(log: EventLog, tenant: string, source: string): Promise<unknown[]> {
  const events = await log.readStream(tenant, `source:${source}`, 1, 1_000);
  assert.deepEqual(
    events.map(({ streamVersion }) => streamVersion),
    events.map((_, index) => index + 1),
  );
  return events.map(({ payload }) => payload.id);
}

/** Foreign events enter once. */
export const ingestCases: readonly EventLogCase[] = [
  {
    title: 'takes in a foreign event with all that it says',
    async run({ log }) {
      const tenant = unique('ingest');
      const full = foreign('/shop/ü', 'id 1', {
        type: 'order.shipped',
        subject: 'order/42',
        time: new Date('2024-02-29T23:59:59.999Z'),
        data: { lines: [{ sku: 'ß', count: 2 }], note: null },
      });
      const traceParent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const { accepted, position } = await log.ingest([full, foreign('/shop/ü', '2')], { ...by(tenant), traceParent });
      assert.deepEqual(accepted, [true, true]);
      assert.ok(position !== undefined);
      await log.reached(position);
      const [first, second] = await readAll(log, tenant);
      assert.deepEqual(
        [first?.stream, first?.streamVersion, first?.type, first?.actor, first?.correlationId, first?.traceParent],
        ['source:/shop/ü', 1, 'order.shipped', 'token:shop', 'correlation', traceParent],
      );
      const kept = { id: 'id 1', source: '/shop/ü', subject: 'order/42', time: '2024-02-29T23:59:59.999Z' };
      assert.deepEqual(first?.payload, { ...kept, data: full.data });
      assert.deepEqual(second?.payload, { id: '2', source: '/shop/ü', data: { order: '2' } });
      assert.equal(second?.position, position);
    },
  },
  {
    title: 'takes in an event once: within a call, in a later one, and at the same time',
    async run({ log }) {
      const [tenant, source] = [unique('once'), unique('/source')];
      const first = await log.ingest([foreign(source, 'a'), foreign(source, 'a'), foreign(source, 'b')], by(tenant));
      assert.deepEqual(first.accepted, [true, false, true]);
      const again = await log.ingest([foreign(source, 'b'), foreign(source, 'c')], by(tenant));
      assert.deepEqual(again.accepted, [false, true]);
      const none = await log.ingest([foreign(source, 'c')], by(tenant));
      assert.deepEqual(none, { accepted: [false], position: undefined });
      const calls = Array.from({ length: 20 }, () =>
        log.ingest([foreign(source, 'x'), foreign(source, 'y')], by(tenant)),
      );
      const results = (await Promise.all(calls)).map(({ accepted }) => accepted);
      for (const index of [0, 1]) assert.equal(results.filter((accepted) => accepted[index]).length, 1);
      assert.deepEqual(await idsIn(log, tenant, source), ['a', 'b', 'c', 'x', 'y']);
    },
  },
  {
    title: 'counts the events of a source without gap or repetition, however many calls bring them at once',
    async run({ log }) {
      const [tenant, source] = [unique('count'), '/source'];
      const calls = Array.from({ length: 30 }, (_, index) => log.ingest([foreign(source, `${index}`)], by(tenant)));
      for (const { accepted } of await Promise.all(calls)) assert.deepEqual(accepted, [true]);
      assert.equal((await idsIn(log, tenant, source)).length, 30);
    },
  },
  {
    title: 'keeps sources and tenants apart',
    async run({ log }) {
      const [tenant, other] = [unique('apart'), unique('apart')];
      const events = [foreign('/one', 'a'), foreign('/two', 'a')];
      assert.deepEqual((await log.ingest(events, by(tenant))).accepted, [true, true]);
      assert.deepEqual((await log.ingest(events, by(other))).accepted, [true, true]);
      assert.deepEqual(await idsIn(log, tenant, '/one'), ['a']);
      assert.deepEqual(await idsIn(log, tenant, '/two'), ['a']);
      assert.equal((await readAll(log, other)).length, 2);
    },
  },
  {
    title: 'takes in nothing when given nothing',
    async run({ log }) {
      assert.deepEqual(await log.ingest([], by(unique('none'))), { accepted: [], position: undefined });
    },
  },
];
