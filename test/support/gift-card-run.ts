import { expect } from 'chai';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { Scenario } from '../../src/contracts/gift-cards/scenario.ts';
import {
  pick,
  type AmountChoice,
  type AskChoice,
  type Command,
  type CommandOf,
  type LegChoice,
} from './gift-card-commands.ts';
import { compareWithModel } from './gift-card-compare.ts';
import { historySystem, MARK_UNITS, outcomeOf, type HistorySystem, type Outcome } from './gift-card-history.ts';
import { GiftCardModel, ModelRefusal, type ModelAmount, type ModelAsk } from './gift-card-model.ts';
import { holderOf, namingOf, staffNamingOf } from './gift-card-naming.ts';

const CURRENCIES = ['USD', 'JPY', 'KWD'] as const;
const DECIMALS: { readonly [currency: string]: number } = { USD: 2, JPY: 0, KWD: 3 };

type Given = { readonly amount: string; readonly currency: string };

/** Decimal text of minor units, made without the code under test. */
function given({ minor, currency }: ModelAmount): Given {
  const decimals = DECIMALS[currency] ?? 0;
  const digits = String(minor).padStart(decimals + 1, '0');
  const amount = decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  return { amount, currency };
}

const minorOf = ({ amount }: Given): number => Number(amount.replace('.', ''));

/** One history, run against the system and the model side by side. */
export class HistoryRun {
  readonly model = new GiftCardModel();
  readonly #system: HistorySystem;
  readonly #scenario: Scenario;
  readonly #unitMs: number;
  #refunds = 0;
  #repeat: () => Promise<void> = async () => undefined;

  constructor(site: GiftCardSite, unitMs: number) {
    this.#system = historySystem(site, unitMs);
    this.#scenario = new Scenario(site);
    this.#unitMs = unitMs;
  }

  async step(command: Command): Promise<void> {
    switch (command.do) {
      case 'tick':
        return this.#scenario.passTime(command.units * this.#unitMs);
      case 'sweep':
        return this.#sweep();
      case 'repeat':
        return this.#repeat();
      case 'refund order':
        return this.#refundOrder(`order-${command.order}`, command.legs);
      case 'cancel':
        return this.#cancel(`order-${command.order}`);
      case 'create':
        return this.#create(command);
      case 'capture':
      case 'release':
        return this.#onHold(command);
      case 'refund':
        return this.#refund(command.payment, command.amount);
      case 'transfer':
        return this.#transfer(command);
      default:
        return this.#onCard(command);
    }
  }

  /** Compares the system with the model, and where `books` says so its books with each other. */
  compare(books: boolean): Promise<void> {
    return compareWithModel(this.#system, this.model, books);
  }

  /**
   * Gives a command to the system, then to the model with the time of the system's decision, and compares. Repeated
   * with the same receipt, it has the same outcome and changes nothing.
   */
  async #both<Data>(
    send: (call: ReturnType<HistorySystem['call']>) => Promise<{ data: Data; replayed?: boolean | undefined }>,
    predict: (now: number, data: Data | undefined) => unknown,
    seen: (data: Data) => unknown,
  ): Promise<void> {
    const call = this.#system.call();
    const outcome = await outcomeOf(send(call));
    const now = this.#system.decisions.at(-1)?.now ?? 0;
    const data = 'data' in outcome ? outcome.data : undefined;
    let predicted: unknown;
    try {
      predicted = predict(now, data);
    } catch (error) {
      if (!(error instanceof ModelRefusal)) throw error;
      predicted = { refused: error.code };
    }
    const actual = 'data' in outcome ? seen(outcome.data) : { refused: outcome.refused };
    expect(actual, 'outcome').to.deep.equal(predicted);
    this.#repeat = async () => {
      const again: Outcome<Data> = await outcomeOf(send(call));
      expect(again, 'repeat').to.deep.equal('data' in outcome ? { ...outcome, replayed: true } : outcome);
    };
  }

  #create({ minor, currency: choice, lasts, holder: number }: CommandOf<'create'>): Promise<void> {
    const [currency, holder] = [CURRENCIES[choice] ?? 'USD', holderOf(number)];
    const amount = given({ minor, currency });
    let until = Infinity;
    return this.#both(
      async (call) => {
        if (lasts !== null && until === Infinity) until = await this.#in(lasts);
        const input = { amount, purchaserId: 'buyer', holderId: holder, deliver: 'answer' } as const;
        return this.#system.handlers.create({ ...input, expiresAt: isoOrNull(until) }, call);
      },
      (now, data) => {
        this.model.create(data?.id ?? '', { minor, currency }, { code: data?.code ?? '', holder, until }, now);
        return minor;
      },
      (data) => minorOf(data.currentBalance),
    );
  }

  #onCard(
    command: CommandOf<'redeem' | 'hold' | 'reissue' | 'void' | 'freeze' | 'unfreeze' | 'reload' | 'extend'>,
  ): Promise<void> {
    const cardId = pick([...this.model.cards.keys()], command.card);
    if (cardId === undefined) return Promise.resolve();
    if (command.do === 'redeem') return this.#redeem(cardId, command);
    if (command.do === 'hold') return this.#hold(cardId, command);
    return this.#onCardByStaff(cardId, command);
  }

  #redeem(cardId: string, command: CommandOf<'redeem'>): Promise<void> {
    const { by, what, ask, input } = this.#payment(cardId, command);
    return this.#both(
      (call) => this.#system.handlers.redeem(input, call),
      (now, data) => {
        const paid = this.model.redeem(data?.redemptionId ?? '', by, what, ask, now);
        return [paid.id, paid.amount];
      },
      (data) => [data.redemptionId, minorOf(data.redeemedAmount)],
    );
  }

  #hold(cardId: string, command: CommandOf<'hold'>): Promise<void> {
    const { by, what, ask, input } = this.#payment(cardId, command);
    const lastsMs = command.lasts * this.#unitMs;
    return this.#both(
      (call) => this.#system.handlers.hold({ ...input, expiresInSeconds: lastsMs / 1000 }, call),
      (now, data) => {
        const held = this.model.hold(data?.holdId ?? '', by, what, { ...ask, until: now + lastsMs }, now);
        return [held === this.model.holds.get(data?.holdId ?? ''), held.amount, held.until];
      },
      (data) => [true, minorOf(data.amount), Date.parse(data.expiresAt)],
    );
  }

  /** A payment as the model has it, and the input of the use cases that says the same. */
  #payment(cardId: string, command: CommandOf<'redeem' | 'hold'>) {
    const by = namingOf(this.model, cardId, command.card, command.by);
    const what = { order: `order-${command.order}`, purpose: `purpose-${command.purpose}` };
    const ask = this.#ask(command.ask, cardId);
    const { amount, total } = ask;
    const input = {
      ...{ code: by.code, cardId: by.card, holderId: by.holder, orderId: what.order, purpose: what.purpose },
      ...{ amount: amount && given(amount), orderTotal: total && given(total) },
    };
    return { by, what, ask, input };
  }

  /** Repeats are compared whole: they tell the same new code again. */
  #reissue(cardId: string): Promise<void> {
    const input = { cardId, reason: 'reason', deliver: 'answer' } as const;
    return this.#both(
      (call) => this.#system.handlers.reissueCode(input, call),
      (_now, data) => {
        const code = data?.code ?? '';
        this.model.reissue(cardId, code);
        return [cardId, code.slice(-4)];
      },
      ({ id, lastFour }) => [id, lastFour],
    );
  }

  #onCardByStaff(
    cardId: string,
    command: CommandOf<'reissue' | 'void' | 'freeze' | 'unfreeze' | 'reload' | 'extend'>,
  ): Promise<void> {
    const { handlers } = this.#system;
    const reason = 'reason';
    const seen = (card: { currentBalance: Given }) => minorOf(card.currentBalance);
    const balance = () => this.model.card(cardId).balance;
    const staff = (change: (now: number) => void) => (now: number) => {
      change(now);
      return balance();
    };
    switch (command.do) {
      case 'reissue':
        return this.#reissue(cardId);
      case 'void':
        return this.#both(
          (call) => handlers.void({ cardId, reason, account: 'void' }, call),
          (now) => this.model.void(cardId, now) ?? true,
          (data) => data,
        );
      case 'freeze': {
        const predict = staff((now) => this.model.freeze(cardId, now));
        return this.#both((call) => handlers.freeze({ cardId, reason }, call), predict, seen);
      }
      case 'unfreeze': {
        const predict = staff(() => this.model.unfreeze(cardId));
        return this.#both((call) => handlers.unfreeze({ cardId, reason }, call), predict, seen);
      }
      case 'reload': {
        const amount = this.#amount(command.amount, cardId, 50) ?? {
          minor: 1,
          currency: this.model.card(cardId).currency,
        };
        const predict = staff((now) => this.model.reload(cardId, amount, now));
        return this.#both((call) => handlers.reload({ cardId, amount: given(amount) }, call), predict, seen);
      }
      case 'extend': {
        let until = Infinity;
        return this.#both(
          async (call) => {
            if (command.lasts !== null && until === Infinity) until = await this.#in(command.lasts);
            return handlers.extendExpiry({ cardId, reason, expiresAt: isoOrNull(until) }, call);
          },
          staff((now) => this.model.extend(cardId, until, now)),
          seen,
        );
      }
    }
  }

  #onHold(command: CommandOf<'capture' | 'release'>): Promise<void> {
    const holdId = pick([...this.model.holds.keys()], command.hold);
    const hold = holdId === undefined ? undefined : this.model.holds.get(holdId);
    if (holdId === undefined || hold === undefined) return Promise.resolve();
    const { handlers } = this.#system;
    if (command.do === 'release') {
      return this.#both(
        (call) => handlers.releaseHold({ holdId }, call),
        () => {
          this.model.release(holdId);
          return [hold.amount, this.model.card(hold.card).balance];
        },
        (data) => [minorOf(data.amount), minorOf(data.remainingBalance)],
      );
    }
    const amount = this.#amount(command.amount, hold.card, hold.amount);
    return this.#both(
      (call) => handlers.capture({ holdId, ...optional(amount) }, call),
      (now, data) => {
        const paid = this.model.capture(holdId, data?.redemptionId ?? '', amount, now);
        return [paid.id, paid.amount];
      },
      (data) => [data.redemptionId, minorOf(data.redeemedAmount)],
    );
  }

  #refund(number: number, choice: AmountChoice): Promise<void> {
    const payment = pick(this.model.payments, number);
    if (payment === undefined) return Promise.resolve();
    const amount = this.#amount(choice, payment.card, payment.amount - payment.refunded);
    return this.#both(
      (call) => this.#system.handlers.refundToCard({ redemptionId: payment.id, ...optional(amount) }, call),
      (now) => [this.model.refund(payment.id, amount, now), this.model.card(payment.card).balance],
      (data) => [minorOf(data.refundedAmount), minorOf(data.newBalance)],
    );
  }

  #transfer(command: CommandOf<'transfer'>): Promise<void> {
    const ids = [...this.model.cards.keys()];
    const [fromId = '', toId = ''] = [pick(ids, command.from), pick(ids, command.to)];
    if (fromId === '') return Promise.resolve();
    const { balance, currency } = this.model.card(fromId);
    const amount = this.#amount(command.amount, fromId, balance) ?? { minor: 1, currency };
    const from = staffNamingOf(this.model, fromId, command.from, command.fromBy);
    const to = staffNamingOf(this.model, toId, command.to, command.toBy);
    const input = {
      ...{ fromCardId: from.card, fromCode: from.code, toCardId: to.card, toCode: to.code },
      ...{ amount: given(amount), acceptEarlierExpiry: command.agreed },
    };
    return this.#both(
      (call) => this.#system.handlers.transfer(input, call),
      (now) => {
        this.model.transfer(from, to, amount, command.agreed, now);
        return [this.model.card(fromId).balance, this.model.card(toId).balance];
      },
      (data) => [minorOf(data.fromBalance), minorOf(data.toBalance)],
    );
  }

  /** Events come more than once; the model takes them in again as well. */
  async #refundOrder(order: string, choices: readonly LegChoice[]): Promise<void> {
    if (this.model.cards.size === 0) return;
    // In the order in which they came, also where two came at the same instant.
    const refundId = `refund-${String((this.#refunds += 1)).padStart(4, '0')}`;
    const ofOrder = this.model.payments.filter((payment) => payment.order === order);
    const legs = choices.map(({ names, number, minor, rightCurrency }) => {
      const payment = names === 'payment' ? (pick(ofOrder, number) ?? pick(this.model.payments, number)) : undefined;
      const card = payment?.card ?? pick([...this.model.cards.keys()], number) ?? '';
      const { currency } = this.model.card(card);
      const amount = { minor, currency: rightCurrency ? currency : another(currency) };
      return { amount, target: payment === undefined ? { card } : { payment: payment.id } };
    });
    const data = legs.map(({ amount, target }) => ({
      ...('card' in target ? { cardId: target.card } : { redemptionId: target.payment }),
      amount: given(amount),
    }));
    this.#repeat = async () => {
      await this.#system.receive('order.refunded', { orderId: order, refundId, legs: data });
      for (const [index, { amount, target }] of legs.entries()) {
        const leg = { order, ...target, currency: amount.currency, waiting: amount.minor };
        this.model.receiveLeg(`${refundId}#${index}`, leg);
      }
      this.model.settleOrder(order, this.#system.decisions.at(-1)?.now ?? 0);
    };
    return this.#repeat();
  }

  async #cancel(order: string): Promise<void> {
    this.#repeat = async () => {
      await this.#system.receive('order.cancelled', { orderId: order });
      this.model.cancel(order, MARK_UNITS * this.#unitMs, this.#system.decisions.at(-1)?.now ?? 0);
    };
    return this.#repeat();
  }

  async #sweep(): Promise<void> {
    const { decisions, site } = this.#system;
    const before = (await site.reader.now()).getTime();
    const due = [...this.model.cards.keys()].filter((id) => this.model.isDue(id, before));
    const from = decisions.length;
    await this.#system.sweep();
    const visits = decisions.slice(from);
    for (const { cardIds, now } of visits) {
      for (const id of cardIds) if (!this.model.expire(id, now)) this.model.bookBack(id, now);
    }
    expect(visits.flatMap(({ cardIds }) => cardIds)).to.include.members(due);
  }

  /** Milliseconds since 1970, so many units from now. */
  async #in(units: number): Promise<number> {
    return (await this.#system.site.reader.now()).getTime() + units * this.#unitMs;
  }

  #ask({ amount, total }: AskChoice, cardId: string): ModelAsk {
    const all = this.model.card(cardId).balance;
    return { amount: this.#amount(amount, cardId, all), total: this.#amount(total, cardId, all) };
  }

  #amount(choice: AmountChoice, cardId: string, all: number): ModelAmount | undefined {
    const { currency } = this.model.card(cardId);
    switch (choice.kind) {
      case 'left out':
        return undefined;
      case 'exact':
        return { minor: choice.minor, currency };
      case 'all and':
        return { minor: Math.max(1, all + choice.minor), currency };
      case 'of another currency':
        return { minor: 1, currency: another(currency) };
    }
  }
}

const another = (currency: string): string => (currency === 'USD' ? 'JPY' : 'USD');
const isoOrNull = (until: number): string | null => (until === Infinity ? null : new Date(until).toISOString());
const optional = (amount: ModelAmount | undefined): { readonly amount?: Given } =>
  amount === undefined ? {} : { amount: given(amount) };
