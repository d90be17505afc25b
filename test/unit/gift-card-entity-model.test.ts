import { expect } from 'chai';
import fc from 'fast-check';
import type { Moment } from '../../src/domain/gift-cards/card-state.ts';
import { GiftCard } from '../../src/domain/gift-cards/gift-card.ts';
import { applyLegs, legsOfCard, refundableMinor } from '../../src/domain/gift-cards/order-refunds.ts';
import type { RefundLeg } from '../../src/domain/gift-cards/records.ts';
import { Money } from '../../src/domain/shared/money.ts';
import {
  histories,
  pick,
  type AmountChoice,
  type Command,
  type CommandOf,
  type LegChoice,
} from '../support/gift-card-commands.ts';
import { another, withDueExpiry, dateOrNull, EntityBooks, money, same } from '../support/gift-card-entity.ts';
import { ModelRefusal, type ModelAmount } from '../support/gift-card-model.ts';
import { holderOf, namingOf } from '../support/gift-card-naming.ts';

const UNIT_MS = 3_600_000;
const CURRENCIES = ['USD', 'JPY', 'KWD'] as const;
const inCi = process.env['CI'] !== undefined;
const seed = Number(process.env['PROPERTY_SEED'] ?? Date.now() % 2 ** 31);

type EntityCommand = Exclude<Command, CommandOf<'repeat'>>;

const isEntityCommand = (command: Command): command is EntityCommand => command.do !== 'repeat';
/** All histories, without what is the application's alone: repeats. In the end everything is over that is ever to be. */
const entityHistories = histories.map((commands): readonly EntityCommand[] => {
  return [...commands.filter(isEntityCommand), { do: 'tick', units: 16 }, { do: 'sweep' }];
});

/**
 * Carries out a history by the entity's methods. What the application adds is left out: the same payment once more is
 * refused rather than answered again, refunds of orders that find no payment are dropped, cancelled orders aren't marked.
 * Totals of orders aren't looked at, and transfers name cards by id. Which card a code finds is a map's to know here.
 */
class EntityRun extends EntityBooks {
  step(command: EntityCommand): void {
    switch (command.do) {
      case 'tick':
        this.now += command.units * UNIT_MS;
        return;
      case 'sweep':
        return [...this.cards.keys()].forEach((id) => this.#sweep(id));
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
        return this.#refund(command);
      case 'transfer':
        return this.#transfer(command);
      default:
        return this.#onCard(command);
    }
  }

  #create({ minor, currency: choice, lasts, holder: number }: CommandOf<'create'>): void {
    const [id, currency] = [this.newId(), CURRENCIES[choice] ?? 'USD'];
    const [until, holder] = [this.#in(lasts), holderOf(number)];
    const of = { ...this.#newCode(), purchaserId: 'buyer', holderId: holder ?? null };
    const issue = { id, ...of, amount: money({ minor, currency }), expiresAt: dateOrNull(until) };
    this.both('create', {
      predict: (now) => this.model.create(id, { minor, currency }, { code: of.codeIndex, holder, until }, now),
      act: (at) => GiftCard.issue({ ...issue, fundedBy: 'sales' }, at),
    });
  }

  #newCode() {
    return { codeIndex: `code of ${this.newId()}`, pepperId: 'pepper', prefix: 'GIFT', lastFour: 'W3QZ' };
  }

  #onCard(
    command: CommandOf<'redeem' | 'hold' | 'reissue' | 'void' | 'freeze' | 'unfreeze' | 'reload' | 'extend'>,
  ): void {
    const { model } = this;
    const id = pick([...this.cards.keys()], command.card);
    if (id === undefined) return;
    const card = () => this.card(id);
    const by = { adminId: 'admin', reason: 'reason', account: 'void' } as const;
    switch (command.do) {
      case 'redeem':
      case 'hold':
        return this.#pay(id, command);
      case 'reissue': {
        const code = this.#newCode();
        const act = (at: Moment) => card().reissueCode(code, 'reason', at);
        return this.both('reissue', { predict: () => model.reissue(id, code.codeIndex), act });
      }
      case 'void':
        return this.both('void', {
          predict: (now) => model.void(id, now),
          act: (at) => withDueExpiry(card(), at).void(by, at),
        });
      case 'freeze': {
        const act = (at: Moment) => card().freeze('reason', at);
        return this.both('freeze', { predict: (now) => model.freeze(id, now), act });
      }
      case 'unfreeze':
        return this.both('unfreeze', { predict: () => model.unfreeze(id), act: (at) => card().unfreeze('reason', at) });
      case 'reload': {
        const [reloadId, amount] = [this.newId(), this.#amount(command.amount, id, 50)];
        const act = (at: Moment) => card().reload(money(amount), reloadId, at);
        return this.both('reload', { predict: (now) => model.reload(id, amount, now), act });
      }
      case 'extend': {
        const until = this.#in(command.lasts);
        const act = (at: Moment) => card().extendExpiry(dateOrNull(until), 'reason', at);
        return this.both('extend', { predict: (now) => model.extend(id, until, now), act });
      }
    }
  }

  /** Where the application would answer an earlier payment again, the entity is told of it and refuses. */
  #pay(cardId: string, command: CommandOf<'redeem' | 'hold'>): void {
    const id = this.newId();
    const [orderId, purpose] = [`order-${command.order}`, `purpose-${command.purpose}`];
    const by = namingOf(this.model, cardId, command.card, command.by);
    const what = { order: orderId, purpose };
    const amount = this.#unlessLeftOut(command.ask.amount, cardId, this.model.card(cardId).balance);
    const until = command.do === 'hold' ? this.#in(command.lasts) : Infinity;
    this.both(command.do, {
      predict: (now) => {
        if (command.do === 'redeem') this.model.redeem(id, by, what, { amount }, now);
        else this.model.hold(id, by, what, { amount, until }, now);
        const isNew = this.model.holds.has(id) || this.model.payments.at(-1)?.id === id;
        if (!isNew) throw new ModelRefusal('redemption_conflict');
      },
      act: (at) => {
        const card = this.named(by);
        card.requireHolder(by.holder);
        const held = card.openHold(orderId, purpose);
        const paid = this.paidBy(card.id, orderId).find((payment) => payment.purpose === purpose);
        const earlier = paid ?? (held !== undefined && held.expiresAt > at.now ? held : undefined);
        const due = amount === undefined ? card.available(at.now) : money(amount);
        const payment = { id, orderId, purpose, amount: due, earlier };
        return command.do === 'redeem' ? card.redeem(payment, at) : card.hold(payment, new Date(until), at);
      },
    });
  }

  /** How a hold ended is the application's to know: for the card it is gone. */
  #onHold(command: CommandOf<'capture' | 'release'>): void {
    const id = this.newId();
    const [holdId, hold] = pick([...this.model.holds], command.hold) ?? [];
    if (holdId === undefined || hold === undefined) return;
    const amount = command.do === 'capture' && this.#unlessLeftOut(command.amount, hold.card, hold.amount);
    this.both(command.do, {
      predict: (now) => {
        if (hold.state !== 'open') throw new ModelRefusal('hold_not_found');
        if (amount === false) this.model.release(holdId);
        else this.model.capture(holdId, id, amount, now);
      },
      act: (at) => {
        const card = this.card(hold.card);
        return amount === false ? card.release(holdId, at) : card.capture(holdId, id, amount && money(amount), at);
      },
    });
  }

  /** With nothing left, all of it is no amount: one unit is refused for the same reason. */
  #refund({ payment, amount: choice }: CommandOf<'refund'>): void {
    const paid = pick([...this.redemptions.values()], payment);
    if (paid === undefined) return;
    const refundId = this.newId();
    const amount = this.#amount(choice, paid.cardId, Number(refundableMinor(paid)));
    this.both('refund', {
      predict: (now) => this.model.refund(paid.id, amount, now),
      act: (at) => withDueExpiry(this.card(paid.cardId), at).refund(paid, refundId, money(amount), at),
    });
  }

  /** To one of the other cards: that a card is not the other is the application's to see. */
  #transfer({ from, to, amount: choice, agreed }: CommandOf<'transfer'>): void {
    const ids = [...this.cards.keys()];
    const [fromId = ''] = ids.splice(from % Math.max(1, ids.length), 1);
    const toId = pick(ids, to);
    if (toId === undefined) return;
    const transferId = this.newId();
    const amount = this.#amount(choice, fromId, this.model.card(fromId).balance);
    this.both('transfer', {
      predict: (now) => this.model.transfer({ card: fromId }, { card: toId }, amount, agreed, now),
      act: (at) => {
        const [payer, payee] = [this.card(fromId), this.card(toId)];
        const paid = payer.transferOut(transferId, toId, money(amount), at);
        return [paid, payee.transferIn(transferId, payer, money(amount), agreed, at)];
      },
    });
  }

  /** Gives the legs of a refund what the cards' payments for the order allow, and forgets the rest. */
  #refundOrder(order: string, choices: readonly LegChoice[]): void {
    const refundId = this.newId();
    const legs = choices.map((choice, leg) => this.#leg(choice, { orderId: order, refundId, leg }));
    let expected: readonly number[] = [];
    let parked: number[] = [];
    this.both('refund order', {
      predict: (now) => {
        for (const { leg, currency, amountMinor, cardId, redemptionId } of legs) {
          const target = redemptionId === null ? { card: cardId ?? '' } : { payment: redemptionId };
          this.model.receiveLeg(`${leg}`, { order, ...target, currency, waiting: Number(amountMinor) });
        }
        this.model.settleOrder(order, now);
        expected = [...this.model.legs.values()].map(({ waiting }) => waiting);
        this.model.legs.clear();
      },
      act: (at) => {
        parked = legs.map(({ amountMinor }) => Number(amountMinor));
        return [...this.cards.keys()].flatMap((cardId) => {
          const paid = this.paidBy(cardId, order);
          const card = withDueExpiry(this.card(cardId), at);
          const applied = applyLegs(card, paid, legsOfCard(legs, cardId, paid), at);
          for (const { leg, parkedMinor } of applied.legs) parked[leg] = Number(parkedMinor);
          return applied.legs.length > 0 ? [applied.card] : [];
        });
      },
    });
    same(parked, expected, 'what found no payment');
  }

  #leg({ names, number, minor, rightCurrency }: LegChoice, of: Pick<RefundLeg, 'orderId' | 'refundId' | 'leg'>) {
    const all = [...this.redemptions.values()];
    const ofOrder = all.filter(({ orderId }) => orderId === of.orderId);
    const paid = names === 'payment' ? (pick(ofOrder, number) ?? pick(all, number)) : undefined;
    const card = this.card(paid?.cardId ?? pick([...this.cards.keys()], number) ?? '');
    const target =
      paid === undefined ? { cardId: card.id, redemptionId: null } : { cardId: null, redemptionId: paid.id };
    const currency = rightCurrency ? card.currency : another(card.currency);
    const amounts = { currency, amountMinor: BigInt(minor), parkedMinor: BigInt(minor), closed: false };
    return { ...of, ...target, ...amounts, receivedAt: new Date(this.now) };
  }

  /** Undoes what cards paid and hold for an order. */
  #cancel(order: string): void {
    const undo = (cardId: string, at: Moment): GiftCard => {
      const released = this.card(cardId).releaseOrder(order, at);
      const paid = this.paidBy(cardId, order).filter((payment) => refundableMinor(payment) > 0n);
      let card = paid.length === 0 ? released : withDueExpiry(released, at);
      for (const payment of paid) {
        card = card.refund(payment, 'cancel', Money.ofMinor(refundableMinor(payment), payment.currency), at);
      }
      return card;
    };
    this.both('cancel', {
      predict: (now) => this.model.cancel(order, 0, now),
      act: (at) => [...this.cards.keys()].map((cardId) => undo(cardId, at)),
    });
  }

  /** Books what is due of one card. */
  #sweep(id: string): void {
    let due: boolean;
    this.both('sweep', {
      predict: (now) => {
        due = this.model.expire(id, now);
        if (!due) this.model.bookBack(id, now);
      },
      act: (at) => {
        const card = this.card(id);
        const expired = card.expire('breakage', at);
        same(expired !== undefined, due, 'expiry is due');
        const over = card.toSnapshot().openHolds.filter(({ expiresAt }) => expiresAt <= at.now);
        return expired ?? over.reduce((next, hold) => next.release(hold.id, at), card);
      },
    });
  }

  /** Milliseconds since 1970, so many units from now. */
  #in(units: number | null): number {
    return units === null ? Infinity : this.now + units * UNIT_MS;
  }

  #unlessLeftOut(choice: AmountChoice, cardId: string, all: number): ModelAmount | undefined {
    return choice.kind === 'left out' ? undefined : this.#amount(choice, cardId, all);
  }

  /** Left out, it is all that there is. */
  #amount(choice: AmountChoice, cardId: string, all: number): ModelAmount {
    const { currency } = this.model.card(cardId);
    if (choice.kind === 'of another currency') return { minor: 1, currency: another(currency) };
    if (choice.kind === 'exact') return { minor: choice.minor, currency };
    return { minor: Math.max(1, choice.kind === 'left out' ? all : all + choice.minor), currency };
  }
}

const carriedOn = (card: GiftCard): GiftCard => card;
const restored = (card: GiftCard): GiftCard => GiftCard.restore(card.toSnapshot());

describe('Random histories of the gift card by itself', () => {
  before(() => console.log(`    PROPERTY_SEED=${seed}`));

  it('end as in the model, by cards that carry on and by cards restored before each command', function () {
    this.timeout(300_000);
    const outcomes = new Set<string>();
    const property = fc.property(entityHistories, (commands) => {
      const [carrying, restoring] = [new EntityRun(carriedOn), new EntityRun(restored)];
      for (const command of commands) {
        for (const run of [carrying, restoring]) {
          run.step(command);
          run.compare();
        }
        for (const [id, card] of carrying.cards) same(restoring.cards.get(id)?.toSnapshot(), card.toSnapshot(), 'card');
      }
      for (const run of [carrying, restoring]) run.audit();
      same(restoring.entries, carrying.entries, 'entries of restored cards');
      same(restoring.events, carrying.events, 'events of restored cards');
      same([...restoring.holds], [...carrying.holds], 'holds of restored cards');
      same([...restoring.redemptions], [...carrying.redemptions], 'payments by restored cards');
      // A card that was never restored has its whole journal in its changes.
      const entriesOf = (id: string) => carrying.entries.filter(({ cardId }) => cardId === id);
      for (const [id, { changes }] of carrying.cards) same(changes.entries, entriesOf(id), 'changes');
      for (const outcome of carrying.outcomes) outcomes.add(outcome);
    });
    fc.assert(property, { seed, numRuns: inCi ? 10_000 : 500 });
    // Few histories may miss some: accepted commands of all kinds, and refusals of each for nearly every reason.
    if (inCi) expect(outcomes.size, 'different outcomes').to.be.above(50);
  });
});
