import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { events } from '../../src/application/gift-cards/events.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { HOUSE_ACCOUNTS } from '../../src/domain/gift-cards/journal.ts';
import type { Redemption } from '../../src/domain/gift-cards/records.ts';
import { at, HOUR, later, newIssue, payment, usd } from '../support/gift-card-builder.ts';

const BY = { adminId: 'admin', reason: 'reason', account: 'void' } as const;
const CODE = { codeIndex: 'secret-index', pepperId: 'secret-pepper', prefix: 'GIFT', lastFour: '7777' };

/** One card that went through everything a card can go through, and another one that ended by its expiry. */
function eventfulCards(): readonly GiftCard[] {
  const other = GiftCard.issue(newIssue({ codeIndex: 'secret-other' }), at());
  const [holdId, captureId] = [randomUUID(), randomUUID()];
  let card = GiftCard.issue(newIssue({ batchId: randomUUID(), codeIndex: 'secret-first' }), at())
    .redeem(payment('10.00'), at())
    .hold(payment('20.00', { id: holdId, purpose: 'later' }), later(HOUR), at())
    .hold(payment('5.00', { purpose: 'released' }), later(HOUR), at())
    .capture(holdId, captureId, usd('15.00'), at())
    .releaseOrder('order', at())
    .reload(usd('1.00'), 'reload', at());
  card = card
    .refund(card.changes.redemptions[0] as Redemption, 'refund', usd('4.00'), at())
    .transferOut(randomUUID(), other.id, usd('2.00'), at())
    .transferIn(randomUUID(), other, usd('3.00'), true, at())
    .freeze('reason', at())
    .unfreeze('reason', at())
    .extendExpiry(null, 'reason', at())
    .reissueCode(CODE, 'reason', at())
    .void(BY, at());
  return [card, other.expire('breakage', at(48 * HOUR)) ?? other];
}

const recorded = () => eventfulCards().flatMap((card) => card.changes.events);

describe('Events of gift cards', () => {
  it('are of every type that the contract lists for single cards', () => {
    const types = new Set(recorded().map(({ type }) => type));
    const listed = Object.keys(events).filter((type) => type !== 'gift_card.batch_created');
    expect([...types].sort()).to.deep.equal(listed.sort());
  });

  it("fit the contract's schemas, and say nothing beyond them", () => {
    for (const { type, payload } of recorded()) {
      const schema = events[type as keyof typeof events].payload;
      expect(schema.strict().parse(payload), type).to.deep.equal(payload);
    }
  });

  it('are numbered from one without gaps, and the card carries the last number', () => {
    for (const card of eventfulCards()) {
      const { events: own } = card.changes;
      expect(own.map(({ streamVersion }) => streamVersion)).to.deep.equal(own.map((_, index) => index + 1));
      expect(card.toSnapshot().version).to.equal(own.length);
      expect(new Set(own.map(({ stream }) => stream))).to.deep.equal(new Set([`gift_card:${card.id}`]));
    }
  });

  it('go on counting where a stored card stopped', () => {
    const card = GiftCard.restore({ ...GiftCard.issue(newIssue(), at()).toSnapshot(), version: 41 });
    const next = card.redeem(payment('1.00'), at()).redeem(payment('2.00', { purpose: 'more' }), at());
    expect(next.changes.events.map(({ streamVersion }) => streamVersion)).to.deep.equal([42, 43]);
  });

  it('hold neither look-up keys nor peppers', () => {
    expect(JSON.stringify(recorded())).not.to.include('secret');
  });

  it('carry the balance right after them', () => {
    const card = GiftCard.issue(newIssue(), at()).redeem(payment('10.00'), at()).reload(usd('1.50'), 'r', at());
    expect(card.changes.events.map(({ payload }) => payload['balance'])).to.deep.equal(['100.00', '90.00', '91.50']);
  });
});

describe('The journal of gift cards', () => {
  const journal = () => eventfulCards().flatMap((card) => card.changes.entries);

  it('numbers the entries of each card without gaps, each beginning where the last one ended', () => {
    for (const card of eventfulCards()) {
      let balance = 0n;
      for (const [index, entry] of card.changes.entries.entries()) {
        expect([entry.entryNumber, entry.balanceBeforeMinor]).to.deep.equal([index + 1, balance]);
        balance = entry.balanceAfterMinor;
      }
      expect(card.balance.minor).to.equal(balance);
      expect(card.toSnapshot().entryCount).to.equal(card.changes.entries.length);
    }
  });

  it('moves a positive amount from one account to another, and names only accounts that there are', () => {
    const account = new RegExp(`^((card|hold|transfer):[0-9a-f-]{36}|${HOUSE_ACCOUNTS.join('|')})$`);
    for (const { debit, credit, amountMinor, currency } of journal()) {
      expect(amountMinor > 0n).to.equal(true);
      expect(debit).not.to.equal(credit);
      expect([debit, credit].every((name) => account.test(name))).to.equal(true);
      expect(currency).to.equal('USD');
    }
  });

  it('leaves nothing in holds that have ended', () => {
    const held = journal().filter(({ debit, credit }) => `${debit} ${credit}`.includes('hold:'));
    const sum = held.reduce(
      (total, { credit, amountMinor }) => total + (credit.startsWith('hold:') ? amountMinor : -amountMinor),
      0n,
    );
    expect(held.length).to.equal(5);
    expect(sum).to.equal(0n);
  });

  it('gives each entry an id of its own', () => {
    const ids = journal().map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
  });
});
