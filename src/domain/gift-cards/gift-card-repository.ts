import type { CommandContext, Committed, Decision } from '../shared/decision.ts';
import type { Json } from '../shared/domain-error.ts';
import type { GiftCard } from './gift-card.ts';
import type { Batch, Delivery, Hold, OrderMark, Recipient, Redemption, RefundLeg } from './records.ts';

/** The look-up keys of one code, one for each configured pepper, the newest first. */
export type CodeKeys = readonly string[];

/** What a command concerns: these rows are locked and loaded, and its decision sees nothing else. */
export interface GiftCardKeys {
  readonly cardIds?: readonly string[];
  readonly codes?: readonly CodeKeys[];
  /** The redemptions and their cards; not their orders. */
  readonly redemptionIds?: readonly string[];
  /** The holds and their cards, and the orders that they are for, as if `orderIds` named these. */
  readonly holdIds?: readonly string[];
  /** The orders with all their redemptions, holds and refund legs, and their marks. */
  readonly orderIds?: readonly string[];
  /** Also the cards of the redemptions, holds and legs of the orders in `orderIds`. */
  readonly cardsOfOrders?: boolean;
  readonly deliveryIds?: readonly string[];
  readonly batchIds?: readonly string[];
}

/** What a decision sees: the rows that its keys name, as they are under lock; of all others it sees none. */
export interface GiftCardBook {
  /** The database's time, read after the locks were held. */
  readonly now: Date;
  card(id: string): GiftCard | undefined;
  cardByCode(keys: CodeKeys): GiftCard | undefined;
  redemption(id: string): Redemption | undefined;
  hold(id: string): Hold | undefined;
  redemptionsOfOrder(orderId: string): readonly Redemption[];
  holdsOfOrder(orderId: string): readonly Hold[];
  legsOfOrder(orderId: string): readonly RefundLeg[];
  markOfOrder(orderId: string): OrderMark | undefined;
  delivery(id: string): Delivery | undefined;
  batch(id: string): Batch | undefined;
}

/** What a decision changes. Cards bring their entries, redemptions and holds along. */
export interface GiftCardChanges {
  readonly cards?: readonly GiftCard[];
  readonly legs?: readonly RefundLeg[];
  readonly marks?: readonly OrderMark[];
  readonly recipients?: readonly Recipient[];
  readonly deliveries?: readonly Delivery[];
  readonly batches?: readonly Batch[];
}

/** Keeps gift cards. */
export interface GiftCardRepository {
  /**
   * Locks and loads what `keys` name, lets `decide` judge, and stores the outcome with its events and its receipt in
   * one commit. A `DomainError` that `decide` throws is a refusal: its receipt is stored and the error rethrown. A
   * repeat of a command with the same receipt key gets the first outcome, and `decide` isn't asked.
   */
  update<Answer extends Json>(
    context: CommandContext,
    keys: GiftCardKeys,
    decide: (book: GiftCardBook) => Decision<Answer, GiftCardChanges>,
  ): Promise<Committed<Answer>>;
}
