import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ChaosCommand, Courier, Verdict } from './chaos-courier.ts';
import type { Ledger } from './chaos-ledger.ts';

/** A card as its buyer knows it. */
export interface ChaosCard {
  readonly id: string;
  readonly code: string;
}

type Answer = Readonly<Record<string, unknown>>;

/** A command, and what to write down when it is accepted. */
interface Intent {
  readonly operation: string;
  readonly input: object;
  readonly note: (answer: Answer) => void;
}

/** Orders that several clients pay for, with several cards. */
const SHARED_ORDERS = 50;
/** One in so many commands is sent twice at the same time under its one key. */
const TWIN_EVERY = 30;
const SAMPLE_EVERY = 50;

/** One of many that use the same cards; does one thing after another, at random, and writes down what it is told. */
export class ChaosClient {
  readonly #name = randomUUID().slice(0, 8);
  readonly #home: number;
  readonly #cards: readonly ChaosCard[];
  readonly #courier: Courier;
  readonly #ledger: Ledger;
  readonly #openHolds: string[] = [];
  #commands = 0;

  constructor(home: number, cards: readonly ChaosCard[], courier: Courier, ledger: Ledger) {
    this.#home = home;
    this.#cards = cards;
    this.#courier = courier;
    this.#ledger = ledger;
  }

  /** Goes on until the signal, and then until its last command has an answer. */
  async run(until: AbortSignal): Promise<void> {
    while (!until.aborted) await this.#carryOut(this.#intend());
  }

  async #carryOut({ operation, input, note }: Intent): Promise<void> {
    this.#commands += 1;
    const command: ChaosCommand = { operation, key: `${this.#name}-${this.#commands}`, input };
    const sent = [this.#courier.deliver(command, this.#home)];
    if (chance(1 / TWIN_EVERY)) sent.push(this.#courier.deliver(command, this.#home + 1));
    const [verdict, twin] = (await Promise.all(sent)) as [Verdict, Verdict?];
    if (twin !== undefined) assert.deepEqual(twin, verdict, 'Two answers to one command.');
    this.#ledger.answered += 1;
    if (chance(1 / SAMPLE_EVERY)) this.#ledger.sample.push({ command, verdict });
    if ('accepted' in verdict) note(verdict.accepted);
    else this.#ledger.refused += 1;
  }

  #intend(): Intent {
    const dice = Math.random();
    if (dice < 0.4) return this.#redeem();
    if (dice < 0.52) return this.#hold();
    if (dice < 0.62) return this.#endHold() ?? this.#redeem();
    if (dice < 0.72) return this.#refund() ?? this.#redeem();
    if (dice < 0.86 && this.#cards.length > 1) return this.#transfer();
    return this.#reload();
  }

  #redeem(): Intent {
    const shared = chance(0.15);
    const orderId = shared ? `shared-${whole(1, SHARED_ORDERS)}` : this.#newOrder();
    const input = { code: this.#card().code, orderId, amount: usd(shared ? 100 : whole(1, 400)) };
    return {
      operation: 'redeem',
      input,
      note: ({ redemptionId, redeemedAmount }) => this.#ledger.redeemed(String(redemptionId), minorOf(redeemedAmount)),
    };
  }

  #hold(): Intent {
    const input = { code: this.#card().code, orderId: this.#newOrder(), amount: usd(whole(1, 400)) };
    return {
      operation: 'hold',
      input,
      note: ({ holdId, amount }) => {
        this.#ledger.held(String(holdId), minorOf(amount));
        this.#openHolds.push(String(holdId));
      },
    };
  }

  #endHold(): Intent | undefined {
    const holdId = this.#openHolds.pop();
    if (holdId === undefined) return undefined;
    if (chance(0.4)) {
      const note = (): void => this.#ledger.endedHold(holdId, 'released');
      return { operation: 'release-hold', input: { holdId }, note };
    }
    return {
      operation: 'capture',
      input: { holdId },
      note: ({ redemptionId, redeemedAmount }) => {
        this.#ledger.endedHold(holdId, 'captured');
        this.#ledger.redeemed(String(redemptionId), minorOf(redeemedAmount));
      },
    };
  }

  #refund(): Intent | undefined {
    const redemptionId = this.#ledger.anyRedemption();
    if (redemptionId === undefined) return undefined;
    return {
      operation: 'refund-to-card',
      input: { redemptionId, ...(chance(0.5) && { amount: usd(whole(1, 100)) }) },
      note: ({ refundId, refundedAmount }) => this.#ledger.refunded(String(refundId), minorOf(refundedAmount)),
    };
  }

  #transfer(): Intent {
    const [from, to] = [this.#card(), this.#card()];
    const source = chance(0.5) ? { fromCardId: from.id } : { fromCode: from.code };
    return {
      operation: 'transfer',
      input: { ...source, toCardId: to.id, amount: usd(whole(1, 400)), acceptEarlierExpiry: true },
      note: ({ transferId, amount }) => this.#ledger.transferred(String(transferId), minorOf(amount)),
    };
  }

  #reload(): Intent {
    const input = { cardId: this.#card().id, amount: usd(whole(1, 500)) };
    return { operation: 'reload', input, note: () => this.#ledger.reloaded(minorOf(input.amount)) };
  }

  #card(): ChaosCard {
    return this.#cards[whole(0, this.#cards.length - 1)] as ChaosCard;
  }

  #newOrder(): string {
    return `order-${this.#name}-${this.#commands}`;
  }
}

const chance = (share: number): boolean => Math.random() < share;
const whole = (least: number, most: number): number => least + Math.floor(Math.random() * (most - least + 1));

export const usd = (minor: number) => ({ amount: (minor / 100).toFixed(2), currency: 'USD' });

/** `{amount: "1.25", currency: "USD"}` as 125. */
export function minorOf(money: unknown): number {
  const { amount, currency } = money as ReturnType<typeof usd>;
  assert.match(amount, /^\d+\.\d\d$/);
  assert.equal(currency, 'USD');
  return Number(amount.replace('.', ''));
}
