import assert from 'node:assert/strict';
import type { ChaosCommand, Verdict } from './chaos-courier.ts';

/** What the servers have said: everything that they owe an account of in the end. Amounts are minor units. */
export class Ledger {
  /** Commands that were answered, each once however often it was sent. */
  answered = 0;
  refused = 0;
  readonly redemptions = new Map<string, number>();
  readonly refunds = new Map<string, number>();
  readonly holds = new Map<string, number>();
  /** Holds that were captured or released; all others are open. */
  readonly endedHolds = new Map<string, 'captured' | 'released'>();
  readonly transfers = new Map<string, number>();
  readonly reloads = { count: 0, sumMinor: 0 };
  /** What all cards had when they were issued, together. */
  issuedMinor = 0;
  /** Some of the answered commands, refused ones among them, with what became of them: to be repeated at the end. */
  readonly sample: { readonly command: ChaosCommand; readonly verdict: Verdict }[] = [];
  readonly #redemptionIds: string[] = [];

  /** A payment may be answered under several keys: the same order and amount again is the same redemption. */
  redeemed(id: string, minor: number): void {
    const known = this.redemptions.get(id);
    if (known === undefined) this.#redemptionIds.push(id);
    else assert.equal(minor, known, 'One redemption was answered with two amounts.');
    this.redemptions.set(id, minor);
  }

  refunded(id: string, minor: number): void {
    once(this.refunds, id, minor);
  }

  /** The same as for payments. */
  held(id: string, minor: number): void {
    once(this.holds, id, minor);
  }

  transferred(id: string, minor: number): void {
    once(this.transfers, id, minor);
  }

  endedHold(id: string, how: 'captured' | 'released'): void {
    assert.equal(this.endedHolds.has(id), false, 'A hold was ended twice.');
    this.endedHolds.set(id, how);
  }

  reloaded(minor: number): void {
    this.reloads.count += 1;
    this.reloads.sumMinor += minor;
  }

  /** A redemption of whomever. */
  anyRedemption(): string | undefined {
    return this.#redemptionIds[Math.floor(Math.random() * this.#redemptionIds.length)];
  }
}

function once(entries: Map<string, number>, id: string, minor: number): void {
  assert.equal(entries.has(id), false, `Two commands were answered with the same id ${id}.`);
  entries.set(id, minor);
}
