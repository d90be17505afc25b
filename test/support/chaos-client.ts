import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ChaosCommand, Courier, Verdict } from './chaos-courier.ts';
import type { Ledger, Payment } from './chaos-ledger.ts';
import { Shop, type Tale } from './chaos-shop.ts';

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
  /** The one code it may be refused with, where others would be wrong. */
  readonly refusable?: string;
}

interface OpenHold {
  readonly id: string;
  readonly payment: Payment;
}

/** Orders that several clients pay for, with several cards. */
const SHARED_ORDERS = 50;
/** One in so many commands is sent twice at the same time under its one key, one in so many tales twice as well. */
const TWIN_EVERY = 30;
const TWIN_TALE_EVERY = 10;
/** One in so many tales is told once more soon after. */
const RETOLD_EVERY = 10;
const SAMPLE_EVERY = 50;
/** The share of what is done that is a tale of another system's orders. */
const TALES = 0.03;
/**
 * The share of commands that freeze a card. As long as it takes to thaw it again, it refuses whatever the other clients
 * want of it: about a quarter of the time with few cards, hardly ever with many.
 */
const freezesOn = (cards: number): number => Math.min(0.01, 0.0001 + 0.0002 * cards);
/** The share of commands that end a card for good, where there are so many that they last. */
const voidsOn = (cards: number): number => (cards < 1_000 ? 0 : 0.002);
/** What comes later comes after about so many other things. */
const LATER = 8;
/** So many of its orders does a client remember to cancel one of them. */
const ORDERS_KEPT = 20;

/** One of many that use the same cards; does one thing after another, at random, and writes down what it is told. */
export class ChaosClient {
  readonly #name = randomUUID().slice(0, 8);
  readonly #home: number;
  readonly #cards: readonly ChaosCard[];
  readonly #courier: Courier;
  readonly #ledger: Ledger;
  readonly #shop: Shop;
  readonly #openHolds: OpenHold[] = [];
  /** Orders that it paid for alone, or holds money for. */
  readonly #orders: string[] = [];
  /** What comes before anything else. */
  readonly #plans: (() => Promise<void>)[] = [];
  /** What comes a while later, so that the servers have come further meanwhile. */
  readonly #later: (() => Promise<void>)[] = [];
  #lastPaid: string | undefined;
  #commands = 0;
  #newOrders = 0;

  constructor(home: number, cards: readonly ChaosCard[], courier: Courier, ledger: Ledger) {
    this.#home = home;
    this.#cards = cards;
    this.#courier = courier;
    this.#ledger = ledger;
    this.#shop = new Shop(this.#name, home, usd);
  }

  /** Goes on until the signal, and then until its last command has an answer and nothing is left that comes at once. */
  async run(until: AbortSignal): Promise<void> {
    while (!until.aborted || this.#plans.length > 0) {
      const planned = this.#plans.shift() ?? (chance(1 / LATER) ? this.#later.shift() : undefined);
      if (planned !== undefined) await planned();
      else if (chance(TALES)) await this.#tell(this.#tale());
      else await this.#carryOut(this.#intend());
    }
  }

  /** Does what was left for later. */
  async finish(): Promise<void> {
    for (;;) {
      const planned = this.#plans.shift() ?? this.#later.shift();
      if (planned === undefined) return;
      await planned();
    }
  }

  async #carryOut({ operation, input, note, refusable }: Intent): Promise<void> {
    this.#commands += 1;
    const command: ChaosCommand = { operation, key: `${this.#name}-${this.#commands}`, input };
    const sent = [this.#courier.deliver(command, this.#home)];
    if (chance(1 / TWIN_EVERY)) sent.push(this.#courier.deliver(command, this.#home + 1));
    const [verdict, twin] = (await Promise.all(sent)) as [Verdict, Verdict?];
    if (twin !== undefined) assert.deepEqual(twin, verdict, 'Two answers to one command.');
    this.#ledger.answered += 1;
    if (chance(1 / SAMPLE_EVERY)) this.#ledger.sample.push({ command, verdict });
    if ('accepted' in verdict) return note(verdict.accepted);
    this.#ledger.refused += 1;
    if (refusable !== undefined) assert.equal(verdict.refused.code, refusable, `${operation} was refused.`);
  }

  async #tell({ events, story }: Tale): Promise<void> {
    const homes = chance(1 / TWIN_TALE_EVERY) ? [this.#home, this.#home + 1] : [this.#home];
    const told = await Promise.all(homes.map((home) => this.#courier.tell(events, home)));
    const [answers, repeated] = [told.map(({ isNew }) => isNew), told.some((each) => each.repeated)];
    this.#ledger.events.told({ events, answers, repeated }, story);
    if (chance(1 / RETOLD_EVERY)) this.#plans.push(() => this.#tell({ events, story }));
  }

  #intend(): Intent {
    if (chance(freezesOn(this.#cards.length))) return this.#freeze();
    if (chance(voidsOn(this.#cards.length))) return this.#end();
    const dice = Math.random();
    if (dice < 0.4) return this.#redeem();
    if (dice < 0.52) return this.#hold(this.#newOrder(), this.#card());
    if (dice < 0.62) return this.#endHold() ?? this.#redeem();
    if (dice < 0.72) return this.#refund() ?? this.#redeem();
    if (dice < 0.86 && this.#cards.length > 1) return this.#transfer();
    return this.#reload();
  }

  #redeem(): Intent {
    if (!chance(0.15)) return this.#pay(this.#newOrder(), this.#card());
    return this.#pay(`shared-${whole(1, SHARED_ORDERS)}`, this.#card(), { amount: usd(100) });
  }

  #pay(orderId: string, { code }: ChaosCard, more: { amount?: object; purpose?: string } = {}): Intent {
    const input = { code, orderId, amount: usd(whole(1, 400)), ...more };
    return {
      operation: 'redeem',
      input,
      note: (answer) => {
        this.#redeemed(answer, orderId);
        if (!orderId.startsWith('shared-')) this.#remember(orderId);
      },
    };
  }

  #redeemed({ redemptionId, redeemedAmount, giftCard }: Answer, orderId: string): void {
    const cardId = String((giftCard as Answer)['id']);
    this.#lastPaid = String(redemptionId);
    this.#ledger.redeemed(this.#lastPaid, { minor: minorOf(redeemedAmount), cardId, orderId });
  }

  #hold(orderId: string, { id: cardId, code }: ChaosCard): Intent {
    const input = { code, orderId, amount: usd(whole(1, 400)) };
    return {
      operation: 'hold',
      input,
      note: ({ holdId, amount }) => {
        const hold = { id: String(holdId), payment: { minor: minorOf(amount), cardId, orderId } };
        this.#ledger.held(hold.id, hold.payment);
        this.#openHolds.push(hold);
        this.#remember(orderId);
      },
    };
  }

  #endHold(): Intent | undefined {
    const hold = this.#openHolds.pop();
    if (hold === undefined) return undefined;
    const { id: holdId } = hold;
    // Only who holds it ends it, unless its order is cancelled or its card voided.
    const refusable = 'gift_cards.hold_ended';
    if (chance(0.4)) {
      const note = (): void => this.#ledger.endedHold(holdId, 'released');
      return { operation: 'release-hold', input: { holdId }, note, refusable };
    }
    return {
      operation: 'capture',
      input: { holdId },
      note: (answer) => {
        this.#ledger.endedHold(holdId, 'captured');
        this.#redeemed(answer, hold.payment.orderId);
      },
      refusable,
    };
  }

  #refund(redemptionId = this.#ledger.anyRedemption()): Intent | undefined {
    if (redemptionId === undefined) return undefined;
    return {
      operation: 'refund-to-card',
      input: { redemptionId, ...(chance(0.5) && { amount: usd(whole(1, 100)) }) },
      note: ({ refundId, refundedAmount }) =>
        this.#ledger.refunded(String(refundId), { minor: minorOf(refundedAmount), redemptionId }),
    };
  }

  #transfer(): Intent {
    const [from, to] = [this.#card(), this.#card()];
    const source = chance(0.5) ? { fromCardId: from.id } : { fromCode: from.code };
    return {
      operation: 'transfer',
      input: { ...source, toCardId: to.id, amount: usd(whole(1, 400)), acceptEarlierExpiry: true },
      note: ({ transferId, amount }) => this.#ledger.transferred(String(transferId), from.id, to.id, minorOf(amount)),
    };
  }

  #reload(): Intent {
    const input = { cardId: this.#card().id, amount: usd(whole(1, 500)) };
    return { operation: 'reload', input, note: () => this.#ledger.reloaded(input.cardId, minorOf(input.amount)) };
  }

  /** Stops a card, and lets it go on as the very next command. */
  #freeze(): Intent {
    const card = this.#card();
    const thaw: Intent = {
      operation: 'unfreeze',
      input: { ...either(card), reason: 'Found again' },
      note: () => this.#ledger.unfroze(card.id),
      // Nobody else thaws it.
      refusable: 'gift_cards.voided_card',
    };
    return {
      operation: 'freeze',
      input: { ...either(card), reason: 'Reported lost' },
      note: () => {
        this.#ledger.froze(card.id);
        this.#plans.unshift(() => this.#carryOut(thaw));
      },
    };
  }

  /** Ends a card that pays first and holds money: what is refunded afterwards goes to the void account. */
  #end(): Intent {
    const [card, orderId] = [this.#card(), this.#newOrder()];
    const account = chance(0.3) ? 'breakage' : 'void';
    const end: Intent = {
      operation: 'void',
      input: { ...either(card), reason: 'Bought by mistake', account },
      note: () => this.#ledger.voids(card.id, account),
    };
    this.#plans.push(
      () => this.#carryOut(this.#hold(this.#newOrder(), card)),
      () => this.#carryOut(end),
      async () => {
        const refund = chance(0.5) ? this.#refund(this.#lastPaid) : undefined;
        if (refund !== undefined) return this.#carryOut(refund);
        await this.#tell(this.#shop.refund(orderId, [{ cardId: card.id, minor: whole(1, 400) }]));
      },
    );
    return this.#pay(orderId, card);
  }

  /** Something that another system has to say of its orders. */
  #tale(): Tale {
    const redemptionId = this.#ledger.anyRedemption();
    if (chance(0.15)) return this.#cancel();
    if (redemptionId === undefined || chance(0.3)) return this.#refundEarly();
    const { minor, cardId, orderId } = this.#ledger.redemption(redemptionId);
    // All of it, more than there is, or some.
    const amount = chance(0.3) ? minor : chance(0.3) ? minor + whole(1, 50) : whole(1, 100);
    const first = { cardId, minor: amount, ...(chance(0.5) && { redemptionId }) };
    // Another card may have paid for the same order, or never will.
    const second = { cardId: this.#card().id, minor: whole(1, 100) };
    return this.#shop.refund(orderId, chance(0.3) ? [first, second] : [first]);
  }

  /** A refund that comes before the payment, if that comes at all: the order may be cancelled first, or lack the money. */
  #refundEarly(): Tale {
    const [orderId, card] = [this.#newOrder(), this.#card()];
    if (chance(0.2)) this.#later.push(() => this.#tell(this.#shop.cancel(orderId)));
    const pay = chance(0.3) ? this.#hold(orderId, card) : this.#pay(orderId, card);
    (chance(0.8) ? this.#later : this.#plans).push(() => this.#carryOut(pay));
    return this.#shop.refund(orderId, [{ cardId: card.id, minor: whole(1, 300) }]);
  }

  /** The end of an order. Who pays all the same is refused or gets it back; a refund on top finds nothing left. */
  #cancel(): Tale {
    const orderId = this.#orders.splice(whole(0, this.#orders.length - 1), 1)[0] ?? this.#newOrder();
    const late = this.#pay(orderId, this.#card(), { purpose: 'late' });
    if (chance(0.5)) (chance(0.5) ? this.#later : this.#plans).push(() => this.#carryOut(late));
    const again = { cardId: this.#card().id, minor: whole(1, 100) };
    if (chance(0.3)) this.#later.push(() => this.#tell(this.#shop.refund(orderId, [again])));
    return this.#shop.cancel(orderId);
  }

  #remember(orderId: string): void {
    this.#orders.push(orderId);
    if (this.#orders.length > ORDERS_KEPT) this.#orders.shift();
  }

  #card(): ChaosCard {
    return this.#cards[whole(0, this.#cards.length - 1)] as ChaosCard;
  }

  #newOrder(): string {
    this.#newOrders += 1;
    return `order-${this.#name}-${this.#newOrders}`;
  }
}

/** A card as staff names it. */
const either = ({ id, code }: ChaosCard): object => (chance(0.5) ? { cardId: id } : { code });
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
