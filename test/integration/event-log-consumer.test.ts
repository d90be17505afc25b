import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { ConsumerEffect, LoggedEvent } from '../../src/application/shared/event-log.ts';
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
