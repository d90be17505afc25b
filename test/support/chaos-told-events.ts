import assert from 'node:assert/strict';

/** An event of another system, in the JSON format of CloudEvents. */
export interface ShopEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: 'order.refunded' | 'order.cancelled';
  readonly data: object;
}

/** What one leg of an order's refund is to give back. */
export interface Leg {
  readonly orderId: string;
  readonly refundId: string;
  readonly leg: number;
  /** The card that gets it, also where the leg names a redemption. */
  readonly cardId: string;
  readonly minor: number;
}

/** What an event is about. */
export type Story = { readonly legs: readonly Leg[] } | { readonly cancelled: string };

/** What came of telling some events, perhaps several times at once. */
export interface Telling {
  readonly events: readonly ShopEvent[];
  /** For each request, whether each of its events was new. */
  readonly answers: readonly (readonly boolean[])[];
  /** Whether some request had to be repeated: then an event may have been stored without an answer. */
  readonly repeated: boolean;
}

/** Events of another system that were told and answered: each is stored once, whoever brought it how often. */
export class ToldEvents {
  /** By `keyOf`. */
  readonly events = new Map<string, ShopEvent>();
  /** By refund and number. A refund may be told by several events: it is one all the same. */
  readonly legs = new Map<string, Leg>();
  readonly cancelled = new Set<string>();

  /** Fails where an event was new twice, or never. */
  told({ events, answers, repeated }: Telling, story: Story): void {
    const times = new Map(events.map((event) => [keyOf(event), 0]));
    for (const isNew of answers) {
      assert.equal(isNew.length, events.length, 'An answer for each event.');
      for (const [index, event] of events.entries()) {
        times.set(keyOf(event), (times.get(keyOf(event)) ?? 0) + Number(isNew[index]));
      }
    }
    for (const event of events) {
      const [key, known] = [keyOf(event), this.events.has(keyOf(event))];
      const least = known || repeated ? 0 : 1;
      const count = times.get(key) ?? 0;
      assert(count >= least && count <= (known ? 0 : 1), `An event was new ${count} times, ${least} or 1 expected.`);
    }
    for (const event of events) this.events.set(keyOf(event), event);
    if ('cancelled' in story) this.cancelled.add(story.cancelled);
    else for (const leg of story.legs) this.legs.set(legKeyOf(leg), leg);
  }
}

export const keyOf = ({ source, id }: Pick<ShopEvent, 'source' | 'id'>): string => `${source} ${id}`;
export const legKeyOf = ({ refundId, leg }: Pick<Leg, 'refundId' | 'leg'>): string => `${refundId}#${leg}`;
