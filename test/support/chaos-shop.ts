import type { Leg, ShopEvent, Story } from './chaos-told-events.ts';

/** Events to be told in one request, and what they are about. */
export interface Tale {
  readonly events: readonly ShopEvent[];
  readonly story: Story;
}

/** A leg as the shop puts it: for a card, or for what it knows as a redemption of that card. */
export interface Return {
  readonly cardId: string;
  readonly redemptionId?: string;
  readonly minor: number;
}

/** One in so many requests holds its event twice; one in so many tells the same by a second event. */
const ECHO_EVERY = 12;
const ANEW_EVERY = 8;
/** Each is a stream of its own, which one request at a time appends to. */
const SOURCES = 4;

/** The other system of one client, which tells of that client's orders. No two ever use the same ids. */
export class Shop {
  readonly #name: string;
  readonly #source: string;
  readonly #usd: (minor: number) => object;
  #refunds = 0;
  #events = 0;

  constructor(name: string, number: number, usd: (minor: number) => object) {
    this.#name = name;
    this.#source = `https://shop-${number % SOURCES}.example.com/orders`;
    this.#usd = usd;
  }

  refund(orderId: string, returns: readonly Return[]): Tale {
    this.#refunds += 1;
    const refundId = `refund-${this.#name}-${this.#refunds}`;
    const legs = returns.map(({ cardId, minor }, leg): Leg => ({ orderId, refundId, leg, cardId, minor }));
    const told = returns.map(({ cardId, redemptionId, minor }) => ({
      ...(redemptionId === undefined ? { cardId } : { redemptionId }),
      amount: this.#usd(minor),
    }));
    return { events: this.#tell('order.refunded', { orderId, refundId, legs: told }), story: { legs } };
  }

  cancel(orderId: string): Tale {
    return { events: this.#tell('order.cancelled', { orderId }), story: { cancelled: orderId } };
  }

  #tell(type: ShopEvent['type'], data: object): readonly ShopEvent[] {
    const event = this.#event(type, data);
    if (Math.random() < 1 / ECHO_EVERY) return [event, event];
    if (Math.random() < 1 / ANEW_EVERY) return [event, this.#event(type, data)];
    return [event];
  }

  #event(type: ShopEvent['type'], data: object): ShopEvent {
    this.#events += 1;
    return { specversion: '1.0', id: `event-${this.#name}-${this.#events}`, source: this.#source, type, data };
  }
}
