import { expect } from 'chai';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import pg from 'pg';
import { streamOf, unique, until } from '../../src/contracts/event-log/event-log-site.ts';
import type { EventSeals, LoggedEvent, Verification } from '../../src/application/shared/event-log.ts';
import { PostgresEventSeals } from '../../src/infrastructure/postgres/event-seals.ts';
import { readCells } from '../../src/infrastructure/postgres/event-rows.ts';
import { digestOf, marksOf, NO_HASH, sealHash } from '../../src/infrastructure/postgres/seal-format.ts';
import { logDatabase } from '../support/event-log-site.ts';
import type { LogDatabase } from '../support/event-log-site.ts';

describe('Seals over the event log', () => {
  let database: LogDatabase;
  let owner: pg.Client;
  let seals: EventSeals;
  let tenant: string;
  /** Four seals of five events each; events of another tenant lie between. */
  let events: readonly LoggedEvent[];

  before(async () => {
    database = await logDatabase();
    owner = new pg.Client(database.ownerUrl);
    await owner.connect();
    seals = new PostgresEventSeals({ pool: database.pool, log: database.log, onError: () => undefined });
  });

  after(async () => {
    await owner.end();
    await database.close();
  });

  beforeEach(async () => {
    tenant = unique('sealed');
    for (let seal = 0; seal < 4; seal += 1) {
      await database.append(streamOf(tenant, 5).flatMap((event) => [event, ...streamOf(`${tenant}-other`, 1)]));
      expect(await seals.seal()).to.equal(2);
    }
    events = (await database.log.read(0n, 10_000, { tenant })).events;
    expect(events.length).to.equal(20);
  });

  afterEach(async () => {
    expect(await seals.verify(`${tenant}-other`)).to.include({ intact: true, events: 20 });
  });

  const at = (index: number): bigint => events[index]!.position;

  /** Changes what must not be changed, as an owner can who switches the triggers off. */
  async function tamper(text: string, values: readonly unknown[] = []): Promise<void> {
    await owner.query(
      `ALTER TABLE portolan.events DISABLE TRIGGER USER; ALTER TABLE portolan.seals DISABLE TRIGGER USER`,
    );
    const { rowCount } = await owner.query(text, [...values]);
    await owner.query(
      `ALTER TABLE portolan.events ENABLE TRIGGER USER; ALTER TABLE portolan.seals ENABLE TRIGGER USER`,
    );
    expect(rowCount, 'something was changed').to.be.greaterThan(0);
  }

  it('prove an intact log, and say up to where', async () => {
    const found = await seals.verify(tenant);
    expect(found).to.include({ intact: true, seals: 4, events: 20, sealedTo: at(19) });
    await database.append(streamOf(tenant, 3));
    expect(await seals.verify(tenant), 'what is not sealed yet is no flaw').to.deep.equal(found);
    expect(await seals.seal()).to.equal(1);
    expect(await seals.seal()).to.equal(0);
    expect(await seals.verify(tenant)).to.include({ intact: true, seals: 5, events: 23 });
  });

  it('prove the empty log of a tenant without events', async () => {
    const nothing = { intact: true, seals: 0, events: 0, sealedTo: 0n, hash: '0'.repeat(64) };
    expect(await seals.verify(unique('nobody'))).to.deep.equal(nothing);
  });

  const columns: Readonly<Record<string, string>> = {
    stream: `stream || 'x'`,
    stream_version: 'stream_version + 1',
    event_id: 'gen_random_uuid()',
    type: `type || 'x'`,
    schema_version: 'schema_version + 1',
    actor: `'user:2'`,
    correlation_id: `correlation_id || '!'`,
    causation_id: `''`,
    trace_parent: `'x'`,
    occurred_at: `occurred_at + interval '1 microsecond'`,
    payload: `(payload::jsonb || '{"number": 7.0}')::json`,
  };

  for (const [column, value] of Object.entries(columns)) {
    it(`name the event whose ${column} was changed`, async () => {
      await tamper(`UPDATE portolan.events SET ${column} = ${value} WHERE position = $1`, [at(7)]);
      expect(await seals.verify(tenant)).to.deep.equal({
        ...{ intact: false, position: at(7), seal: 2, reason: 'An event was changed.' },
      });
    });
  }

  it('tell two columns from two others with the same text in all', async () => {
    await tamper(
      `UPDATE portolan.events SET actor = actor || 'c', correlation_id = substr(correlation_id, 2)
                   WHERE position = $1`,
      [at(3)],
    );
    expect(await seals.verify(tenant)).to.include({ intact: false, position: at(3) });
  });

  it('name the place of an event that was deleted', async () => {
    await tamper('DELETE FROM portolan.events WHERE position = $1', [at(12)]);
    expect(await seals.verify(tenant)).to.include({
      intact: false,
      position: at(12),
      seal: 3,
      reason: 'An event is missing.',
    });
  });

  it('name the place of an event that was given to another tenant', async () => {
    await tamper(`UPDATE portolan.events SET tenant = 'elsewhere' WHERE position = $1`, [at(10)]);
    expect(await seals.verify(tenant)).to.include({ intact: false, position: at(10), reason: 'An event is missing.' });
    expect(await seals.verify('elsewhere')).to.include({ intact: false, position: at(10) });
    await tamper(`DELETE FROM portolan.events WHERE tenant = 'elsewhere'`);
  });

  it('name an event that was slipped in', async () => {
    // In a place that a roll-back had left free.
    await database.appendAndRollBack?.(streamOf(tenant, 1));
    await database.append(streamOf(tenant, 2));
    await seals.seal();
    const gap = at(19) + 2n;
    await tamper(
      `INSERT INTO portolan.events (position, tenant, stream, stream_version, event_id, type, actor, correlation_id, payload)
       SELECT $2, tenant, stream, stream_version, gen_random_uuid(), type, actor, correlation_id, payload
         FROM portolan.events WHERE position = $1`,
      [at(0), gap],
    );
    expect(await seals.verify(tenant)).to.include({
      intact: false,
      position: gap,
      seal: 5,
      reason: 'An event was inserted.',
    });
  });

  it('name the first of two events that changed places', async () => {
    await tamper('UPDATE portolan.events SET position = -1 WHERE position = $1', [at(5)]);
    await tamper('UPDATE portolan.events SET position = $2 WHERE position = $1', [at(6), at(5)]);
    await tamper('UPDATE portolan.events SET position = $1 WHERE position = -1', [at(6)]);
    expect(await seals.verify(tenant)).to.include({ intact: false, position: at(5), seal: 2 });
  });

  it('name the old place of an event that was renumbered', async () => {
    await tamper(`UPDATE portolan.events SET position = nextval('portolan.event_position') WHERE position = $1`, [
      at(4),
    ]);
    expect(await seals.verify(tenant)).to.include({
      intact: false,
      position: at(4),
      seal: 1,
      reason: 'An event is missing.',
    });
    await tamper('DELETE FROM portolan.events WHERE event_id = $1', [events[4]?.eventId]);
  });

  const sealChanges: Readonly<Record<string, string>> = {
    hash: `set_byte(hash, 5, 255 - get_byte(hash, 5))`,
    marks: `set_byte(marks, 20, 255 - get_byte(marks, 20))`,
    event_count: 'event_count + 1',
    to_position: 'to_position + 1',
    from_position: 'from_position - 1',
    previous_hash: `set_byte(previous_hash, 0, 255 - get_byte(previous_hash, 0))`,
  };

  for (const [column, value] of Object.entries(sealChanges)) {
    it(`name the seal whose ${column} was changed`, async () => {
      await tamper(`UPDATE portolan.seals SET ${column} = ${value} WHERE tenant = $1 AND number = 2`, [tenant]);
      const found = await seals.verify(tenant);
      expect(found).to.include({ intact: false, seal: 2, position: at(4) + 1n });
    });
  }

  it('name the seal over an event that was changed together with its mark', async () => {
    await tamper(`UPDATE portolan.events SET actor = 'forged' WHERE position = $1`, [at(6)]);
    const first = (await seals.verify(tenant)) as Extract<Verification, { intact: false }>;
    expect(first.position).to.equal(at(6));
    // The mark of the second event of the seal, made to fit, as whoever knows the format can.
    await tamper(
      `UPDATE portolan.seals SET marks = overlay(marks PLACING substr(other, 25, 8) FROM 25)
                    FROM (SELECT marks AS other FROM portolan.seals WHERE tenant = $1 AND number = 1) o
                   WHERE tenant = $1 AND number = 2`,
      [tenant],
    );
    expect(await seals.verify(tenant)).to.include({ intact: false, seal: 2 });
  });

  for (const number of [1, 3, 4]) {
    it(`name seal ${number} of four when it was deleted`, async () => {
      await tamper('DELETE FROM portolan.seals WHERE tenant = $1 AND number = $2', [tenant, number]);
      const found = await seals.verify(tenant);
      expect(found).to.include({ intact: false, seal: number });
      expect(found)
        .to.have.property('position')
        .that.is.oneOf([at(5 * (number - 1)), number === 1 ? 1n : at(5 * number - 6) + 1n]);
    });
  }

  it('are proved from a noted one on, which ends when its caller goes', async () => {
    const whole = await seals.verify(tenant);
    if (!whole.intact) throw new Error('The log was intact.');
    const { rows } = await owner.query<{ hash: string }>(
      `SELECT encode(hash, 'hex') AS hash FROM portolan.seals WHERE tenant = $1 AND number = 2`,
      [tenant],
    );
    const from = { anchor: { number: 2, hash: rows[0]?.hash ?? '' }, fromAnchor: true };
    const { events } = whole;
    expect(await seals.verify(tenant, from)).to.deep.equal({ ...whole, events: events - 10 });
    const gone = { ...from, signal: AbortSignal.abort(new Error('gone')) };
    expect(await seals.verify(tenant, gone).catch((error: unknown) => error)).to.have.property('message', 'gone');
    await tamper(`UPDATE portolan.events SET actor = 'forged' WHERE position = $1`, [at(2)]);
    expect(await seals.verify(tenant, from)).to.include({ intact: true });
    await tamper(`UPDATE portolan.events SET actor = 'forged' WHERE position = $1`, [at(12)]);
    expect(await seals.verify(tenant, from)).to.include({ intact: false, position: at(12), seal: 3 });
    const other = { ...from, anchor: { number: 2, hash: '0'.repeat(64) } };
    expect(await seals.verify(tenant, other)).to.include({ intact: false, seal: 2 });
    const beyond = { ...from, anchor: { number: 99, hash: '0'.repeat(64) } };
    expect(await seals.verify(tenant, beyond)).to.include({ intact: false, reason: 'A seal is missing.' });
  });

  it('show a chain that was made anew from an altered log, by a seal noted elsewhere', async () => {
    const before = await seals.verify(tenant);
    if (!before.intact) throw new Error('The log was intact.');
    const anchor = { number: before.seals, hash: before.hash };
    expect(await seals.verify(tenant, { anchor })).to.deep.equal(before);
    await tamper(`UPDATE portolan.events SET actor = 'forged' WHERE position = $1`, [at(8)]);
    await tamper('DELETE FROM portolan.seals WHERE tenant IN ($1, $2)', [tenant, `${tenant}-other`]);
    await owner.query(`UPDATE portolan.consumers SET position = 0 WHERE name = 'portolan.seals'`);
    await seals.seal();
    const forged = await seals.verify(tenant);
    expect(forged).to.include({ intact: true, events: 20 });
    const reason = 'The seal is not the one that was noted.';
    expect(await seals.verify(tenant, { anchor })).to.include({ intact: false, seal: 2, reason: 'A seal is missing.' });
    for (let seal = 2; seal <= anchor.number; seal += 1) {
      await database.append(streamOf(tenant, 1));
      await seals.seal();
    }
    expect(await seals.verify(tenant, { anchor })).to.include({ intact: false, seal: anchor.number, reason });
  });

  it('name the seal behind one that was made anew to fit an altered event', async () => {
    await tamper(`UPDATE portolan.events SET actor = 'forged' WHERE position = $1`, [at(2)]);
    const { rows } = await readCells(database.pool, { after: 0n, upTo: at(4), limit: 100 }, { tenant });
    const digests = rows.map(digestOf);
    const header = { tenant, number: 1, fromPosition: 1n, toPosition: at(4), previousHash: NO_HASH };
    await tamper('UPDATE portolan.seals SET hash = $2, marks = $3 WHERE tenant = $1 AND number = 1', [
      ...[tenant, sealHash(header, digests), marksOf(digests)],
    ]);
    const reason = 'The seal does not follow from the one before.';
    expect(await seals.verify(tenant)).to.include({ intact: false, position: at(4) + 1n, seal: 2, reason });
  });

  it('are made within a second of new events, by several instances without a fork', async function () {
    this.timeout(30_000);
    const others = await Promise.all(
      [1, 2].map(async () => {
        const log = await database.openAnother();
        return new PostgresEventSeals({ pool: database.pool, log, onError: (error) => database.errors.push(error) });
      }),
    );
    const running = others.map((each) => each.run());
    const sealedTo = async (): Promise<bigint> => {
      const found = await seals.verify(tenant);
      return found.intact ? found.sealedTo : -1n;
    };
    let slowest = 0;
    for (let round = 0; round < 8; round += 1) {
      const position = await database.append(streamOf(tenant, 3));
      const committedAt = performance.now();
      await until('it is sealed', async () => (await sealedTo()) >= position);
      slowest = Math.max(slowest, performance.now() - committedAt);
    }
    await Promise.all(running.map((each) => each.close()));
    await running[0]?.close();
    expect(slowest).to.be.below(1_000);
    expect(await seals.verify(tenant)).to.include({ intact: true, events: 44 });
    expect(database.errors).to.deep.equal([]);
  });
});
