import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { ADMIN, GiftCardWorld, usd } from '../support/gift-card-world.ts';
import { postgresGiftCardSite } from '../support/postgres-gift-card-site.ts';

/**
 * The books of one tenant: two cards, a payment of which a part came back, a hold, a transfer between them and a reload;
 * a card that was voided, and a batch of two.
 */
interface Books {
  readonly tenant: string;
  readonly card: string;
  readonly other: string;
  readonly voided: string;
  readonly batch: string;
  readonly redemptionId: string;
  readonly holdId: string;
  readonly transfer: string;
  /** Ids of receipts by the operation's verb. */
  readonly receipts: { readonly [verb: string]: string };
}

/** What somebody with the owner's rights does behind the application's back, and what has to be found of it. */
interface Fault {
  readonly title: string;
  /** $1 is the tenant. */
  readonly sql: readonly string[];
  readonly found: (books: Books) => readonly (readonly [kind: string, id: string])[];
}

/** Operations whose answers name an entry of the journal, or a batch. */
const PROMISING = ['create', 'redeem', 'refundToCard', 'hold', 'transfer', 'reload', 'bulkCreate'];

const FAULTS: readonly Fault[] = [
  {
    title: 'a balance that was raised',
    sql: [`UPDATE gift_cards.cards SET current_balance = current_balance + 1 WHERE tenant = $1 AND holder_id = 'card'`],
    found: ({ card }) => [['balance', card]],
  },
  {
    title: 'an entry that is gone from the middle',
    sql: [`DELETE FROM gift_cards.transactions WHERE tenant = $1 AND transaction_type = 'refund'`],
    found: ({ card, redemptionId, receipts }) => [
      ['balance', card],
      ['chain', card],
      ['receipt', receipts['refundToCard'] ?? ''],
      ['redemption', redemptionId],
    ],
  },
  {
    title: 'an entry that is gone from the end',
    sql: [`DELETE FROM gift_cards.transactions WHERE tenant = $1 AND transaction_type = 'transfer_in'`],
    found: ({ other, transfer }) => [
      ['balance', other],
      ['trial_balance', transfer],
    ],
  },
  {
    title: 'an amount that was changed',
    sql: [
      `UPDATE gift_cards.transactions SET amount = amount - 1, balance_after = balance_after + 1
        WHERE tenant = $1 AND transaction_type = 'redemption'`,
    ],
    found: ({ card, redemptionId, receipts }) => [
      ['balance', card],
      ['chain', card],
      ['receipt', receipts['redeem'] ?? ''],
      ['redemption', redemptionId],
    ],
  },
  {
    title: 'balances of an entry that were moved together',
    sql: [
      `UPDATE gift_cards.transactions SET balance_before = balance_before + 1, balance_after = balance_after + 1
        WHERE tenant = $1 AND transaction_type = 'refund'`,
    ],
    // It doesn't follow from the one before, nor the next one from it.
    found: ({ card }) => [
      ['chain', card],
      ['chain', card],
    ],
  },
  {
    title: "an entry in another currency than its card's",
    sql: [`UPDATE gift_cards.transactions SET currency = 'EUR' WHERE tenant = $1 AND transaction_type = 'redemption'`],
    found: ({ card }) => [['chain', card]],
  },
  {
    title: 'an entry that moves the money of another card',
    sql: [
      `UPDATE gift_cards.transactions SET debit_account = 'card:' || gen_random_uuid(), balance_after = balance_before
        WHERE tenant = $1 AND transaction_type = 'redemption'`,
    ],
    found: ({ card }) => [
      ['balance', card],
      ['chain', card],
      ['chain', card],
    ],
  },
  {
    title: 'a card that is gone',
    sql: [`DELETE FROM gift_cards.cards WHERE tenant = $1 AND holder_id = 'other'`],
    found: ({ other }) => [
      ['chain', other],
      ['chain', other],
    ],
  },
  {
    title: 'a hold of another amount',
    sql: [`UPDATE gift_cards.holds SET amount = amount + 1 WHERE tenant = $1`],
    found: ({ holdId }) => [['hold', holdId]],
  },
  {
    title: 'a hold that ended without its money going back',
    sql: [`UPDATE gift_cards.holds SET status = 'released', ended_at = now() WHERE tenant = $1`],
    found: ({ holdId }) => [['hold', holdId]],
  },
  {
    title: 'a hold that is gone',
    sql: [`DELETE FROM gift_cards.holds WHERE tenant = $1`],
    found: ({ holdId }) => [['hold', holdId]],
  },
  {
    title: 'a redemption that says another sum of refunds',
    sql: [`UPDATE gift_cards.redemptions SET refunded = refunded - 1 WHERE tenant = $1`],
    found: ({ redemptionId }) => [['redemption', redemptionId]],
  },
  {
    title: 'a redemption that is gone',
    sql: [`DELETE FROM gift_cards.redemptions WHERE tenant = $1`],
    found: ({ redemptionId }) => [['redemption', redemptionId]],
  },
  {
    title: 'a receipt of another amount',
    sql: [
      `UPDATE portolan.receipts SET outcome = replace(outcome::text, '"30.00"', '"30.01"')::json
        WHERE tenant = $1 AND operation = 'GiftCard.redeem'`,
    ],
    found: ({ receipts }) => [['receipt', receipts['redeem'] ?? '']],
  },
  {
    title: 'receipts that promise what was never done',
    sql: PROMISING.map(
      (verb) => `UPDATE portolan.receipts SET outcome = regexp_replace(outcome::text,
          '"(id|redemptionId|refundId|holdId|transferId|batchId)":"[^"]*"', format('"\\1":"%s"', gen_random_uuid()))::json
        WHERE tenant = $1 AND operation = 'GiftCard.${verb}' AND coalesce(outcome -> 'a' ->> 'holderId', 'card') = 'card'`,
    ),
    found: ({ receipts }) => PROMISING.map((verb) => ['receipt', receipts[verb] ?? ''] as const),
  },
  {
    title: 'half a transfer, though each card agrees with its entries',
    sql: [
      `DELETE FROM gift_cards.transactions WHERE tenant = $1 AND transaction_type = 'transfer_in'`,
      `UPDATE gift_cards.cards SET current_balance = current_balance - 100, entry_count = entry_count - 1
        WHERE tenant = $1 AND holder_id = 'other'`,
    ],
    found: ({ transfer }) => [['trial_balance', transfer]],
  },
  {
    title: 'a transfer whose halves differ, though each card agrees with its entries',
    sql: [
      `UPDATE gift_cards.transactions SET amount = amount + 7, balance_after = balance_after + 7
        WHERE tenant = $1 AND transaction_type = 'transfer_in'`,
      `UPDATE gift_cards.cards SET current_balance = current_balance + 7 WHERE tenant = $1 AND holder_id = 'other'`,
    ],
    found: ({ transfer }) => [['trial_balance', transfer]],
  },
  {
    title: 'a reload of another amount',
    sql: [
      `UPDATE gift_cards.transactions SET amount = amount + 1, balance_after = balance_after + 1
        WHERE tenant = $1 AND transaction_type = 'reload'`,
    ],
    found: ({ card, receipts }) => [
      ['balance', card],
      ['receipt', receipts['reload'] ?? ''],
    ],
  },
  {
    title: 'a receipt of a reload that tells another balance',
    sql: [
      `UPDATE portolan.receipts SET outcome = replace(outcome::text, '"77.00"', '"77.01"')::json
        WHERE tenant = $1 AND operation = 'GiftCard.reload'`,
    ],
    found: ({ receipts }) => [['receipt', receipts['reload'] ?? '']],
  },
  {
    title: 'a voided card that has money',
    sql: [`UPDATE gift_cards.cards SET current_balance = 1 WHERE tenant = $1 AND holder_id = 'voided'`],
    found: ({ voided }) => [
      ['balance', voided],
      ['void', voided],
    ],
  },
  {
    title: 'a card that was voided and says it was not',
    sql: [
      `UPDATE gift_cards.cards SET voided_at = NULL, voided_by = NULL, status = 'fully_redeemed'
        WHERE tenant = $1 AND holder_id = 'voided'`,
    ],
    found: ({ voided }) => [['void', voided]],
  },
  {
    title: 'a batch that counts fewer cards than it has',
    sql: [`UPDATE gift_cards.batches SET created_count = created_count - 1 WHERE tenant = $1`],
    found: ({ batch }) => [['batch', batch]],
  },
  {
    title: 'a card that was taken out of its batch',
    sql: [`UPDATE gift_cards.cards SET batch_id = NULL WHERE tenant = $1 AND batch_index = 1`],
    found: ({ batch }) => [['batch', batch]],
  },
  {
    title: 'a batch that is gone',
    sql: [`DELETE FROM gift_cards.batches WHERE tenant = $1`],
    found: ({ batch, receipts }) => [
      ['batch', batch],
      ['receipt', receipts['bulkCreate'] ?? ''],
    ],
  },
  {
    title: 'a receipt of a batch with more cards',
    sql: [
      `UPDATE portolan.receipts SET outcome = replace(outcome::text, '"count":2', '"count":3')::json
        WHERE tenant = $1 AND operation = 'GiftCard.bulkCreate'`,
    ],
    found: ({ receipts }) => [['receipt', receipts['bulkCreate'] ?? '']],
  },
];

describe('reconciling gift cards on PostgreSQL finds', function () {
  this.timeout(60_000);
  let site: Awaited<ReturnType<typeof postgresGiftCardSite>>;
  let world: GiftCardWorld;
  let owner: pg.Client;

  before(async () => {
    site = await postgresGiftCardSite();
    const { repository: cards, reader, bulkIssuer: bulk, eraser, marks } = site;
    world = new GiftCardWorld({}, (ports) => ({ ...ports, cards, reader, bulk, eraser, marks }));
    owner = new pg.Client(site.ownerUrl);
    await owner.connect();
  });
  after(async () => {
    await owner?.end();
    await site?.close();
  });

  async function soundBooks(): Promise<Books> {
    const tenant = `tenant-${randomUUID()}`;
    const caller = { principal: { ...ADMIN, tenant } };
    const create = (holderId: string) =>
      world.call('create', { amount: usd('100.00'), purchaserId: 'buyer', holderId }, caller);
    const [card, other, voided] = [await create('card'), await create('other'), await create('voided')];
    const pay = { cardId: card.id, holderId: 'card', orderId: 'o1', amount: usd('30.00') };
    const { redemptionId } = await world.call('redeem', pay, caller);
    await world.call('refundToCard', { redemptionId, amount: usd('10.00') }, caller);
    const { holdId } = await world.call('hold', { ...pay, purpose: 'later', amount: usd('5.00') }, caller);
    const move = { fromCardId: card.id, toCardId: other.id, amount: usd('1.00'), acceptEarlierExpiry: true };
    await world.call('transfer', move, caller);
    await world.call('reload', { cardId: card.id, amount: usd('3.00') }, caller);
    await world.call('void', { cardId: voided.id, reason: 'fraud' }, caller);
    const { batchId: batch } = await world.call('bulkCreate', { count: 2, amount: usd('5.00') }, caller);
    const { rows } = await owner.query<{ transfer: string; receipts: Books['receipts'] }>(
      `SELECT debit_account AS transfer,
          (SELECT json_object_agg(split_part(operation, '.', 2), id) FROM portolan.receipts
            WHERE tenant = $1 AND coalesce(outcome -> 'a' ->> 'holderId', 'card') = 'card') AS receipts
        FROM gift_cards.transactions WHERE tenant = $1 AND transaction_type = 'transfer_in'`,
      [tenant],
    );
    expect(rows).to.have.lengthOf(1);
    const { transfer, receipts } = rows[0] ?? expect.fail();
    const cards = { card: card.id, other: other.id, voided: voided.id };
    return { tenant, ...cards, batch, redemptionId, holdId, transfer, receipts };
  }

  /** Changes what nobody may change: triggers guard the journal from its owner until he disables them. */
  async function tamper(tenant: string, statements: readonly string[]): Promise<void> {
    // What keeps others from it the owner can take away.
    await owner.query(`ALTER TABLE gift_cards.transactions DISABLE TRIGGER USER;
      ALTER TABLE gift_cards.transactions DROP CONSTRAINT IF EXISTS known_accounts`);
    for (const sql of statements) expect((await owner.query(sql, [tenant])).rowCount, sql).to.equal(1);
    await owner.query('ALTER TABLE gift_cards.transactions ENABLE TRIGGER USER');
  }

  const findings = async (tenant: string) => {
    const { findings: found } = await world.ports.reader.reconcile(tenant);
    return found.map(({ kind, id }) => [kind, id] as const).sort();
  };

  it('nothing wrong with sound books, and adds them up', async () => {
    const { tenant } = await soundBooks();
    expect(await world.ports.reader.reconcile(tenant)).to.deep.equal({
      cards: 5,
      entries: 12,
      trialBalance: [{ currency: 'USD', debitsMinor: 46_000n, creditsMinor: 46_000n, differenceMinor: 0n }],
      findings: [],
    });
  });

  for (const { title, sql, found } of FAULTS) {
    it(title, async () => {
      const [books, neighbour] = [await soundBooks(), await soundBooks()];
      await tamper(books.tenant, sql);
      expect(await findings(books.tenant)).to.deep.equal([...found(books)].sort());
      expect(await findings(neighbour.tenant), 'books of another tenant').to.deep.equal([]);
      const told = await world.call('reconcile', {}, { principal: { ...ADMIN, tenant: books.tenant } });
      expect(told.consistent).to.equal(false);
    });
  }
});
