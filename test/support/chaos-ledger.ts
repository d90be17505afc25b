import assert from 'node:assert/strict';
import type { ChaosCommand, Verdict } from './chaos-courier.ts';
import { ToldEvents } from './chaos-told-events.ts';

/** Money that a card paid for an order, or holds for one. */
export interface Payment {
  readonly minor: number;
  readonly cardId: string;
  readonly orderId: string;
}

export interface Refund {
  readonly minor: number;
  readonly redemptionId: string;
}

/** What the servers have said: everything that they owe an account of in the end. Amounts are minor units. */
export class Ledger {
  /** Commands that were answered, each once however often it was sent. */
  answered = 0;
  refused = 0;
  readonly redemptions = new Map<string, Payment>();
  /** By command: those of order events are nobody's answer. */
  readonly refunds = new Map<string, Refund>();
  readonly holds = new Map<string, Payment>();
  /** Holds that were captured or released by command; of all others only those may end that `events` or a void explain. */
  readonly endedHolds = new Map<string, 'captured' | 'released'>();
  readonly transfers = new Map<string, number>();
  readonly reloads = { count: 0, sumMinor: 0 };
  /** What all cards had when they were issued, together. */
  issuedMinor = 0;
  /** How often each card was frozen, and unfrozen. */
  readonly freezes = new Map<string, number>();
  readonly unfreezes = new Map<string, number>();
  /** Cards that were ended, and the account that was to take what they had. */
  readonly voided = new Map<string, string>();
  /** What each card gained by its issue and by commands; refunds by order events, cancellations and voids come on top. */
  readonly gains = new Map<string, number>();
  /** What was told of another system's orders. */
  readonly events = new ToldEvents();
  /** Some of the answered commands, refused ones among them, with what became of them: to be repeated at the end. */
  readonly sample: { readonly command: ChaosCommand; readonly verdict: Verdict }[] = [];
  readonly #redemptionIds: string[] = [];

  issued(cardId: string, minor: number): void {
    once(this.gains, cardId, minor);
    this.issuedMinor += minor;
  }

  /** A payment may be answered under several keys: the same order and amount again is the same redemption. */
  redeemed(id: string, payment: Payment): void {
    const known = this.redemptions.get(id);
    if (known !== undefined) return assert.deepEqual(payment, known, 'One redemption was answered in two ways.');
    this.#redemptionIds.push(id);
    this.redemptions.set(id, payment);
    this.#gain(payment.cardId, -payment.minor);
  }

  refunded(id: string, refund: Refund): void {
    once(this.refunds, id, refund);
    this.#gain(this.redemption(refund.redemptionId).cardId, refund.minor);
  }

  held(id: string, hold: Payment): void {
    once(this.holds, id, hold);
    this.#gain(hold.cardId, -hold.minor);
  }

  /** What was captured is a redemption besides. */
  endedHold(id: string, how: 'captured' | 'released'): void {
    once(this.endedHolds, id, how);
    const hold = this.holds.get(id);
    assert(hold !== undefined, `Nobody knows the hold ${id} that was ${how}.`);
    this.#gain(hold.cardId, hold.minor);
  }

  transferred(id: string, fromCardId: string, toCardId: string, minor: number): void {
    once(this.transfers, id, minor);
    this.#gain(fromCardId, -minor);
    this.#gain(toCardId, minor);
  }

  reloaded(cardId: string, minor: number): void {
    this.reloads.count += 1;
    this.reloads.sumMinor += minor;
    this.#gain(cardId, minor);
  }

  froze(cardId: string): void {
    add(this.freezes, cardId, 1);
  }

  unfroze(cardId: string): void {
    add(this.unfreezes, cardId, 1);
  }

  voids(cardId: string, account: string): void {
    once(this.voided, cardId, account);
  }

  /** A redemption of whomever. */
  anyRedemption(): string | undefined {
    return this.#redemptionIds[Math.floor(Math.random() * this.#redemptionIds.length)];
  }

  redemption(id: string): Payment {
    const payment = this.redemptions.get(id);
    assert(payment !== undefined, `Nobody knows the redemption ${id}.`);
    return payment;
  }

  #gain(cardId: string, minor: number): void {
    assert(this.gains.has(cardId), `Nobody knows the card ${cardId}.`);
    add(this.gains, cardId, minor);
  }
}

function once<Entry>(entries: Map<string, Entry>, id: string, entry: Entry): void {
  assert.equal(entries.has(id), false, `Two commands were answered with the same id ${id}.`);
  entries.set(id, entry);
}

/** Adds to the sum of that name. */
export function add(sums: Map<string, number>, name: string, minor: number): void {
  sums.set(name, (sums.get(name) ?? 0) + minor);
}
