import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { PositionUnavailable } from '../../application/shared/errors.ts';
import type { EventLogCase } from './event-log-site.ts';
import { eventOf, idsOf, readAll, streamOf, unique } from './event-log-site.ts';

/** What is appended is read, in order and as it was. */
export const readingCases: readonly EventLogCase[] = [
  {
    title: 'reads nothing of an unknown tenant or stream',
    async run({ log }) {
      assert.deepEqual(await readAll(log, unique('nobody')), []);
      assert.deepEqual(await log.readStream('nobody', 'thing:none', 1, 10), []);
    },
  },
  {
    title: 'gives an event back with every field as it was',
    async run({ log, append }) {
      const tenant = unique('tenant-ü');
      const given = eventOf(tenant, {
        stream: 'thing:日本語 №1',
        streamVersion: 2_147_483_648,
        type: 'thing.renamed',
        schemaVersion: 7,
        actor: 'token:018f',
        correlationId: 'c☂rrelation',
        causationId: randomUUID(),
        traceParent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        payload: {
          text: 'naïve 👩‍👩‍👧 e\u0301 \u2028 "quoted" back\\slash',
          amount: '9223372036854775807.9999',
          numbers: [0, -1, 0.1, 1e21, Number.MAX_SAFE_INTEGER],
          nested: { list: [[], {}, [null, true, false]], '': 'empty key' },
        },
      });
      const before = Date.now();
      const position = await append([given]);
      const [found, ...others] = await readAll(log, tenant);
      assert.deepEqual(others, []);
      assert.ok(found !== undefined);
      const { occurredAt, ...rest } = found;
      assert.deepEqual(rest, { ...given, position });
      assert.ok(Math.abs(occurredAt.getTime() - before) < 60_000, 'The time is the present');
      assert.deepEqual(await log.readStream(tenant, given.stream, 1, 10), [found]);
    },
  },
  {
    title: 'keeps the order of a commit, and of one commit after another',
    async run({ log, append }) {
      const tenant = unique('order');
      const given = Array.from({ length: 30 }, () => eventOf(tenant));
      let last = 0n;
      for (let from = 0; from < 30; from += 10) {
        const position = await append(given.slice(from, from + 10));
        assert.ok(position > last, 'Positions rise');
        last = position;
      }
      const found = await readAll(log, tenant);
      assert.deepEqual(idsOf(found), idsOf(given));
      assert.equal(found.at(-1)?.position, last);
    },
  },
  {
    title: 'reads in pages that neither repeat nor leave out an event',
    async run({ log, append }) {
      const tenant = unique('pages');
      const given = streamOf(tenant, 25);
      await append(given);
      for (const limit of [1, 7, 25, 10_000]) {
        assert.deepEqual(idsOf(await readAll(log, tenant, 0n, limit)), idsOf(given));
      }
    },
  },
  {
    title: 'refuses limits below 1, above 10,000 and between whole numbers',
    async run({ log }) {
      for (const limit of [0, -1, 10_001, 1.5, NaN]) await assert.rejects(log.read(0n, limit), RangeError);
    },
  },
  {
    title: 'reads by type and by both type and tenant',
    async run({ log, append }) {
      const [tenant, other] = [unique('types'), unique('types')];
      const [wanted, alsoWanted, unwanted] = [unique('t.a'), unique('t.b'), unique('t.c')];
      const given = [wanted, unwanted, alsoWanted, wanted].map((type) => eventOf(tenant, { type }));
      const foreign = eventOf(other, { type: wanted });
      const before = await log.head();
      await append([...given, foreign]);
      const types = [wanted, alsoWanted];
      const all = await log.read(before, 100, { types });
      assert.deepEqual(
        idsOf(all.events),
        idsOf([given[0], given[2], given[3], foreign].filter((e) => e !== undefined)),
      );
      const own = await log.read(before, 100, { tenant, types });
      assert.deepEqual(idsOf(own.events), idsOf([given[0], given[2], given[3]].filter((e) => e !== undefined)));
      assert.ok(own.position >= all.position, 'The position passes events that do not match');
      assert.deepEqual((await log.read(before, 100, { types: [] })).events, []);
    },
  },
  {
    title: 'reads a stream from a version on, in order, and no other tenant’s stream of the same name',
    async run({ log, append }) {
      const [tenant, other] = [unique('stream'), unique('stream')];
      const given = streamOf(tenant, 5);
      const stream = given[0]?.stream ?? '';
      await append(given);
      await append(streamOf(other, 2, { stream }));
      assert.deepEqual(idsOf(await log.readStream(tenant, stream, 1, 100)), idsOf(given));
      assert.deepEqual(idsOf(await log.readStream(tenant, stream, 3, 2)), idsOf(given.slice(2, 4)));
      assert.deepEqual(await log.readStream(tenant, stream, 6, 100), []);
    },
  },
  {
    title: 'loses and repeats none of fifty concurrent appenders’ events, whoever reads meanwhile',
    async run({ log, append }) {
      const tenant = unique('fifty');
      const start = await log.head();
      const streams = Array.from({ length: 50 }, () => streamOf(tenant, 4));
      let appending = true;
      const reader = (async () => {
        const seen: string[] = [];
        for (let position = start; ;) {
          const done = !appending;
          const page = await log.read(position, 10, { tenant });
          seen.push(...idsOf(page.events));
          if (page.position === position && done) return seen;
          position = page.position;
        }
      })();
      await Promise.all(
        streams.map(async (events) => {
          await append(events.slice(0, 2));
          await append(events.slice(2));
        }),
      );
      appending = false;
      const seen = await reader;
      assert.deepEqual([...seen].sort(), idsOf(streams.flat()).sort());
      for (const events of streams) {
        assert.deepEqual(
          seen.filter((id) => events.some(({ eventId }) => eventId === id)),
          idsOf(events),
        );
      }
      assert.deepEqual(idsOf(await readAll(log, tenant)), seen);
    },
  },
  {
    title: 'shows nothing of a commit that was rolled back, and goes on behind it',
    needs: 'rollback',
    async run({ log, append, appendAndRollBack }) {
      const tenant = unique('rollback');
      await appendAndRollBack?.(streamOf(tenant, 3));
      assert.deepEqual(await readAll(log, tenant), []);
      const given = eventOf(tenant);
      const position = await append([given]);
      assert.deepEqual(idsOf(await readAll(log, tenant)), [given.eventId]);
      await log.reached(position);
    },
  },
  {
    title: 'has an epoch that stays the same',
    async run({ log, append }) {
      const epoch = await log.epoch();
      assert.match(epoch, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      await append([eventOf(unique('epoch'))]);
      assert.equal(await log.epoch(), epoch);
    },
  },
  {
    title: 'reaches the position of a commit at once, and the head is no lower',
    async run({ log, append }) {
      const position = await append([eventOf(unique('reached'))]);
      await log.reached(position);
      assert.ok((await log.head()) >= position);
      await log.reached(0n);
    },
  },
  {
    title: 'refuses to wait for a position that was never given',
    async run({ log }) {
      const head = await log.head();
      await assert.rejects(log.reached(head + 1_000_000n), PositionUnavailable);
      await assert.rejects(log.reached(2n ** 63n - 1n, AbortSignal.timeout(5_000)), PositionUnavailable);
    },
  },
  {
    title: 'shows one instance’s commit to another one that waits for its position',
    needs: 'instances',
    async run(site) {
      const another = await site.openAnother?.();
      assert.ok(another !== undefined);
      const tenant = unique('instances');
      const given = eventOf(tenant);
      const position = await site.append([given]);
      await another.reached(position);
      assert.deepEqual(idsOf(await readAll(another, tenant)), [given.eventId]);
      assert.equal(await another.epoch(), await site.log.epoch());
    },
  },
];
