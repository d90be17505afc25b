import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

describe('The journal of gift cards', () => {
  let database: TestDatabase;
  let owner: pg.Client;
  let application: pg.Client;

  before(async () => {
    database = await testDatabase({ fsync: false });
    await migrate(database.ownerUrl);
    owner = new pg.Client(database.ownerUrl);
    application = new pg.Client(database.applicationUrl);
    for (const client of [owner, application]) await client.connect();
    await append(application, sound);
  });

  after(async () => {
    for (const client of [owner, application]) await client.end();
    await database.close();
  });

  const card = '00000000-0000-4000-8000-00000000cafe';
  /** Money in minor units that comes from sales onto an empty card. */
  const sound = { entry: 1, debit: 'sales', credit: `card:${card}`, amount: 100, before: 0, after: 100 };

  const append = (client: pg.Client, entry: typeof sound): Promise<unknown> =>
    client.query(
      `INSERT INTO gift_cards.transactions (gift_card_id, entry_number, id, tenant, transaction_type, debit_account,
         credit_account, amount, currency, balance_before, balance_after, created_at)
       VALUES ($1, $2, gen_random_uuid(), 't', 'creation', $3, $4, $5, 'USD', $6, $7, now())`,
      [card, entry.entry, entry.debit, entry.credit, entry.amount, entry.before, entry.after],
    );
  const codeOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'done',
      ({ code }: { code: string }) => code,
    );

  it('can be changed and emptied neither by the application nor by its owner', async () => {
    for (const sql of [
      `UPDATE gift_cards.transactions SET metadata = '{"x": 1}'`,
      'DELETE FROM gift_cards.transactions',
      'TRUNCATE gift_cards.transactions',
    ]) {
      for (const client of [application, owner]) expect(await codeOf(client.query(sql)), sql).to.equal('42501');
    }
    // The owner's rights are not what refused him.
    const { rows } = await owner.query(
      `SELECT has_table_privilege('gift_cards.transactions', 'UPDATE, DELETE, TRUNCATE') AS may, metadata
         FROM gift_cards.transactions`,
    );
    expect(rows).to.deep.equal([{ may: true, metadata: {} }]);
  });

  it('takes no entry that is none, or that does not add up', async () => {
    const next = { ...sound, entry: 2, before: 100, after: 200 };
    const faulty = {
      'no amount': { ...next, amount: 0, after: 100 },
      'less than no amount': { ...next, amount: -1, after: 99 },
      'from an account to itself': { ...next, debit: next.credit, after: 100 },
      'more onto the card than moved': { ...next, after: 201 },
      'nothing onto the card though it is credited': { ...next, after: 100 },
      'nothing from the card though it is debited': { ...next, debit: next.credit, credit: 'settlement', after: 100 },
      'a card below zero': { ...next, debit: next.credit, credit: 'settlement', amount: 101, after: -1 },
      'from an account that nobody knows': { ...next, debit: 'setlement' },
      'from a card without an id': { ...next, debit: 'card:' },
      'from what only looks like a hold': { ...next, debit: `hold:${randomUUID()}1` },
      'to an account that nobody knows': { ...next, debit: next.credit, credit: 'Settlement', after: 0 },
      'more from another card': { ...next, credit: 'card:00000000-0000-4000-8000-00000000beef', after: 200 },
    };
    for (const [title, entry] of Object.entries(faulty)) {
      for (const client of [application, owner]) expect(await codeOf(append(client, entry)), title).to.equal('23514');
    }
    expect(await codeOf(append(application, { ...next, entry: 1 })), 'an entry twice').to.equal('23505');
    expect(await codeOf(append(application, { ...next, entry: 0 })), 'an entry before the first').to.equal('23514');
    expect(await codeOf(append(application, next))).to.equal('done');
  });
});
