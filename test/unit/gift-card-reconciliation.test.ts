import { expect } from 'chai';
import { newBatch } from '../../src/contracts/gift-cards/scenario.ts';
import type { JournalEntry } from '../../src/domain/gift-cards/journal.ts';
import { reconcile, type Books } from '../../src/infrastructure/memory/memory-reconciliation.ts';
import { at, HOUR, later, newIssue, onlyOne, payment, usd } from '../support/gift-card-builder.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import type { Batch } from '../../src/domain/gift-cards/records.ts';

/** The books of one card with a redemption, of which a part was refunded, and an open hold. */
function soundBooks(): Books {
  const paid = GiftCard.issue(newIssue(), at()).redeem(payment('30.00'), at());
  const refunded = paid.refund(paid.changes.redemptions[0]!, 'refund', usd('10.00'), at());
  const card = refunded.hold(payment('5.00', { purpose: 'later' }), later(HOUR), at());
  const { entries, redemptions, holds } = card.changes;
  return { cards: [card.toSnapshot()], journal: entries, redemptions, holds, batches: [] };
}

const kinds = (books: Books): readonly string[] => reconcile(books).findings.map(({ kind }) => kind);

/** The journal with one entry changed. */
function changed(books: Books, index: number, change: Partial<JournalEntry>): Books {
  return { ...books, journal: books.journal.map((entry, at) => (at === index ? { ...entry, ...change } : entry)) };
}

describe('Reconciling gift cards', () => {
  it('finds nothing wrong with sound books, and adds them up', () => {
    const { cards, entries, trialBalance, findings } = reconcile(soundBooks());
    expect({ cards, entries, trialBalance, findings }).to.deep.equal({
      cards: 1,
      entries: 4,
      trialBalance: [{ currency: 'USD', debitsMinor: 14_500n, creditsMinor: 14_500n, differenceMinor: 0n }],
      findings: [],
    });
  });

  it('finds a balance that is not the sum of the journal', () => {
    const books = soundBooks();
    const cards = books.cards.map((card) => ({ ...card, balanceMinor: card.balanceMinor + 1n }));
    expect(kinds({ ...books, cards })).to.deep.equal(['balance']);
  });

  it('finds an entry that is missing in the middle', () => {
    const books = soundBooks();
    const journal = books.journal.filter(({ type }) => type !== 'refund');
    expect(kinds({ ...books, journal })).to.include.members(['balance', 'chain', 'redemption']);
  });

  it('finds an entry that was cut off at the end', () => {
    const books = soundBooks();
    expect(kinds({ ...books, journal: books.journal.slice(0, -1) })).to.include.members(['balance', 'chain', 'hold']);
  });

  it('finds an amount that was changed', () => {
    expect(kinds(changed(soundBooks(), 1, { amountMinor: 2999n }))).to.include.members(['balance', 'chain']);
  });

  it('finds a chain of balances that is broken, though the amounts are right', () => {
    expect(kinds(changed(soundBooks(), 1, { balanceBeforeMinor: 9_999n }))).to.deep.equal(['chain']);
  });

  it('finds an entry in another currency', () => {
    expect(kinds(changed(soundBooks(), 1, { currency: 'EUR' }))).to.include('chain');
  });

  it('finds refunds that are not in the journal', () => {
    const books = soundBooks();
    const redemptions = books.redemptions.map((redemption) => ({ ...redemption, refundedMinor: 999n }));
    expect(kinds({ ...books, redemptions })).to.deep.equal(['redemption']);
  });

  it('finds a hold that its card does not know, and one that the journal does not', () => {
    const books = soundBooks();
    const cards = books.cards.map((card) => ({ ...card, openHolds: [] }));
    expect(kinds({ ...books, cards })).to.deep.equal(['hold']);
    const holds = books.holds.map((hold) => ({ ...hold, amountMinor: 400n }));
    expect(kinds({ ...books, holds })).to.deep.equal(['hold']);
  });

  it('finds holds and redemptions that are in the journal alone', () => {
    const books = soundBooks();
    const [redemption, hold] = [onlyOne(books.redemptions).id, onlyOne(books.holds).id];
    expect(reconcile({ ...books, redemptions: [] }).findings).to.deep.equal([
      { kind: 'redemption', id: redemption, detail: 'the redemption is missing' },
    ]);
    expect(reconcile({ ...books, holds: [] }).findings).to.deep.equal([
      { kind: 'hold', id: hold, detail: 'the hold is missing' },
    ]);
  });

  it('finds a transfer of which only one half was booked', () => {
    const card = GiftCard.issue(newIssue(), at()).transferOut('half', 'nobody', usd('1.00'), at());
    const books = {
      cards: [card.toSnapshot()],
      journal: card.changes.entries,
      redemptions: [],
      holds: [],
      batches: [],
    };
    expect(reconcile(books).findings).to.deep.equal([
      { kind: 'trial_balance', id: 'transfer:half', detail: 'the two halves of the transfer differ' },
    ]);
  });

  it('names at most a hundred findings', () => {
    const cards = Array.from({ length: 150 }, () => GiftCard.issue(newIssue(), at()).toSnapshot());
    expect(kinds({ cards, journal: [], redemptions: [], holds: [], batches: [] })).to.have.length(100);
  });

  it('finds a voided card that has money, and a voided one that says it is not', () => {
    const books = soundBooks();
    const cards = books.cards.map((card) => ({ ...card, voidedAt: at().now }));
    expect(kinds({ ...books, cards })).to.deep.equal(['void']);
    const by = { adminId: 'admin', reason: 'fraud', account: 'void' } as const;
    const card = GiftCard.issue(newIssue(), at()).void(by, at());
    const journal = card.changes.entries;
    const voided = { ...books, cards: [card.toSnapshot()], journal, redemptions: [], holds: [] };
    expect(kinds(voided)).to.deep.equal([]);
    expect(kinds({ ...voided, cards: [{ ...card.toSnapshot(), voidedAt: null }] })).to.deep.equal(['void']);
  });

  it('finds a batch that counts other cards than it has, and one that its cards alone name', () => {
    const batch = newBatch(at().now, { createdCount: 1 });
    const card = GiftCard.issue(newIssue({ batchId: batch.id }), at());
    const books = { cards: [card.toSnapshot()], journal: card.changes.entries, redemptions: [], holds: [] };
    expect(kinds({ ...books, batches: [batch] })).to.deep.equal([]);
    const found = (batches: readonly Batch[]) => reconcile({ ...books, batches }).findings;
    expect(found([{ ...batch, createdCount: 2 }])).to.deep.equal([
      { kind: 'batch', id: batch.id, detail: 'it has another number of cards than it says' },
    ]);
    expect(found([])).to.deep.equal([{ kind: 'batch', id: batch.id, detail: 'the batch is missing' }]);
  });
});
