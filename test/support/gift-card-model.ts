/** What the model says instead of changing anything: the code of the error that is due. */
export class ModelRefusal extends Error {
  readonly code: string;

  constructor(reason: string) {
    super(reason);
    this.code = reason.includes('.') ? reason : `gift_cards.${reason}`;
  }
}

interface ModelCard {
  /** Whose it is, where it is bound to somebody. */
  readonly holder: string | undefined;
  /** The code that works; there is never another. */
  code: string;
  readonly currency: string;
  readonly original: number;
  balance: number;
  /** Milliseconds since 1970; infinite for a card that never expires. */
  until: number;
  /** What came back after the expiry, and stays when that is booked. */
  kept: number;
  booked: boolean;
  frozen: boolean;
  voided: boolean;
}

interface ModelHold {
  readonly card: string;
  readonly order: string;
  readonly purpose: string;
  readonly amount: number;
  readonly until: number;
  state: 'open' | 'captured' | 'gone';
}

interface ModelPayment {
  readonly id: string;
  readonly card: string;
  readonly order: string;
  readonly purpose: string;
  readonly amount: number;
  refunded: number;
}

export interface ModelLeg {
  readonly order: string;
  readonly card?: string;
  readonly payment?: string;
  readonly currency: string;
  waiting: number;
  /** Whether the order was cancelled, so that what waits waits for ever. */
  closed?: boolean;
}

/** An amount in minor units, small enough for a number. */
export interface ModelAmount {
  readonly minor: number;
  readonly currency: string;
}

/** How a card is named: by its code, or else by its id; and the holder who is named with it. */
export interface ModelNaming {
  readonly code?: string | undefined;
  readonly card?: string | undefined;
  readonly holder?: string | undefined;
}

/** What a payment or a hold is for. */
export interface ModelPurpose {
  readonly order: string;
  readonly purpose: string;
}

interface ModelPayer extends ModelPurpose {
  readonly card: string;
}

/** What a payment asks for: an amount, or all that there is up to the order's total. */
export interface ModelAsk {
  readonly amount?: ModelAmount | undefined;
  readonly total?: ModelAmount | undefined;
}

/** What a card is issued with. */
export interface ModelIssue {
  readonly code: string;
  readonly holder: string | undefined;
  readonly until: number;
}

/**
 * The rules of gift cards once more, told as naively as possible: plain numbers that are changed in place, no journal,
 * no events, no versions. Every method checks, then changes; ids and the time come from what the system did.
 */
export class GiftCardModel {
  readonly cards = new Map<string, ModelCard>();
  readonly holds = new Map<string, ModelHold>();
  readonly payments: ModelPayment[] = [];
  readonly legs = new Map<string, ModelLeg>();
  /** Codes that were replaced. */
  readonly dead: string[] = [];
  /** Until when payments for a cancelled order are refused. */
  readonly cancelled = new Map<string, number>();

  create(id: string, { minor, currency }: ModelAmount, issue: ModelIssue, now: number): void {
    if (issue.until <= now) throw new ModelRefusal('invalid_expiry');
    const flags = { kept: 0, booked: false, frozen: false, voided: false };
    this.cards.set(id, { ...issue, currency, original: minor, balance: minor, ...flags });
  }

  /** Returns the payment, which may be an earlier one. */
  redeem(id: string, by: ModelNaming, purpose: ModelPurpose, ask: ModelAsk, now: number): ModelPayment {
    this.#checkOrder(purpose.order, now);
    const what = { ...purpose, card: this.#payer(by) };
    const earlier = this.#paid(what);
    if (earlier) return this.#same(earlier, ask.amount);
    if (this.#held(what, now)) throw new ModelRefusal('redemption_conflict');
    const taken = this.#take(what.card, this.#due(what.card, ask, now), now);
    return this.#pay(id, what, taken, now);
  }

  /** Returns the hold, which may be an earlier one. */
  hold(
    id: string,
    by: ModelNaming,
    purpose: ModelPurpose,
    ask: ModelAsk & { readonly until: number },
    now: number,
  ): ModelHold {
    this.#checkOrder(purpose.order, now);
    const what = { ...purpose, card: this.#payer(by) };
    const earlier = this.#held(what, now);
    if (earlier) return this.#same(earlier, ask.amount);
    if (this.#paid(what)) throw new ModelRefusal('redemption_conflict');
    const amount = this.#take(what.card, this.#due(what.card, ask, now), now);
    const hold: ModelHold = { ...what, amount, until: ask.until, state: 'open' };
    this.holds.set(id, hold);
    return hold;
  }

  capture(holdId: string, id: string, amount: ModelAmount | undefined, now: number): ModelPayment {
    const hold = this.#hold(holdId);
    const card = this.card(hold.card);
    if (hold.state === 'captured') {
      const first = this.#paid(hold) as ModelPayment;
      return this.#same(first, amount ?? { minor: hold.amount, currency: card.currency });
    }
    if (hold.state === 'gone' || hold.until <= now) throw new ModelRefusal('hold_ended');
    const { minor, currency } = amount ?? { minor: hold.amount, currency: card.currency };
    if (currency !== card.currency) throw new ModelRefusal('money.currency_mismatch');
    if (minor > hold.amount) throw new ModelRefusal('capture_exceeds_hold');
    hold.state = 'captured';
    card.balance += hold.amount - minor;
    return this.#pay(id, hold, minor, now);
  }

  release(holdId: string): void {
    const hold = this.#hold(holdId);
    if (hold.state !== 'open') throw new ModelRefusal('hold_ended');
    this.#giveBack(hold);
  }

  /** Returns how much came back. */
  refund(paymentId: string, amount: ModelAmount | undefined, now: number): number {
    const payment = this.payments.find(({ id }) => id === paymentId) as ModelPayment;
    const card = this.card(payment.card);
    const left = payment.amount - payment.refunded;
    const { minor, currency } = amount ?? { minor: left, currency: card.currency };
    if (amount === undefined && left === 0) throw new ModelRefusal('refund_exceeds_redemption');
    if (currency !== card.currency) throw new ModelRefusal('money.currency_mismatch');
    if (minor > left) throw new ModelRefusal('refund_exceeds_redemption');
    this.expire(payment.card, now);
    this.#refund(payment, minor, now);
    return minor;
  }

  /** Staff moves the money of bound cards too, but by id: by its code nobody does. */
  transfer(payer: ModelNaming, payee: ModelNaming, amount: ModelAmount, agreed: boolean, now: number): void {
    const fromId = payer.code === undefined ? this.#named(payer) : this.#payer(payer);
    this.#checkFunds(fromId, amount, now);
    const toId = this.#named(payee);
    const [from, to] = [this.card(fromId), this.card(toId)];
    if (fromId === toId) throw new ModelRefusal('transfer_to_same_card');
    this.#checkUsable(to, now);
    if (to.currency !== amount.currency) throw new ModelRefusal('money.currency_mismatch');
    const hasMoney = to.balance > 0 || this.#openHolds(toId).length > 0;
    if (from.until < to.until && hasMoney && !agreed) throw new ModelRefusal('transfer_shortens_expiry');
    this.#take(fromId, amount, now);
    to.balance += amount.minor;
    to.until = Math.min(from.until, to.until);
  }

  void(id: string, now: number): void {
    const card = this.card(id);
    if (card.voided) throw new ModelRefusal('voided_card');
    this.expire(id, now);
    for (const hold of this.#openHolds(id)) this.#giveBack(hold);
    card.balance = 0;
    card.voided = true;
  }

  freeze(id: string, now: number): void {
    this.#checkUsable(this.card(id), now);
    this.card(id).frozen = true;
  }

  unfreeze(id: string): void {
    if (this.card(id).voided) throw new ModelRefusal('voided_card');
    if (!this.card(id).frozen) throw new ModelRefusal('card_not_frozen');
    this.card(id).frozen = false;
  }

  /** From now on this code works and the one before doesn't, whatever state the card is in. */
  reissue(id: string, code: string): void {
    const card = this.card(id);
    if (card.voided) throw new ModelRefusal('voided_card');
    this.dead.push(card.code);
    card.code = code;
  }

  reload(id: string, { minor, currency }: ModelAmount, now: number): void {
    const card = this.card(id);
    this.#checkUsable(card, now);
    if (card.currency !== currency) throw new ModelRefusal('money.currency_mismatch');
    card.balance += minor;
  }

  extend(id: string, until: number, now: number): void {
    const card = this.card(id);
    if (card.voided) throw new ModelRefusal('voided_card');
    if (card.booked) throw new ModelRefusal('expiry_booked');
    if (until !== Infinity && until <= Math.max(card.until, now)) throw new ModelRefusal('invalid_expiry');
    card.until = until;
    card.kept = 0;
  }

  /** Takes a leg in once, whatever comes of it. */
  receiveLeg(key: string, leg: ModelLeg): void {
    if (!this.legs.has(key)) this.legs.set(key, { ...leg });
  }

  /** Gives all legs of an order what they can get. */
  settleOrder(order: string, now: number): void {
    const paying = new Set(this.payments.filter((payment) => payment.order === order).map(({ card }) => card));
    for (const card of paying) {
      const movable = this.#waiting(order, card).some(({ currency }) => currency === this.card(card).currency);
      const refundable = this.#paymentsOf(order, card).some(({ amount, refunded }) => refunded < amount);
      if (movable && refundable) this.#settle(order, card, now);
    }
    if ((this.cancelled.get(order) ?? 0) > now) this.#closeLegs(order);
  }

  cancel(order: string, markMs: number, now: number): void {
    const payments = this.payments.filter((payment) => payment.order === order && payment.refunded < payment.amount);
    for (const hold of this.holds.values()) if (hold.order === order && hold.state === 'open') this.#giveBack(hold);
    for (const card of new Set(payments.map((payment) => payment.card))) this.expire(card, now);
    for (const payment of payments) this.#refund(payment, payment.amount - payment.refunded, now);
    this.#closeLegs(order);
    if ((this.cancelled.get(order) ?? 0) <= now) this.cancelled.set(order, now + markMs);
  }

  /** Books the expiry; false where it isn't due, was booked before, or waits for a hold. */
  expire(id: string, now: number): boolean {
    const card = this.card(id);
    const waits = this.#openHolds(id).some(({ until }) => until > now);
    if (card.voided || card.booked || card.until > now || waits) return false;
    this.bookBack(id, now);
    card.balance = card.kept;
    card.booked = true;
    return true;
  }

  /** Gives back what holds had reserved whose time is over. */
  bookBack(id: string, now: number): void {
    for (const hold of this.#openHolds(id)) if (hold.until <= now) this.#giveBack(hold);
  }

  /** Whether a sweep has to do something about the card. */
  isDue(id: string, now: number): boolean {
    const holds = this.#openHolds(id);
    const { until, booked, voided } = this.card(id);
    if (holds.some((hold) => hold.until <= now)) return true;
    return holds.length === 0 && until <= now && !booked && !voided;
  }

  card(id: string): ModelCard {
    const card = this.cards.get(id);
    if (card === undefined) throw new ModelRefusal('card_not_found');
    return card;
  }

  available(id: string, now: number): number {
    const over = this.#openHolds(id).filter(({ until }) => until <= now);
    return over.reduce((sum, { amount }) => sum + amount, this.card(id).balance);
  }

  status(id: string, now: number): string {
    const { voided, booked, until, frozen, balance, original } = this.card(id);
    if (voided) return 'voided';
    if (booked || until <= now) return 'expired';
    if (frozen) return 'frozen';
    if (balance >= original) return 'active';
    return balance > 0 || this.#openHolds(id).length > 0 ? 'partially_redeemed' : 'fully_redeemed';
  }

  /** Balances and open holds by currency: what is owed. */
  owed(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const [id, { currency, balance }] of this.cards) {
      const held = this.#openHolds(id).reduce((sum, { amount }) => sum + amount, 0);
      sums.set(currency, (sums.get(currency) ?? 0) + balance + held);
    }
    return sums;
  }

  #hold(id: string): ModelHold {
    const hold = this.holds.get(id);
    if (hold === undefined) throw new ModelRefusal('hold_not_found');
    return hold;
  }

  #openHolds(card: string): ModelHold[] {
    return [...this.holds.values()].filter((hold) => hold.card === card && hold.state === 'open');
  }

  #named({ code, card = '' }: ModelNaming): string {
    if (code === undefined) return card;
    for (const [id, candidate] of this.cards) if (candidate.code === code) return id;
    throw new ModelRefusal('invalid_code');
  }

  /** A bound card is spent in the name of its holder, any other in nobody's. */
  #payer(by: ModelNaming): string {
    const id = this.#named(by);
    if (this.card(id).holder !== by.holder) throw new ModelRefusal('holder_mismatch');
    return id;
  }

  #checkOrder(order: string, now: number): void {
    if ((this.cancelled.get(order) ?? 0) > now) throw new ModelRefusal('order_cancelled');
  }

  #checkUsable(card: ModelCard, now: number): void {
    if (card.voided) throw new ModelRefusal('voided_card');
    if (card.frozen) throw new ModelRefusal('frozen_card');
    if (card.booked || card.until <= now) throw new ModelRefusal('expired_card');
  }

  #checkFunds(id: string, amount: ModelAmount, now: number): void {
    const available = this.available(id, now);
    this.#checkUsable(this.card(id), now);
    if (amount.currency !== this.card(id).currency) throw new ModelRefusal('money.currency_mismatch');
    if (available === 0) throw new ModelRefusal('already_redeemed');
    if (amount.minor > available) throw new ModelRefusal('insufficient_balance');
  }

  /** Where no amount is asked for: all that there is, but not more than the order costs. */
  #due(id: string, { amount, total }: ModelAsk, now: number): ModelAmount {
    const { currency } = this.card(id);
    if (amount) return amount;
    if (total && total.currency !== currency) return total;
    return { minor: Math.min(this.available(id, now), total?.minor ?? Infinity), currency };
  }

  #take(id: string, amount: ModelAmount, now: number): number {
    this.#checkFunds(id, amount, now);
    this.bookBack(id, now);
    this.card(id).balance -= amount.minor;
    return amount.minor;
  }

  #paid({ card, order, purpose }: ModelPayer): ModelPayment | undefined {
    return this.#paymentsOf(order, card).find((payment) => payment.purpose === purpose);
  }

  #held({ card, order, purpose }: ModelPayer, now: number): ModelHold | undefined {
    return this.#openHolds(card).find((hold) => hold.order === order && hold.purpose === purpose && hold.until > now);
  }

  #same<Payment extends { card: string; amount: number }>(earlier: Payment, amount: ModelAmount | undefined): Payment {
    if (amount === undefined) return earlier;
    const isSame = amount.currency === this.card(earlier.card).currency && amount.minor === earlier.amount;
    if (!isSame) throw new ModelRefusal('redemption_conflict');
    return earlier;
  }

  #pay(id: string, { card, order, purpose }: ModelPayer, amount: number, now: number): ModelPayment {
    const payment = { id, card, order, purpose, amount, refunded: 0 };
    this.payments.push(payment);
    if (this.#waiting(order, card).length > 0) this.#settle(order, card, now);
    return payment;
  }

  #paymentsOf(order: string, card: string): ModelPayment[] {
    return this.payments.filter((payment) => payment.order === order && payment.card === card);
  }

  #closeLegs(order: string): void {
    for (const leg of this.legs.values()) if (leg.order === order && leg.waiting > 0) leg.closed = true;
  }

  #waiting(order: string, card: string): ModelLeg[] {
    const own = this.#paymentsOf(order, card).map(({ id }) => id);
    return [...this.legs.values()].filter(
      (leg) =>
        leg.order === order && leg.waiting > 0 && !leg.closed && (leg.card === card || own.includes(leg.payment ?? '')),
    );
  }

  #settle(order: string, cardId: string, now: number): void {
    this.expire(cardId, now);
    const payments = this.#paymentsOf(order, cardId);
    for (const leg of this.#waiting(order, cardId)) {
      if (leg.currency !== this.card(cardId).currency) continue;
      const named = payments.filter(({ id }) => id === leg.payment);
      for (const payment of [...named, ...payments]) {
        const part = Math.min(leg.waiting, payment.amount - payment.refunded);
        this.#refund(payment, part, now);
        leg.waiting -= part;
      }
    }
  }

  #refund(payment: ModelPayment, amount: number, now: number): void {
    payment.refunded += amount;
    const card = this.card(payment.card);
    if (card.voided) return;
    card.balance += amount;
    if (card.until <= now) card.kept += amount;
  }

  #giveBack(hold: ModelHold): void {
    hold.state = 'gone';
    this.card(hold.card).balance += hold.amount;
  }
}
