import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidInput, ServiceUnavailable } from '../../application/shared/errors.ts';
import type { EventLog, LoggedEvent } from '../../application/shared/event-log.ts';
import type { EventLogCase } from './event-log-site.ts';
import { anotherOf, closing, eventOf, idsOf, readAll, streamOf, unique, until } from './event-log-site.ts';

/** A consumer of one tenant's events that notes what it is given. */
function noting(log: EventLog, tenant: string, name: string, seen: string[]) {
  return log.exclusive({ name, filter: { tenant }, handle: async ({ eventId }) => void seen.push(eventId) });
}

/** Exclusive consumers act once per cluster. */
export const consumerCases: readonly EventLogCase[] = [
  {
    title: 'handles every event from the beginning, in order and one at a time',
    async run({ log, append }) {
      const tenant = unique('consumer');
      const given = streamOf(tenant, 150);
      await append(given.slice(0, 120));
      const seen: LoggedEvent[] = [];
      let running = 0;
      const handle = async (event: LoggedEvent): Promise<void> => {
        assert.equal((running += 1), 1);
        await Promise.resolve();
        seen.push(event);
        running -= 1;
      };
      const reader = log.exclusive({ name: unique('c'), filter: { tenant }, handle });
      await closing([reader], async () => {
        await append(given.slice(120));
        await until('every event is handled', () => seen.length >= given.length);
        assert.deepEqual(idsOf(seen), idsOf(given));
        assert.deepEqual(seen, await readAll(log, tenant));
      });
    },
  },
  {
    title: 'begins at the head where that is asked for, and from then on misses nothing',
    async run({ log, append }) {
      const [tenant, name] = [unique('head'), unique('c')];
      const given = streamOf(tenant, 20);
      const [past, first, second] = [given.slice(0, 10), given.slice(10, 15), given.slice(15)];
      await append(past);
      const seen: string[] = [];
      const handle = async ({ eventId }: LoggedEvent) => void seen.push(eventId);
      const open = () => log.exclusive({ name, filter: { tenant }, handle, startAt: 'head' });
      const reader = open();
      await closing([reader], async () => {
        // An event that is handled shows that the consumer has begun.
        await until('the consumer has begun', async () => {
          await append(streamOf(tenant, 1));
          return seen.length > 0;
        });
        await append(first);
        await until('the next are handled', () => seen.includes(first.at(-1)?.eventId ?? ''));
      });
      await append(second);
      const again = open();
      await closing([again], () => until('the rest is handled', () => seen.includes(second.at(-1)?.eventId ?? '')));
      const own = new Set(idsOf(given));
      assert.deepEqual(
        seen.filter((eventId) => own.has(eventId)),
        idsOf([...first, ...second]),
      );
    },
  },
  {
    title: 'goes on where it stopped when it is closed and opened again, under its own name only',
    async run({ log, append }) {
      const [tenant, name] = [unique('resume'), unique('c')];
      const given = streamOf(tenant, 20);
      await append(given.slice(0, 10));
      const [seen, others]: [string[], string[]] = [[], []];
      const first = noting(log, tenant, name, seen);
      await closing([first], () => until('the first half is handled', () => seen.length === 10));
      await first.close();
      await append(given.slice(10));
      const [again, other] = [noting(log, tenant, name, seen), noting(log, tenant, unique('c'), others)];
      await closing([again, other], () => until('all is handled', () => seen.length >= 20 && others.length >= 20));
      assert.deepEqual([seen, others], [idsOf(given), idsOf(given)]);
    },
  },
  {
    title: 'tries an event again until its handler succeeds, and only then goes on',
    async run({ log, append }) {
      const tenant = unique('retry');
      const given = streamOf(tenant, 3);
      await append(given);
      const tries: number[] = [];
      let failures = 3;
      const handle = async ({ streamVersion }: LoggedEvent): Promise<void> => {
        tries.push(streamVersion);
        if (streamVersion === 2 && (failures -= 1) >= 0) throw new ServiceUnavailable('Failing on purpose in a test');
      };
      const reader = log.exclusive({ name: unique('c'), filter: { tenant }, handle });
      await closing([reader], () => until('the last event is handled', () => tries.at(-1) === 3));
      const ofSecond = tries.filter((version) => version === 2);
      assert.equal(ofSecond.length, 4);
      assert.equal(tries.indexOf(3), tries.lastIndexOf(2) + 1);
    },
  },
  {
    title: 'gives up an event after so many failed tries, lists it as dead without its message, and goes on',
    async run({ log, append }) {
      const [tenant, name] = [unique('dead'), unique('c')];
      const given = streamOf(tenant, 4);
      await append(given);
      const done: number[] = [];
      let tries = 0;
      const handle = async ({ streamVersion }: LoggedEvent): Promise<void> => {
        if (streamVersion === 2 && (tries += 1) > 0) throw new Error('secret');
        if (streamVersion === 3) throw new InvalidInput('Does not fit, whenever it is tried');
        done.push(streamVersion);
      };
      const before = Date.now();
      const reader = log.exclusive({ name, filter: { tenant }, handle, maxAttempts: 3 });
      await closing([reader], () => until('the last event is handled', () => done.at(-1) === 4));
      assert.equal(tries, 3);
      const dead = await log.deadEvents(tenant, 10, name);
      assert.deepEqual(
        dead.map(({ consumer, eventId, errorCode, attempts, redriving }) => [
          ...[consumer, eventId, errorCode, attempts, redriving],
        ]),
        [
          [name, given[1]?.eventId, 'unexpected', 3, false],
          [name, given[2]?.eventId, 'request.invalid_input', 1, false],
        ],
      );
      for (const { diedAt } of dead) assert.ok(Math.abs(diedAt.getTime() - before) < 60_000);
      assert.deepEqual(await log.deadEvents(tenant, 1, name), dead.slice(0, 1));
      assert.deepEqual(await log.deadEvents(tenant, 10, unique('nobody')), []);
      assert.deepEqual(await log.deadEvents(tenant, 10_000), dead);
    },
  },
  {
    title: 'handles a dead event again when asked to, and keeps it dead when that fails',
    async run({ log, append }) {
      const [tenant, name] = [unique('redrive'), unique('c')];
      const [event] = [eventOf(tenant)];
      await append([event]);
      let [broken, tries] = [true, 0];
      const handle = async (): Promise<void> => {
        tries += 1;
        if (broken) throw new InvalidInput('Failing on purpose in a test');
      };
      const reader = log.exclusive({ name, filter: { tenant }, handle });
      await closing([reader], async () => {
        await until('it is dead', async () => (await log.deadEvents(tenant, 10, name)).length === 1);
        assert.equal(await log.redrive(tenant, name, event.eventId), true);
        await until('it has failed again', async () => {
          const [dead] = await log.deadEvents(tenant, 10, name);
          return dead?.attempts === 2 && !dead.redriving;
        });
        broken = false;
        assert.equal(await log.redrive(tenant, name, event.eventId), true);
        await until('it is handled', async () => (await log.deadEvents(tenant, 10, name)).length === 0);
        assert.equal(tries, 3);
        assert.equal(await log.redrive(tenant, name, event.eventId), false);
        assert.equal(await log.redrive(tenant, name, 'no id'), false);
        assert.equal(await log.redrive(tenant, unique('nobody'), event.eventId), false);
      });
    },
  },
  {
    title: 'shows no tenant the dead events of another, and lets none try them again',
    async run({ log, append }) {
      const [mine, other, name] = [unique('mine'), unique('other'), unique('c')];
      const [my, their] = [eventOf(mine), eventOf(other)];
      await append([my, their]);
      const tried: string[] = [];
      const handle = async ({ tenant, eventId }: LoggedEvent): Promise<void> => {
        if (tenant !== mine && tenant !== other) return;
        tried.push(eventId);
        throw new InvalidInput('Failing on purpose in a test');
      };
      const reader = log.exclusive({ name, filter: { types: [my.type] }, handle });
      await closing([reader], async () => {
        await until('both are dead', async () => {
          const lists = await Promise.all([mine, other].map((tenant) => log.deadEvents(tenant, 10, name)));
          return lists.every(({ length }) => length === 1);
        });
        assert.deepEqual(idsOf(await log.deadEvents(mine, 10)), [my.eventId]);
        assert.equal(await log.redrive(mine, name, their.eventId), false);
        assert.equal(await log.redrive(mine, name, my.eventId), true);
        await until('it has been tried again', () => tried.length >= 3);
        assert.deepEqual(tried, [my.eventId, their.eventId, my.eventId]);
      });
    },
  },
  {
    title: 'passes events that its filter leaves out',
    async run({ log, append }) {
      const [tenant, type] = [unique('filter'), unique('t.wanted')];
      const given = Array.from({ length: 30 }, (_, index) => eventOf(tenant, index % 10 === 0 ? { type } : {}));
      await append(given);
      const seen: string[] = [];
      const reader = log.exclusive({
        name: unique('c'),
        filter: { tenant, types: [type] },
        handle: async ({ eventId }) => void seen.push(eventId),
      });
      await closing([reader], async () => {
        await until('the wanted ones are handled', () => seen.length >= 3);
        const [late] = [eventOf(tenant, { type })];
        await append([late]);
        await until('a late one is handled', () => seen.length >= 4);
        assert.deepEqual(seen, [...idsOf(given.filter((event) => event.type === type)), late.eventId]);
      });
    },
  },
  {
    title: 'finishes the event at hand when it is closed, and can be closed twice or while it waits',
    async run({ log, append }) {
      const [tenant, name] = [unique('close'), unique('c')];
      await append(streamOf(tenant, 3));
      const done: number[] = [];
      const started = Promise.withResolvers<void>();
      const handle = async ({ streamVersion }: LoggedEvent): Promise<void> => {
        started.resolve();
        await sleep(50);
        done.push(streamVersion);
      };
      const reader = log.exclusive({ name, filter: { tenant }, handle });
      const waiting = log.exclusive({ name, filter: { tenant }, handle });
      await started.promise;
      await Promise.all([reader.close(), waiting.close()]);
      await reader.close();
      assert.deepEqual(done, [1]);
      const seen: string[] = [];
      const next = noting(log, tenant, name, seen);
      await closing([next], () => until('the rest is handled', () => seen.length === 2));
    },
  },
  {
    title: 'acts on one instance at a time, and all instances together handle each event once',
    needs: 'instances',
    async run(site) {
      const [tenant, name] = [unique('cluster'), unique('c')];
      const given = streamOf(tenant, 60);
      const seen: string[] = [];
      let running = 0;
      const handle = async ({ eventId }: LoggedEvent): Promise<void> => {
        assert.equal((running += 1), 1);
        await sleep(1);
        seen.push(eventId);
        running -= 1;
      };
      const logs = [site.log, await anotherOf(site), await anotherOf(site)];
      const readers = logs.map((log) => log.exclusive({ name, filter: { tenant }, handle }));
      await closing(readers, async () => {
        await site.append(given.slice(0, 30));
        await until('the first half is handled', () => seen.length >= 30);
        await readers[0]?.close();
        await readers[1]?.close();
        await site.append(given.slice(30));
        await until('all is handled', () => seen.length >= 60);
        assert.deepEqual(seen, idsOf(given));
      });
    },
  },
  {
    title: 'stores an effect together with the checkpoint, or neither',
    needs: 'rollback',
    async run({ log, append, appendWithin }) {
      const [tenant, effects] = [unique('effects'), unique('effects')];
      const given = streamOf(tenant, 5);
      await append(given);
      let failures = 2;
      const handle = async (event: LoggedEvent, { unit }: { unit: unknown }): Promise<void> => {
        await appendWithin?.(unit, [eventOf(effects, { causationId: event.eventId })]);
        if (event.streamVersion === 3 && (failures -= 1) >= 0) throw new Error('Failing on purpose in a test');
      };
      const reader = log.exclusive({ name: unique('c'), filter: { tenant }, handle });
      await closing([reader], async () => {
        await until('five effects are stored', async () => (await readAll(log, effects)).length >= 5);
      });
      const causes = (await readAll(log, effects)).map(({ causationId }) => causationId);
      assert.deepEqual(causes, idsOf(given));
    },
  },
];
