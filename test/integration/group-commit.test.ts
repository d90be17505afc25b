import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { GIFT_CARD_ERRORS } from '../../src/application/gift-cards/index.ts';
import {
  accept,
  momentOf,
  newIssue,
  newReceipt as receiptOf,
  present,
  refusalOf,
  Scenario,
  usd,
} from '../../src/contracts/gift-cards/scenario.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import type { Committed, ReceiptKey } from '../../src/domain/shared/decision.ts';
import { PostgresGiftCards } from '../../src/infrastructure/postgres/postgres-gift-cards.ts';
import { uuidv7 } from '../../src/infrastructure/system/uuid.ts';
import { instancesSite, scenarioOf, type InstancesSite } from '../support/chaos-instances.ts';
import { ChaosProxy, type CutAt } from '../support/chaos-proxy.ts';

const BATCH = 50;

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Of no operation whose receipts the reconciliation looks into. */
const newReceipt = (): ReceiptKey => receiptOf({ operation: 'Test.reload' });

const issueMany = (scenario: Scenario, count: number): Promise<string[]> =>
  Promise.all(times(count, () => scenario.issue()));

const reload = (scenario: Scenario, cardId: string, receipt?: ReceiptKey, unit?: unknown): Promise<Committed<string>> =>
  scenario.change(cardId, (card, moment) => card.reload(usd(1n), 'reload', moment), {}, { receipt, unit });

/** Issues a card and answers with its id: a command that locks nothing. */
const issueUnder = (scenario: Scenario, receipt: ReceiptKey, unit?: unknown): Promise<Committed<string>> => {
  const issue = newIssue();
  const decide = (book: Parameters<typeof momentOf>[0]) =>
    accept(issue.id, { cards: [GiftCard.issue(issue, momentOf(book))] });
  return scenario.update({}, decide, { receipt, unit });
};

describe('group commit on PostgreSQL', function () {
  this.timeout(30_000);
  let site: InstancesSite;
  before(async () => {
    site = await instancesSite();
  });
  after(() => site.close());

  const cardCount = async (scenario: Scenario): Promise<number> =>
    (await site.reader.list(scenario.tenant, {}, { limit: 1_000 })).items.length;

  describe('lets a command fail only itself', () => {
    it('that breaks the write of a batch of 50', async () => {
      const instance = site.open();
      const scenario = scenarioOf(site, instance);
      const codeIndex = randomUUID();
      await scenario.issue({ codeIndex });
      const cardIds = await issueMany(scenario, BATCH - 1);
      const before = instance.batchSizes.length;
      const breaking = issueTwice(scenario, codeIndex);
      const others = cardIds.map((cardId) => scenario.redeem(cardId, `order of ${cardId}`, 100n));
      const [broken, ...settled] = await Promise.allSettled([breaking, ...others]);
      expect(instance.batchSizes[before], 'commands in the batch').to.equal(BATCH);
      expect(broken).to.have.nested.property('reason.code', '23505');
      expect(settled.map(({ status }) => status)).to.deep.equal(times(BATCH - 1, () => 'fulfilled'));
      expect(await cardCount(scenario)).to.equal(BATCH);
      await scenario.reconciles();
    });

    it('whose decision fails unexpectedly, in the same transaction as the others', async () => {
      const instance = site.open();
      const scenario = scenarioOf(site, instance);
      const cardIds = await issueMany(scenario, BATCH);
      const before = instance.batchSizes.length;
      const settled = await Promise.allSettled(
        cardIds.map((cardId, index) =>
          scenario.change(cardId, (card, moment) => {
            if (index === 20) throw new TypeError('unexpected');
            return card.reload(usd(1n), 'reload', moment);
          }),
        ),
      );
      expect(instance.batchSizes.slice(before)).to.deep.equal([BATCH]);
      expect(settled[20]).to.have.nested.property('reason.message', 'unexpected');
      expect(settled.filter(({ status }) => status === 'fulfilled')).to.have.length(BATCH - 1);
      await scenario.reconciles();
    });

    it('that was decided on a state which is not the stored one, and soon', async () => {
      const scenario = scenarioOf(site, site.open());
      const [cardId = '', ...others] = await issueMany(scenario, BATCH);
      const stale = await scenario.card(cardId);
      await reload(scenario, cardId);
      const startedAt = performance.now();
      const lost = scenario.change(cardId, (_card, moment) => stale.reload(usd(2n), 'stale', moment));
      const [broken] = await Promise.allSettled([lost, ...others.map((id) => reload(scenario, id))]);
      expect(broken).to.have.nested.property('reason.code', 'PT409');
      expect(performance.now() - startedAt).to.be.lessThan(3_000);
      expect(await scenario.balance(cardId)).to.equal(10_001n);
    });

    const issueTwice = (scenario: Scenario, codeIndex: string) =>
      scenario.update({}, (book) => accept(null, { cards: [GiftCard.issue(newIssue({ codeIndex }), momentOf(book))] }));
  });

  describe('carries out one of two twins', () => {
    it('that come to two instances at once, and answers both alike', async () => {
      const [one, other] = [site.open(), site.open()];
      const scenario = scenarioOf(site, one, other);
      const cardIds = await issueMany(scenario, 20);
      const twins = cardIds.flatMap((cardId) => {
        const [keyed, keyless] = [newReceipt(), newReceipt()];
        return [
          Promise.all([reload(scenario, cardId, keyed), reload(scenario, cardId, keyed)]),
          Promise.all([issueUnder(scenario, keyless), issueUnder(scenario, keyless)]),
        ];
      });
      for (const [first, second] of await Promise.all(twins)) {
        expect(second.answer).to.equal(first.answer);
        expect([first.replayed, second.replayed].sort()).to.deep.equal([false, true]);
        expect(second.position).to.equal(first.position);
      }
      expect(await cardCount(scenario)).to.equal(40);
      for (const cardId of cardIds) expect(await scenario.balance(cardId)).to.equal(10_001n);
    });

    it('that come to one instance, and tells the other that the first is running', async () => {
      const scenario = scenarioOf(site, site.open());
      const cardId = await scenario.issue();
      const receipt = newReceipt();
      const first = reload(scenario, cardId, receipt);
      await refusalOf(reload(scenario, cardId, receipt), 'request.in_progress');
      expect((await first).replayed).to.equal(false);
      expect((await reload(scenario, cardId, receipt)).replayed).to.equal(true);
    });

    for (const end of ['COMMIT', 'ROLLBACK'] as const) {
      it(`of which one is in an open transaction, once that ends by ${end}; others pass meanwhile`, async () => {
        const instance = site.open({ maxLanes: 1 });
        const scenario = scenarioOf(site, instance);
        const stranger = await site.stranger();
        const receipt = newReceipt();
        const first = await issueUnder(scenario, receipt, stranger);
        let isOver = false;
        const twin = issueUnder(scenario, receipt).finally(() => (isOver = true));
        const startedAt = performance.now();
        await issueMany(scenario, 20);
        expect(performance.now() - startedAt).to.be.lessThan(4_000);
        expect(isOver).to.equal(false);
        await stranger.query(end);
        const { answer, replayed } = await twin;
        expect(replayed).to.equal(end === 'COMMIT');
        expect(answer === first.answer).to.equal(end === 'COMMIT');
        expect(await cardCount(scenario)).to.equal(21);
      });
    }
  });

  describe('when the connection is lost', () => {
    let proxy: ChaosProxy;
    before(async () => {
      proxy = await ChaosProxy.start(site.applicationUrl);
    });
    after(() => proxy.close());

    const moments: readonly CutAt[] = ['before the commit', 'during the commit', 'after the commit'];
    for (const moment of moments) {
      it(`${moment}, runs commands again, with one effect each`, async () => {
        const scenario = scenarioOf(site, site.open({ url: proxy.url }));
        const cardIds = await issueMany(scenario, BATCH);
        proxy.cutCommits(moment);
        const commands = await Promise.all(cardIds.map((cardId) => reload(scenario, cardId, newReceipt())));
        expect(proxy.cutsLeft).to.equal(0);
        expect(commands.map(({ answer }) => answer)).to.deep.equal(cardIds.map(() => '10001'));
        // Whoever was stored before the cut is answered from his receipt, and told so.
        if (moment === 'before the commit') expect(commands.some(({ replayed }) => replayed)).to.equal(false);
        if (moment === 'after the commit') expect(commands.every(({ replayed }) => replayed)).to.equal(true);
        for (const cardId of cardIds) expect(await scenario.balance(cardId)).to.equal(10_001n);
        await scenario.reconciles();
      });
    }

    it('three times in a row, does not give up', async () => {
      const scenario = scenarioOf(site, site.open({ url: proxy.url }));
      const cardId = await scenario.issue();
      proxy.cutCommits('before the commit', 'during the commit', 'after the commit');
      expect((await reload(scenario, cardId, newReceipt())).answer).to.equal('10001');
      expect(await scenario.balance(cardId)).to.equal(10_001n);
    });

    it('does not repeat what has no receipt, and says that its outcome is unknown', async () => {
      const scenario = scenarioOf(site, site.open({ url: proxy.url }));
      const cardId = await scenario.issue();
      proxy.cutCommits('after the commit');
      const error = await refusalOf(reload(scenario, cardId), 'request.unavailable');
      expect(error.message).to.match(/not known/);
      expect(error.cause, 'what the log is told').to.be.instanceOf(Error);
      expect(await scenario.balance(cardId)).to.equal(10_001n);
    });

    it('and does not come back, gives up at the deadline', async () => {
      const deadlineMs = 800;
      const dead = await ChaosProxy.start(site.applicationUrl);
      await dead.close();
      const scenario = scenarioOf(site, site.open({ url: dead.url, deadlineMs }));
      const startedAt = performance.now();
      await Promise.all(times(5, () => refusalOf(issueUnder(scenario, newReceipt()), 'request.unavailable')));
      expect(performance.now() - startedAt).to.be.within(deadlineMs - 50, deadlineMs + 2_000);
    });

    it("of a caller's pool, ends the command and not the process", async () => {
      const pool = new pg.Pool({ connectionString: site.applicationUrl, max: 2 });
      pool.on('error', () => undefined);
      const repository = new PostgresGiftCards(GIFT_CARD_ERRORS, { pool, newId: uuidv7 });
      const scenario = new Scenario({ ...site, repository });
      const owner = new pg.Client({ connectionString: site.ownerUrl });
      await owner.connect();
      try {
        const cardId = await scenario.issue();
        // Somebody holds the card, so that the command is under way when its connection ends.
        await owner.query('BEGIN');
        await owner.query('SELECT FROM gift_cards.cards WHERE id = $1 FOR UPDATE', [cardId]);
        const command = reload(scenario, cardId, newReceipt());
        await delay(150);
        await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE usename = '${new URL(site.applicationUrl).username}' AND datname = current_database() AND state <> 'idle'`);
        await delay(150);
        await owner.query('ROLLBACK');
        expect((await command).answer).to.equal('10001');
      } finally {
        await owner.end();
        await repository.close();
        await pool.end();
      }
    });

    it('without a word, gives up the connection and repeats on another', async () => {
      const pool = new pg.Pool({ connectionString: proxy.url, pipeline: true, query_timeout: 500, max: 2 });
      pool.on('error', () => undefined);
      pool.on('connect', (client) => client.on('error', () => undefined));
      const repository = new PostgresGiftCards(GIFT_CARD_ERRORS, { pool, newId: uuidv7 });
      const scenario = new Scenario({ ...site, repository });
      try {
        const cardId = await scenario.issue();
        proxy.hang();
        const command = reload(scenario, cardId, newReceipt());
        await delay(300);
        proxy.recover();
        expect((await command).answer).to.equal('10001');
        proxy.hang();
        const hanging = reload(scenario, cardId, newReceipt());
        // Longer than a statement may take: the connection that hangs is given up before it is cut.
        await delay(700);
        expect(pool.totalCount, 'connections kept').to.be.lessThan(2);
        proxy.recover();
        expect((await hanging).answer).to.equal('10002');
        expect(await scenario.balance(cardId)).to.equal(10_002n);
      } finally {
        await repository.close();
        await pool.end();
      }
    });
  });

  describe("within a transaction of the caller's", () => {
    it('stores commands together with what else he does, or nothing of it', async () => {
      const instance = site.open();
      for (const end of ['ROLLBACK', 'COMMIT'] as const) {
        const scenario = scenarioOf(site, instance);
        const [a, b] = [await scenario.issue(), await scenario.issue()];
        const client = await site.stranger();
        const joined = new Scenario({ ...site, repository: instance.repository.within(client) });
        const receipt = newReceipt();
        const context = { tenant: scenario.tenant, receipt };
        await joined.change(a, (card, moment) => card.reload(usd(1n), 'one', moment), {}, context);
        await joined.change(b, (card, moment) => card.reload(usd(2n), 'two', moment), {}, { tenant: scenario.tenant });
        expect(await scenario.balance(a), 'before the end').to.equal(10_000n);
        await client.query(end);
        const stored = end === 'COMMIT' ? 1n : 0n;
        expect(await scenario.balance(a)).to.equal(10_000n + stored);
        expect(await scenario.balance(b)).to.equal(10_000n + 2n * stored);
        expect((await reload(scenario, a, receipt)).replayed).to.equal(end === 'COMMIT');
        await scenario.reconciles();
      }
    });

    it('decides each on its own card when he sends several at once', async () => {
      const instance = site.open();
      const scenario = scenarioOf(site, instance);
      const cardIds = await issueMany(scenario, 5);
      await Promise.all(cardIds.map((cardId) => scenario.hold(cardId, `order of ${cardId}`, 4_000n)));
      const client = await site.stranger();
      const joined = new Scenario({ ...site, repository: instance.repository.within(client) });
      const context = { tenant: scenario.tenant };
      const voidIt = (cardId: string): Promise<unknown> =>
        joined.change(
          cardId,
          (card, moment) => card.void({ adminId: 'staff', reason: 'lost', account: 'void' }, moment),
          {},
          context,
        );
      await Promise.all(cardIds.map(voidIt));
      await client.query('COMMIT');
      for (const cardId of cardIds) {
        const journal = await scenario.journal(cardId);
        expect(journal.map(({ type }) => type)).to.deep.equal(['creation', 'hold', 'release', 'void']);
      }
      await scenario.reconciles();
    });

    it('refuses without harm to the transaction, and keeps the refusal when that commits', async () => {
      const instance = site.open();
      const scenario = scenarioOf(site, instance);
      const cardId = await scenario.issue();
      const client = await site.stranger();
      const receipt = newReceipt();
      const overdraw = (unit?: unknown) =>
        scenario.change(
          cardId,
          (card, moment) =>
            card.redeem({ id: randomUUID(), orderId: 'order', purpose: 'payment', amount: usd(10_001n) }, moment),
          { orderIds: ['order'] },
          { receipt, unit },
        );
      await refusalOf(overdraw(client), 'gift_cards.insufficient_balance');
      await reload(scenario, cardId, undefined, client);
      await client.query('COMMIT');
      expect(await scenario.balance(cardId)).to.equal(10_001n);
      // There is enough by now, but this command was refused.
      await refusalOf(overdraw(), 'gift_cards.insufficient_balance');
    });
  });

  it("refuses a caller's transaction that would not see what is stored when the locks are held", async () => {
    const scenario = scenarioOf(site, site.open());
    const cardId = await scenario.issue();
    for (const isolation of ['REPEATABLE READ', 'SERIALIZABLE']) {
      const client = await site.stranger();
      await client.query(`SET TRANSACTION ISOLATION LEVEL ${isolation}`);
      const [outcome] = await Promise.allSettled([reload(scenario, cardId, undefined, client)]);
      expect(outcome).to.have.nested.property('reason.message').that.includes(isolation.toLowerCase());
      await client.query('ROLLBACK');
    }
  });

  describe('decides on what is stored when the locks are held', () => {
    for (const isolation of ['read committed', 'repeatable read'] as const) {
      it(`also on what was committed while it waited for them; default isolation ${isolation}`, async () => {
        const owner = new pg.Client({ connectionString: site.ownerUrl });
        await owner.connect();
        const setDefault = `ALTER DATABASE ${owner.database} SET default_transaction_isolation = '${isolation}'`;
        await owner.query(setDefault);
        try {
          await expectFreshness();
        } finally {
          await owner.query(`ALTER DATABASE ${owner.database} RESET default_transaction_isolation`);
          await owner.end();
        }
      });
    }

    async function expectFreshness(): Promise<void> {
      const scenario = scenarioOf(site, site.open());
      const [held, paid] = [await scenario.issue(), await scenario.issue()];
      const stranger = await site.stranger();
      const moment = (book: Parameters<typeof momentOf>[0]) => momentOf(book);
      const order = { orderId: 'order', purpose: 'payment' };
      // A stranger reserves money of one card and pays for an order with another, and takes his time.
      await scenario.update(
        { cardIds: [held, paid], orderIds: ['order', 'other'] },
        (book) => {
          const until = new Date(book.now.getTime() + 60_000);
          const reserve = { ...order, orderId: 'other', id: randomUUID(), amount: usd(4_000n) };
          const pay = { ...order, id: randomUUID(), amount: usd(1_000n) };
          const cards = [
            present(book.card(held)).hold(reserve, until, moment(book)),
            present(book.card(paid)).redeem(pay, moment(book)),
          ];
          return accept(null, { cards });
        },
        { unit: stranger },
      );
      const seen = scenario.update({ cardIds: [held] }, (book) => {
        const { openHolds, balanceMinor } = present(book.card(held)).toSnapshot();
        return accept([openHolds.length, balanceMinor.toString(), book.now.getTime()]);
      });
      const payments = scenario.update({ orderIds: ['order'] }, (book) =>
        accept(book.redemptionsOfOrder('order').length),
      );
      const all = scenario.update({ orderIds: ['order', 'other'], cardsOfOrders: true }, (book) =>
        accept([present(book.card(held)).balance.minor.toString(), present(book.card(paid)).balance.minor.toString()]),
      );
      await delay(400);
      const releasedAt = Date.now();
      await stranger.query('COMMIT');
      const [holds, balance, now] = (await seen).answer as [number, string, number];
      expect([holds, balance]).to.deep.equal([1, '6000']);
      expect(now, 'its clock').to.be.at.least(releasedAt - 1);
      expect((await payments).answer).to.equal(1);
      expect((await all).answer).to.deep.equal(['6000', '9000']);
    }
  });

  describe('has bounds', () => {
    it('turns away more commands than may wait', async () => {
      let pendingNow = (): number => Number.NaN;
      const scenario = scenarioOf(site, site.open({ maxQueued: 10, watch: (pending) => (pendingNow = pending) }));
      const settling = Promise.allSettled(times(12, () => issueUnder(scenario, newReceipt())));
      expect(pendingNow()).to.equal(10);
      const commands = await settling;
      expect(pendingNow()).to.equal(0);
      expect(commands.map(({ status }) => status)).to.deep.equal([
        ...times(10, () => 'fulfilled'),
        ...times(2, () => 'rejected'),
      ]);
      expect(commands[11]).to.have.nested.property('reason.code', 'request.unavailable');
      await scenario.issue();
    });

    it('puts no more commands into a batch than are allowed, and those of one tenant only', async () => {
      const instance = site.open({ maxBatchSize: 10 });
      const [one, other] = [scenarioOf(site, instance), scenarioOf(site, instance)];
      await Promise.all([...times(25, () => one.issue()), ...times(5, () => other.issue())]);
      expect([...instance.batchSizes].sort((a, b) => b - a)).to.deep.equal([10, 10, 5, 5]);
      expect([await cardCount(one), await cardCount(other)]).to.deep.equal([25, 5]);
    });

    it('gives commands up while their batch waits for a connection, carries out the others, and gives it back', async () => {
      const pool = new pg.Pool({ connectionString: site.applicationUrl, max: 2 });
      const deadlineMs = 2_000;
      const repository = new PostgresGiftCards(GIFT_CARD_ERRORS, { pool, newId: uuidv7, deadlineMs, maxBatches: 1 });
      const scenario = new Scenario({ ...site, repository });
      const issue = (signal?: AbortSignal) =>
        scenario.update({}, (book) => accept(null, { cards: [GiftCard.issue(newIssue(), momentOf(book))] }), {
          signal,
        });
      try {
        const taken = await Promise.all([pool.connect(), pool.connect()]);
        const startedAt = performance.now();
        const early = times(3, () => refusalOf(issue(), 'request.deadline_exceeded'));
        await refusalOf(issue(AbortSignal.timeout(100)), 'request.deadline_exceeded');
        expect(performance.now() - startedAt).to.be.lessThan(deadlineMs);
        await delay(1_000);
        const behind = issue();
        await Promise.all(early);
        expect(performance.now() - startedAt).to.be.within(deadlineMs, deadlineMs + 1_000);
        for (const client of taken) client.release();
        await behind;
        expect([pool.idleCount, pool.waitingCount], 'connections given back').to.deep.equal([2, 0]);
        const again = await Promise.all([pool.connect(), pool.connect()]);
        const abandoned = refusalOf(issue(AbortSignal.timeout(100)), 'request.deadline_exceeded');
        const kept = issue();
        await abandoned;
        for (const client of again) client.release();
        await kept;
        expect(await cardCount(scenario)).to.equal(2);
      } finally {
        await repository.close();
        await pool.end();
      }
    });

    it("does not forget a tenant whose commands stand behind another's that was given up", async () => {
      const instance = site.open();
      const [one, other] = [scenarioOf(site, instance), scenarioOf(site, instance)];
      const cardId = await one.issue();
      const aborted = one.update({ cardIds: [cardId] }, () => accept(null), { signal: AbortSignal.abort() });
      const behind = other.issue();
      await refusalOf(aborted, 'request.deadline_exceeded');
      await behind;
      expect(await cardCount(other)).to.equal(1);
    });

    it('closes when what is under way has ended, and takes nothing more', async () => {
      const instance = site.open();
      const scenario = scenarioOf(site, instance);
      const cardIds = await issueMany(scenario, 5);
      let answered = 0;
      const commands = times(100, (index) =>
        reload(scenario, cardIds[index % 5] as string, newReceipt()).finally(() => (answered += 1)),
      );
      const closed = instance.repository.close().then(() => expect(answered).to.equal(100));
      await refusalOf(scenario.issue(), 'request.unavailable');
      await Promise.all(commands);
      await closed;
      await instance.repository.close();
      for (const cardId of cardIds) expect(await scenario.balance(cardId)).to.equal(10_020n);
    });
  });
});
