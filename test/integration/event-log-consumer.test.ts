import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { ConsumerEffect, ExclusiveConsumer, LoggedEvent } from '../../src/application/shared/event-log.ts';
import {
  closing,
  eventOf,
  idsOf,
  readAll,
  streamOf,
  unique,
  until,
} from '../../src/contracts/event-log/event-log-site.ts';
import { purgeConsumed, purgeReceipts } from '../../src/infrastructure/postgres/log-retention.ts';
import { consumerStates } from '../../src/infrastructure/postgres/consumer-store.ts';
import { logDatabase } from '../support/event-log-site.ts';
import type { LogDatabase } from '../support/event-log-site.ts';

describe('An exclusive consumer in PostgreSQL', () => {
  let database: LogDatabase;
  let owner: pg.Client;

  before(async () => {
    database = await logDatabase();
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
  });

  after(async () => {
    await owner.end();
    await database.close();
  });

  it('counts failed tries across restarts', async () => {
    const [tenant, name] = [unique('durable'), unique('c')];
    await database.append([eventOf(tenant)]);
    let tries = 0;
    const handle = async (): Promise<void> => {
      tries += 1;
      throw new Error('Failing on purpose in a test');
    };
    const consumer = { name, filter: { tenant }, handle, maxAttempts: 6 };
    const patient = await database.openAnother({ retryMs: [100, 100] });
    const first = patient.exclusive(consumer);
    await closing([first], () => until('it has failed twice', () => tries >= 2));
    const before = tries;
    expect(before).to.be.below(6);
    const second = database.log.exclusive(consumer);
    await closing([second], () =>
      until('it is dead', async () => (await database.log.deadEvents(tenant, 10, name)).length === 1),
    );
    const [dead] = await database.log.deadEvents(tenant, 10, name);
    expect(dead?.attempts).to.equal(6);
    // A try that the closing cut off is not counted.
    expect(tries).to.be.within(6, 7);
  });

  it('ends a handler that takes too long, and rolls back what it did', async () => {
    const [tenant, name, effects] = [unique('slow'), unique('c'), unique('effects')];
    const [event] = [eventOf(tenant)];
    await database.append([event]);
    const log = await database.openAnother({ handlerMs: 150 });
    const reasons: unknown[] = [];
    const handle = async (_event: LoggedEvent, { unit, signal }: ConsumerEffect): Promise<void> => {
      await database.appendWithin?.(unit, [eventOf(effects)]);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      reasons.push(signal.reason);
      await database.appendWithin?.(unit, [eventOf(effects)]);
    };
    const reader = log.exclusive({ name, filter: { tenant }, handle, maxAttempts: 2 });
    await closing([reader], () =>
      until('it is dead', async () => (await log.deadEvents(tenant, 10, name)).length === 1),
    );
    expect((await log.deadEvents(tenant, 10, name))[0]).to.include({ eventId: event.eventId, attempts: 2 });
    expect(String(reasons[0])).to.match(/longer than 150 ms/);
    expect(await readAll(log, effects)).to.deep.equal([]);
  });

  it('counts a handler that hides an error of its transaction', async () => {
    const [tenant, name] = [unique('hidden'), unique('c')];
    const given = streamOf(tenant, 2);
    await database.append(given);
    const handle = async ({ streamVersion }: LoggedEvent, { unit }: ConsumerEffect): Promise<void> => {
      if (streamVersion === 1) await (unit as ClientBase).query('SELECT 1 / 0').catch(() => undefined);
    };
    const reader = database.log.exclusive({ name, filter: { tenant }, handle, maxAttempts: 3 });
    await closing([reader], () =>
      until('it is dead', async () => (await database.log.deadEvents(tenant, 10, name)).length === 1),
    );
    expect((await database.log.deadEvents(tenant, 10, name))[0]).to.include({
      eventId: given[0]?.eventId,
      attempts: 3,
    });
  });

  it('counts a handler whose effect the commit refuses', async () => {
    const [tenant, name] = [unique('deferred'), unique('c')];
    await owner.query(`CREATE TABLE public.late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
      GRANT INSERT ON public.late TO portolan_app`);
    const given = streamOf(tenant, 3);
    await database.append(given);
    const handle = async (_event: LoggedEvent, { unit }: ConsumerEffect): Promise<void> => {
      await (unit as ClientBase).query('INSERT INTO public.late VALUES (1)');
    };
    const reader = database.log.exclusive({ name, filter: { tenant }, handle, maxAttempts: 3 });
    await closing([reader], () =>
      until('two are dead', async () => (await database.log.deadEvents(tenant, 10, name)).length === 2),
    );
    const dead = await database.log.deadEvents(tenant, 10, name);
    expect(idsOf(dead)).to.deep.equal(idsOf(given.slice(1)));
    expect(dead.map(({ attempts }) => attempts)).to.deep.equal([3, 3]);
    const counted = async () => (await consumerStates(database.pool)).find((state) => state.name === name)?.dead;
    expect(await counted()).to.equal(2);
    await owner.query('DELETE FROM public.late');
    expect(await database.log.redrive(tenant, name, dead[0]?.eventId ?? '')).to.equal(true);
    const again = database.log.exclusive({ name, filter: { tenant }, handle, maxAttempts: 3 });
    await closing([again], () => until('one is handled after all', async () => (await counted()) === 1));
  });

  describe('with a row that somebody else holds', () => {
    /** A consumer that locks the row of an event's number, and what it has handled. */
    async function lockingConsumer(name: string, more: Partial<ExclusiveConsumer> = {}) {
      const tenant = unique('held');
      await owner.query(`CREATE TABLE IF NOT EXISTS public.locked (n int PRIMARY KEY);
        GRANT SELECT, UPDATE ON public.locked TO portolan_app;
        INSERT INTO public.locked SELECT generate_series(1, 5) ON CONFLICT DO NOTHING`);
      const handled: number[] = [];
      const handle = async ({ streamVersion }: LoggedEvent, { unit }: ConsumerEffect): Promise<void> => {
        await (unit as ClientBase).query('SELECT FROM public.locked WHERE n = $1 FOR UPDATE', [streamVersion]);
        handled.push(streamVersion);
      };
      await database.append(streamOf(tenant, 5));
      const stranger = new pg.Client(database.ownerUrl);
      await stranger.connect();
      await stranger.query('BEGIN; SELECT FROM public.locked WHERE n = 3 FOR UPDATE');
      const dead = () => database.log.deadEvents(tenant, 10, name);
      return { consumer: { name, filter: { tenant }, handle, maxAttempts: 1, ...more }, handled, stranger, dead };
    }

    it('waits for it, as long as that takes, and counts no failed try', async () => {
      const { consumer, handled, stranger, dead } = await lockingConsumer(unique('c'));
      const reader = database.log.exclusive(consumer);
      await closing([reader], async () => {
        await delay(3_000);
        expect(handled.at(-1)).to.equal(2);
        expect(await dead()).to.deep.equal([]);
        await stranger.end();
        await until('all are handled', () => handled.at(-1) === 5);
      });
      // What a page had handled before it met the lock was rolled back, and handled again.
      expect(handled.slice(-5)).to.deep.equal([1, 2, 3, 4, 5]);
      expect(await dead()).to.deep.equal([]);
    });

    it('sets its event aside where any order will do, and comes back to it', async () => {
      const name = unique('c');
      const { consumer, handled, stranger, dead } = await lockingConsumer(name, { inAnyOrder: true });
      const reader = database.log.exclusive(consumer);
      const gaveUp = async () => (await consumerStates(database.pool)).find((state) => state.name === name)?.dead;
      await closing([reader], async () => {
        await until('the others are handled', () => handled.at(-1) === 5);
        expect(handled.slice(-4)).to.deep.equal([1, 2, 4, 5]);
        const [waiting] = await dead();
        expect(waiting).to.include({ errorCode: 'request.resource_busy', attempts: 0, redriving: true });
        await delay(3_000);
        expect((await dead()).length).to.equal(1);
        expect(await gaveUp(), 'events that it gave up on').to.equal(0);
        await stranger.end();
        await until('it is handled too', () => handled.at(-1) === 3);
        await until('nothing waits', async () => (await dead()).length === 0);
      });
    });

    it('holds up readers of the log, who wait for what it has appended, only for a moment', async () => {
      const { consumer, stranger } = await lockingConsumer(unique('c'));
      const effects = unique('effects');
      const handle = async (event: LoggedEvent, effect: ConsumerEffect): Promise<void> => {
        await database.appendWithin?.(effect.unit, [eventOf(effects)]);
        await consumer.handle(event, effect);
      };
      const reader = database.log.exclusive({ ...consumer, handle });
      await closing([reader], async () => {
        for (let round = 0; round < 10; round += 1) {
          const position = await database.append([eventOf(unique('other'))]);
          const startedAt = performance.now();
          await database.log.reached(position, AbortSignal.timeout(10_000));
          expect(performance.now() - startedAt).to.be.below(1_900);
          await delay(200);
        }
      });
      await stranger.end();
    });
  });

  it('commits what it has handled as soon as that took long, since commands and readers wait for it', async () => {
    const [tenant, name] = [unique('slow'), unique('c')];
    const given = streamOf(tenant, 20);
    await database.append(given);
    const transactions: string[] = [];
    const seen: string[] = [];
    const handle = async ({ eventId }: LoggedEvent, { unit }: ConsumerEffect): Promise<void> => {
      const { rows } = await (unit as ClientBase).query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
      await delay(40);
      transactions.push(rows[0]?.id ?? '');
      seen.push(eventId);
    };
    const reader = database.log.exclusive({ name, filter: { tenant }, handle });
    await closing([reader], () => until('all are handled', () => seen.length === given.length));
    expect(seen).to.deep.equal(idsOf(given));
    const shared = Map.groupBy(transactions, (id) => id);
    // A hundred milliseconds are over when the third event is handled.
    for (const events of shared.values()) expect(events.length).to.be.at.most(3);
    expect(transactions).to.deep.equal([...shared.values()].flat());
  });

  it('handles nothing twice when its checkpoint is set back by hand', async () => {
    const [tenant, name] = [unique('back'), unique('c')];
    const seen: string[] = [];
    const consumer = { name, filter: { tenant }, handle: async ({ eventId }: LoggedEvent) => void seen.push(eventId) };
    const given = streamOf(tenant, 4);
    await database.append(given.slice(0, 3));
    const first = database.log.exclusive(consumer);
    await closing([first], () => until('three are handled', () => seen.length === 3));
    await owner.query('UPDATE portolan.consumers SET position = 0 WHERE name = $1', [name]);
    await database.append(given.slice(3));
    const second = database.log.exclusive(consumer);
    await closing([second], () => until('the fourth is handled', () => seen.length > 3));
    expect(seen).to.deep.equal(idsOf(given));
  });

  it('stores its position while nothing is for it, so that it need not look again', async () => {
    const [tenant, name] = [unique('idle'), unique('c')];
    const reader = database.log.exclusive({
      name,
      filter: { tenant, types: ['never'] },
      handle: async () => undefined,
    });
    await closing([reader], async () => {
      const position = await database.append(streamOf(tenant, 20));
      await until('its checkpoint has come that far', async () =>
        (await consumerStates(database.pool)).some((found) => found.name === name && found.position >= position),
      );
    });
  });

  it('wakes other readers for what its handler appends', async () => {
    const [tenant, effects] = [unique('chain'), unique('chain')];
    const log = await database.openAnother();
    const times: number[] = [];
    let handledAt = 0;
    const live = log.live(() => void times.push(performance.now() - handledAt), {
      after: await log.head(),
      filter: { tenant: effects },
    });
    const handle = async (_event: LoggedEvent, { unit }: ConsumerEffect): Promise<void> => {
      await database.appendWithin?.(unit, [eventOf(effects)]);
      handledAt = performance.now();
    };
    const reader = log.exclusive({ name: unique('c'), filter: { tenant }, handle });
    await closing([reader, live], async () => {
      for (let count = 1; count <= 5; count += 1) {
        await database.append([eventOf(tenant)]);
        await until('the effect is seen', () => times.length === count);
      }
    });
    expect(times.sort((a, b) => a - b)[2]).to.be.below(100);
  });

  it('leaves notes that can be purged, like receipts of commands', async () => {
    const [old, recent] = [unique('c'), unique('c')];
    await owner.query(
      `INSERT INTO portolan.consumed (consumer, event_id, created_at)
       SELECT $1, gen_random_uuid(), now() - interval '3 hours' FROM generate_series(1, 25000)
       UNION ALL SELECT $2, gen_random_uuid(), now() - interval '1 hour' FROM generate_series(1, 5)`,
      [old, recent],
    );
    await owner.query(
      `INSERT INTO portolan.receipts (id, tenant, operation, fingerprint, outcome, created_at)
       SELECT gen_random_uuid(), 't', 'o', gen_random_uuid(), '{}', now() - n * interval '1 hour'
         FROM generate_series(1, 30) n`,
    );
    expect(await purgeConsumed(database.pool, 2)).to.equal(25_000);
    expect(await purgeReceipts(database.pool, 24)).to.equal(7);
    expect(await purgeReceipts(database.pool, 24)).to.equal(0);
    const { rows } = await owner.query<{ count: string }>(
      'SELECT count(*) FROM portolan.consumed WHERE consumer = $1',
      [recent],
    );
    expect(rows[0]?.count).to.equal('5');
    for (const hours of [-1, NaN]) {
      expect(await purgeReceipts(database.pool, hours).catch((error: unknown) => error)).to.be.instanceOf(RangeError);
    }
  });
});
