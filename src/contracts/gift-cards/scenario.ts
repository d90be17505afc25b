import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoggedEvent } from '../../application/shared/event-log.ts';
import type { Moment } from '../../domain/gift-cards/card-state.ts';
import type { GiftCardBook, GiftCardChanges, GiftCardKeys } from '../../domain/gift-cards/gift-card-repository.ts';
import { GiftCard, type Issue } from '../../domain/gift-cards/gift-card.ts';
import type { JournalEntry } from '../../domain/gift-cards/journal.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import type { Accepted, CommandContext, Committed, Decision, ReceiptKey } from '../../domain/shared/decision.ts';
import type { DomainError, Json } from '../../domain/shared/domain-error.ts';
import { Money } from '../../domain/shared/money.ts';
import type { GiftCardSite } from './gift-card-site.ts';

/** How a card becomes the next one. */
export type Change = (card: GiftCard, moment: Moment, book: GiftCardBook) => GiftCard;

/** One case's corner of a store: a tenant of its own, and the commands that nearly every case needs. */
export class Scenario {
  readonly site: GiftCardSite;
  readonly tenant = `tenant-${randomUUID()}`;

  constructor(site: GiftCardSite) {
    this.site = site;
  }

  context(more: Partial<CommandContext> = {}): CommandContext {
    return { tenant: this.tenant, actor: 'user:contract', correlationId: 'contract', ...more };
  }

  update<Answer extends Json>(
    keys: GiftCardKeys,
    decide: (book: GiftCardBook) => Decision<Answer, GiftCardChanges>,
    more: Partial<CommandContext> = {},
  ): Promise<Committed<Answer>> {
    return this.site.repository.update(this.context(more), keys, decide);
  }

  /** Stores records that need no judgement. */
  async store(changes: GiftCardChanges): Promise<void> {
    await this.update({}, () => accept(null, changes));
  }

  /** Issues a card of 100.00 USD that never expires, unless told otherwise, and returns its id. */
  async issue(differing: Partial<Issue> = {}): Promise<string> {
    const issue = newIssue(differing);
    await this.update({}, (book) => accept(null, { cards: [GiftCard.issue(issue, momentOf(book))] }));
    return issue.id;
  }

  /** Issues a card that expires after so many milliseconds, and returns its id. */
  async issueFor(lastsMs: number): Promise<string> {
    const issue = newIssue();
    await this.update({}, (book) => {
      const expiresAt = new Date(book.now.getTime() + lastsMs);
      return accept(null, { cards: [GiftCard.issue({ ...issue, expiresAt }, momentOf(book))] });
    });
    return issue.id;
  }

  /** Loads a card under lock, changes it, and answers with its new balance in minor units. */
  change(
    cardId: string,
    change: Change,
    keys: GiftCardKeys = {},
    more: Partial<CommandContext> = {},
  ): Promise<Committed<string>> {
    const decide = (book: GiftCardBook) => {
      const card = change(present(book.card(cardId)), momentOf(book), book);
      return accept(card.balance.minor.toString(), { cards: [card] });
    };
    return this.update({ ...keys, cardIds: [cardId, ...(keys.cardIds ?? [])] }, decide, more);
  }

  /** Pays for an order with a card and returns the redemption's id. */
  async redeem(cardId: string, orderId: string, minor: bigint): Promise<string> {
    const id = randomUUID();
    const pay: Change = (card, moment) =>
      card.redeem({ id, orderId, purpose: id.slice(0, 8), amount: moneyOf(card, minor) }, moment);
    await this.change(cardId, pay, { orderIds: [orderId] });
    return id;
  }

  /** Reserves money of a card for an order, by default for a day, and returns the hold's id. */
  async hold(cardId: string, orderId: string, minor: bigint, lastsMs = 86_400_000): Promise<string> {
    const id = randomUUID();
    const reserve: Change = (card, moment) => {
      const until = new Date(moment.now.getTime() + lastsMs);
      return card.hold({ id, orderId, purpose: id.slice(0, 8), amount: moneyOf(card, minor) }, until, moment);
    };
    await this.change(cardId, reserve, { orderIds: [orderId] });
    return id;
  }

  async card(cardId: string): Promise<GiftCard> {
    return present(await this.site.reader.find(this.tenant, { cardId }));
  }

  async balance(cardId: string): Promise<bigint> {
    return (await this.card(cardId)).balance.minor;
  }

  /** A card's whole journal, oldest first. */
  async journal(cardId: string): Promise<readonly JournalEntry[]> {
    const { items, nextCursor } = await this.site.reader.transactions(this.tenant, cardId, { limit: 1000 });
    assert.equal(nextCursor, undefined);
    return [...items].reverse();
  }

  /** A card's events, oldest first. */
  events(cardId: string): Promise<readonly LoggedEvent[]> {
    return this.site.log.readStream(this.tenant, `gift_card:${cardId}`, 1, 1000);
  }

  /** Waits until the store's clock has moved on by so many milliseconds. */
  async passTime(ms: number): Promise<void> {
    const { site } = this;
    if (site.passTime !== undefined) return site.passTime(ms);
    const until = (await site.reader.now()).getTime() + ms;
    while ((await site.reader.now()).getTime() < until) await sleep(2);
  }

  /** Fails unless everything that is stored of this tenant adds up. */
  async reconciles(): Promise<void> {
    const { findings, trialBalance } = await this.site.reader.reconcile(this.tenant);
    assert.deepEqual(findings, []);
    for (const { differenceMinor } of trialBalance) assert.equal(differenceMinor, 0n);
  }
}

export const newIssue = (differing: Partial<Issue> = {}): Issue => ({
  id: randomUUID(),
  codeIndex: randomUUID(),
  pepperId: 'pepper-1',
  prefix: 'GIFT',
  lastFour: 'W3QZ',
  amount: usd(10_000n),
  purchaserId: 'purchaser',
  expiresAt: null,
  fundedBy: 'sales',
  ...differing,
});

export const newBatch = (now: Date, differing: Partial<Batch> = {}): Batch => ({
  ...{ id: randomUUID(), count: 10, createdCount: 0, amountMinor: 500n, currency: 'USD' },
  ...{ prefix: 'PROMO', codeLength: 16, expiresAt: null, purchaserId: 'promotion' },
  ...{ sealedSeed: 'sealed', status: 'running', codesUntil: new Date(now.getTime() + 3_600_000), createdAt: now },
  ...differing,
});

export const newReceipt = (differing: Partial<ReceiptKey> = {}): ReceiptKey => ({
  id: randomUUID(),
  fingerprint: randomUUID(),
  operation: 'GiftCard.redeem',
  ...differing,
});

export const usd = (minor: bigint): Money => Money.ofMinor(minor, 'USD');

export const momentOf = (book: GiftCardBook): Moment => ({ now: book.now, newId: randomUUID });

/** Accepts with the events that the changed cards have recorded. */
export function accept<Answer extends Json>(
  answer: Answer,
  changes: GiftCardChanges = {},
): Accepted<Answer, GiftCardChanges> {
  const events = (changes.cards ?? []).flatMap((card) => card.changes.events);
  return { kind: 'accepted', answer, changes, events };
}

/** What is there; fails where nothing is. */
export function present<T>(found: T | undefined): T {
  assert.notEqual(found, undefined, 'Something that was stored is not found.');
  return found as T;
}

/** The refusal with which a command ends; fails where it ends otherwise. Told by code: classes may be loaded twice. */
export async function refusalOf(command: Promise<unknown>, code: string): Promise<DomainError> {
  const [outcome] = await Promise.allSettled([command]);
  assert.ok(outcome.status === 'rejected', `The command was accepted instead of refused with ${code}.`);
  const error = outcome.reason as DomainError;
  assert.equal(error.code, code, `The command ended with: ${String(error)}`);
  return error;
}

/** The commands that were accepted, and the codes of those that were refused, the rest of them failing. */
export async function outcomes(
  commands: readonly Promise<unknown>[],
): Promise<{ readonly accepted: number; readonly refused: readonly string[] }> {
  const settled = await Promise.allSettled(commands);
  const refused = settled.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return [];
    const { code, kind } = outcome.reason as DomainError;
    if (kind === undefined) throw outcome.reason;
    return [code];
  });
  return { accepted: settled.length - refused.length, refused };
}

const moneyOf = (card: GiftCard, minor: bigint): Money => Money.ofMinor(minor, card.currency);
