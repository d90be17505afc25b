import { expect } from 'chai';
import { isDeepStrictEqual } from 'node:util';
import type { Moment } from '../../src/domain/gift-cards/card-state.ts';
import type { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import type { JournalEntry } from '../../src/domain/gift-cards/journal.ts';
import type { Hold, Redemption } from '../../src/domain/gift-cards/records.ts';
import { STAND_IN } from '../../src/domain/gift-cards/stand-in.ts';
import type { NewEvent } from '../../src/domain/shared/decision.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';
import { Money } from '../../src/domain/shared/money.ts';
import { GiftCardModel, ModelRefusal, type ModelAmount, type ModelNaming } from './gift-card-model.ts';

/** A command as the model has it, and as the entity has it; the entity's part returns the cards that it changed. */
export interface Twofold {
  readonly predict: (now: number) => unknown;
  readonly act: (at: Moment) => GiftCard | readonly GiftCard[];
}

/**
 * Cards as the entity makes them, beside the model's: no use case, no adapter, nothing to wait for. What a store would
 * keep of them is in maps, and time stands still until it is told to pass.
 */
export class EntityBooks {
  readonly model = new GiftCardModel();
  readonly cards = new Map<string, GiftCard>();
  readonly holds = new Map<string, Hold>();
  readonly redemptions = new Map<string, Redemption>();
  /** What all cards have changed so far, as it would be stored. */
  readonly entries: JournalEntry[] = [];
  readonly events: NewEvent[] = [];
  /** Each command and what became of it. */
  readonly outcomes: string[] = [];
  now = Date.parse('2030-01-01T00:00:00.000Z');
  readonly #load: (card: GiftCard) => GiftCard;
  #ids = 0;

  /** Before each command a card is loaded: left as it is, or restored. */
  constructor(load: (card: GiftCard) => GiftCard) {
    this.#load = load;
  }

  card(id: string): GiftCard {
    const card = this.cards.get(id);
    if (card === undefined) throw new RangeError(`There is no card ${id}.`);
    return this.#load(card);
  }

  /** The card that is named so; where nobody has the code, what stands in for it. */
  named({ code, card = '' }: ModelNaming): GiftCard {
    if (code === undefined) return this.card(card);
    const found = [...this.cards.values()].find((candidate) => candidate.toSnapshot().codeIndex === code);
    return found === undefined ? STAND_IN : this.card(found.id);
  }

  paidBy(card: string, order: string): readonly Redemption[] {
    return [...this.redemptions.values()].filter(({ cardId, orderId }) => cardId === card && orderId === order);
  }

  /** In the order in which they are made, like those of a system. */
  newId(): string {
    this.#ids += 1;
    return `id-${String(this.#ids).padStart(6, '0')}`;
  }

  /** Gives a command to the model and to the entity: both carry it out or both refuse it, for the same reason. */
  both(what: string, { predict, act }: Twofold): void {
    const predicted = outcomeOf(() => predict(this.now));
    const actual = outcomeOf(() => act({ now: new Date(this.now), newId: () => this.newId() }));
    same(actual.refused, predicted.refused, `refusal of ${what}`);
    this.outcomes.push(`${what}: ${predicted.refused ?? 'accepted'}`);
    for (const card of [actual.value ?? []].flat()) this.#keep(card);
  }

  /** Compares all cards, holds and payments with the model's. */
  compare(): void {
    const now = new Date(this.now);
    const cards = [...this.cards].map(([id, card]) => ({
      ...{ id, balance: Number(card.balance.minor), available: Number(card.available(now).minor) },
      ...{ status: card.status(now), until: card.expiresAt?.getTime() ?? Infinity },
      ...{ code: card.toSnapshot().codeIndex, holder: card.toSnapshot().holderId ?? undefined },
      openHolds: card.toSnapshot().openHolds.map((hold) => [hold.id, Number(hold.amountMinor)]),
    }));
    const expectedCards = [...this.model.cards].map(([id, { balance, until, code, holder }]) => ({
      ...{ id, balance, available: this.model.available(id, this.now) },
      ...{ status: this.model.status(id, this.now), until, code, holder },
      openHolds: [...this.model.holds].flatMap(([holdId, { card, state, amount }]) =>
        card === id && state === 'open' ? [[holdId, amount]] : [],
      ),
    }));
    same(cards, expectedCards, 'cards');
    const holds = [...this.holds.values()].map(({ id, cardId, orderId, purpose, amountMinor, expiresAt, status }) => {
      const state = status === 'released' || status === 'expired' ? 'gone' : status;
      return [id, cardId, orderId, purpose, Number(amountMinor), expiresAt.getTime(), state];
    });
    const expectedHolds = [...this.model.holds].map(([id, { card, order, purpose, amount, until, state }]) => {
      return [id, card, order, purpose, amount, until, state];
    });
    same(holds, expectedHolds, 'holds');
    const paid = [...this.redemptions.values()].map(({ id, cardId, orderId, purpose, amountMinor, refundedMinor }) => {
      return [id, cardId, orderId, purpose, Number(amountMinor), Number(refundedMinor)];
    });
    const expectedPaid = this.model.payments.map(({ id, card, order, purpose, amount, refunded }) => {
      return [id, card, order, purpose, amount, refunded];
    });
    same(paid, expectedPaid, 'payments');
  }

  /** Checks the journals and events of all cards, and the accounts that the journals make. */
  audit(): void {
    for (const card of this.cards.values()) {
      const entries = this.entries.filter(({ cardId }) => cardId === card.id);
      checkJournal(card, entries);
      const events = this.events.filter(({ stream }) => stream === `gift_card:${card.id}`);
      const versions = events.map(({ streamVersion }) => streamVersion);
      same(versions, numbersTo(card.toSnapshot().version), 'versions of events');
      same(events.at(-1)?.payload['balance'], card.balance.toDecimal(), 'balance in the last event');
    }
    for (const currency of new Set(this.entries.map((entry) => entry.currency))) this.#checkAccounts(currency);
    for (const { status, endedAt, expiresAt } of this.holds.values()) {
      if (status === 'released' || status === 'expired') {
        expect(status, 'end of a hold').to.equal(endedAt !== null && endedAt < expiresAt ? 'released' : 'expired');
      }
    }
  }

  /** What holds have, what is on its way between cards, and what orders were paid. */
  #checkAccounts(currency: string): void {
    const sums = new Map<string, bigint>();
    const add = (account: string, minor: bigint) => sums.set(account, (sums.get(account) ?? 0n) + minor);
    for (const entry of this.entries.filter((candidate) => candidate.currency === currency)) {
      add(entry.debit, -entry.amountMinor);
      add(entry.credit, entry.amountMinor);
    }
    for (const hold of this.holds.values()) {
      const account = sums.get(`hold:${hold.id}`);
      if (hold.currency === currency)
        same(account, hold.status === 'open' ? hold.amountMinor : 0n, 'account of a hold');
    }
    for (const [account, sum] of sums) if (account.startsWith('transfer:')) same(sum, 0n, 'account of a transfer');
    const paid = this.model.payments.filter(({ card }) => this.model.card(card).currency === currency);
    const settled = paid.reduce((sum, { amount, refunded }) => sum + amount - refunded, 0);
    same(sums.get('settlement') ?? 0n, BigInt(settled), 'settlement account');
  }

  /** Keeps a changed card, and what a store would keep beside it. */
  #keep(card: GiftCard): void {
    const before = this.cards.has(card.id) ? this.card(card.id).changes : undefined;
    const { entries, events, holds, redemptions } = card.changes;
    this.entries.push(...entries.slice(before?.entries.length));
    this.events.push(...events.slice(before?.events.length));
    const made = [...holds, ...redemptions].filter(({ id }) => !this.holds.has(id) && !this.redemptions.has(id));
    for (const { balanceAfterMinor } of made) same(balanceAfterMinor, card.balance.minor, 'balance after a payment');
    for (const hold of holds) this.holds.set(hold.id, hold);
    for (const redemption of redemptions) this.redemptions.set(redemption.id, redemption);
    // What is immutable can be frozen: whoever writes to it after all is caught.
    freeze(card.toSnapshot());
    freeze(card.changes);
    this.cards.set(card.id, card);
  }
}

/** Entries are numbered without gaps, chain the balances, and sum to the card's. */
function checkJournal(card: GiftCard, entries: readonly JournalEntry[]): void {
  let sum = 0n;
  for (const entry of entries) {
    expect(entry.balanceBeforeMinor, 'balance before').to.equal(sum);
    if (entry.credit === `card:${card.id}`) sum += entry.amountMinor;
    if (entry.debit === `card:${card.id}`) sum -= entry.amountMinor;
    expect(entry.balanceAfterMinor, 'balance after').to.equal(sum);
    expect(entry.currency, 'currency').to.equal(card.currency);
  }
  const numbers = entries.map(({ entryNumber }) => entryNumber);
  same(numbers, numbersTo(card.toSnapshot().entryCount), 'numbers of entries');
  expect(sum, 'sum of the journal').to.equal(card.balance.minor);
}

const numbersTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** What comes of an action: its value, or the code of its refusal. Anything but a refusal by the rules is thrown. */
function outcomeOf<T>(action: () => T): { readonly value?: T; readonly refused?: string } {
  try {
    return { value: action() };
  } catch (error) {
    if (error instanceof DomainError || error instanceof ModelRefusal) return { refused: error.code };
    throw error;
  }
}

/** Chai tells the difference, but takes long to find none. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, what).to.deep.equal(expected);
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}

/** An expiry that is due is booked before a refund and before voiding. */
export const withDueExpiry = (card: GiftCard, at: Moment): GiftCard => card.expire('breakage', at) ?? card;
export const money = ({ minor, currency }: ModelAmount): Money => Money.ofMinor(BigInt(minor), currency);
export const dateOrNull = (until: number): Date | null => (until === Infinity ? null : new Date(until));
export const another = (currency: string): string => (currency === 'USD' ? 'JPY' : 'USD');
