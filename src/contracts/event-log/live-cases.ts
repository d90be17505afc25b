import assert from 'node:assert/strict';
import type { LoggedEvent } from '../../application/shared/event-log.ts';
import type { EventLogCase } from './event-log-site.ts';
import { anotherOf, closing, eventOf, idsOf, streamOf, unique, until } from './event-log-site.ts';

/** Live readers follow the tail on every instance. */
export const liveCases: readonly EventLogCase[] = [
  {
    title: 'hands events on from a position, in order, those that are there and those that come',
    async run({ log, append }) {
      const tenant = unique('live');
      const given = streamOf(tenant, 20);
      const before = await log.head();
      await append(given.slice(0, 10));
      const seen: LoggedEvent[] = [];
      const reader = log.live((events) => void seen.push(...events), { after: before, filter: { tenant } });
      await closing([reader], async () => {
        for (const event of given.slice(10)) await append([event]);
        await until('every event is seen', () => seen.length >= given.length);
        assert.deepEqual(idsOf(seen), idsOf(given));
      });
    },
  },
  {
    title: 'starts at the tail unless told otherwise',
    async run({ log, append }) {
      const tenant = unique('tail');
      await append([eventOf(tenant)]);
      await log.head();
      const seen: string[] = [];
      const reader = log.live((events) => void seen.push(...idsOf(events)), { filter: { tenant } });
      await closing([reader], async () => {
        const given: string[] = [];
        await until('something is seen', async () => {
          const event = eventOf(tenant);
          given.push(event.eventId);
          await append([event]);
          return seen.length > 0;
        });
        await until('the rest is seen', () => seen.at(-1) === given.at(-1));
        assert.deepEqual(seen, given.slice(-seen.length));
      });
    },
  },
  {
    title: 'gives each reader what its filter lets pass, and a handler that throws its next events all the same',
    async run({ log, append }) {
      const [tenant, type] = [unique('filters'), unique('t.special')];
      const after = await log.head();
      const seen: { special: string[]; all: string[] } = { special: [], all: [] };
      const readers = [
        log.live((events) => void seen.special.push(...idsOf(events)), { after, filter: { tenant, types: [type] } }),
        log.live(
          (events) => {
            seen.all.push(...idsOf(events));
            throw new Error('Thrown on purpose by the handler of a test');
          },
          { after, filter: { tenant } },
        ),
      ];
      await closing(readers, async () => {
        const given = [eventOf(tenant), eventOf(tenant, { type }), eventOf(tenant)];
        for (const event of given) await append([event]);
        await until('all events are seen', () => seen.all.length === 3 && seen.special.length === 1);
        assert.deepEqual(seen.all, idsOf(given));
        assert.deepEqual(seen.special, idsOf(given.slice(1, 2)));
      });
    },
  },
  {
    title: 'hands over nothing once it is closed, and can be closed twice',
    async run({ log, append }) {
      const tenant = unique('closed');
      const seen: string[] = [];
      const after = await log.head();
      const reader = log.live((events) => void seen.push(...idsOf(events)), { after, filter: { tenant } });
      await reader.close();
      await reader.close();
      const witness: string[] = [];
      const other = log.live((events) => void witness.push(...idsOf(events)), { after, filter: { tenant } });
      await closing([other], async () => {
        await append([eventOf(tenant)]);
        await until('an open reader sees it', () => witness.length === 1);
        assert.deepEqual(seen, []);
      });
    },
  },
  {
    title: 'runs on every instance',
    needs: 'instances',
    async run(site) {
      const another = await anotherOf(site);
      const tenant = unique('everywhere');
      const after = await site.log.head();
      const seen: [string[], string[]] = [[], []];
      const readers = [
        site.log.live((events) => void seen[0].push(...idsOf(events)), { after, filter: { tenant } }),
        another.live((events) => void seen[1].push(...idsOf(events)), { after, filter: { tenant } }),
      ];
      await closing(readers, async () => {
        const given = streamOf(tenant, 5);
        await site.append(given);
        await until('both have seen all', () => seen.every((ids) => ids.length === 5));
        assert.deepEqual(seen, [idsOf(given), idsOf(given)]);
      });
    },
  },
];
