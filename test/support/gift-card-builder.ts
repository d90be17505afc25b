import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import type { Payment } from '../../src/domain/gift-cards/card-payments.ts';
import type { Moment } from '../../src/domain/gift-cards/card-state.ts';
import { GiftCard, type Issue } from '../../src/domain/gift-cards/gift-card.ts';
import type { Redemption } from '../../src/domain/gift-cards/records.ts';
import type { DomainError, DomainErrorClass } from '../../src/domain/shared/domain-error.ts';
import { Money } from '../../src/domain/shared/money.ts';

/** When everything happens that says nothing else. */
export const NOW = new Date('2030-06-01T12:00:00.000Z');
export const HOUR = 3_600_000;

/** So many milliseconds after `NOW`. */
export const later = (ms: number): Date => new Date(NOW.getTime() + ms);

/** What a card's method is given, at `NOW` or so many milliseconds after it. */
export const at = (ms = 0): Moment => ({ now: later(ms), newId: randomUUID });

export const usd = (amount: string): Money => Money.parse(amount, 'USD');

/** A card of 100.00 USD that expires a day after `NOW`, as it is restored from a store. */
export function storedCard(differing: Partial<Issue> = {}): GiftCard {
  return stored(GiftCard.issue(newIssue(differing), at(-HOUR)));
}

/** The card without its changes, as if it had been stored and loaded again. */
export const stored = (card: GiftCard): GiftCard => GiftCard.restore(card.toSnapshot());

export const newIssue = (differing: Partial<Issue> = {}): Issue => ({
  id: randomUUID(),
  codeIndex: randomUUID(),
  pepperId: 'pepper',
  prefix: 'GIFT',
  lastFour: 'W3QZ',
  amount: usd('100.00'),
  purchaserId: 'buyer',
  expiresAt: later(24 * HOUR),
  fundedBy: 'sales',
  ...differing,
});

export const payment = (amount: string, differing: Partial<Payment> = {}): Payment => ({
  id: randomUUID(),
  orderId: 'order',
  purpose: 'payment',
  amount: usd(amount),
  ...differing,
});

/** A card that has paid an amount, and the redemption. */
export function redeemedCard(amount: string, differing: Partial<Issue> = {}): { card: GiftCard; paid: Redemption } {
  const card = storedCard(differing).redeem(payment(amount), at());
  return { card: stored(card), paid: onlyOne(card.changes.redemptions) };
}

/** The one element of a list. */
export function onlyOne<T>(list: readonly T[]): T {
  expect(list).to.have.length(1);
  return list[0] as T;
}

/** What an action that has to be refused by this error throws. */
export function refusal(type: DomainErrorClass, action: () => unknown): DomainError {
  try {
    action();
  } catch (error) {
    expect(error).to.be.instanceOf(type);
    return error as DomainError;
  }
  return expect.fail(`${type.code} was not thrown`);
}

/** A movement in short: what it is, from where, to where, how much. */
export const movements = (card: GiftCard): readonly string[] =>
  card.changes.entries.map(({ type, debit, credit, amountMinor }) =>
    [type, named(debit, card), named(credit, card), amountMinor].join(' '),
  );

/** Types of the events that a card recorded. */
export const eventTypes = (card: GiftCard): readonly string[] =>
  card.changes.events.map(({ type }) => type.replace('gift_card.', ''));

const named = (account: string, { id }: GiftCard): string =>
  account === `card:${id}` ? 'card' : account.replace(/:.*/, '');
