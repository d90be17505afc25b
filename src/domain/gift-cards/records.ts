/** Money that left a card for an order, directly or by capture of a hold. */
export interface Redemption {
  readonly id: string;
  readonly cardId: string;
  readonly orderId: string;
  /** Tells several payments of one order by one card apart; `payment` by default. */
  readonly purpose: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** Sum of its refunds, never above `amountMinor`. */
  readonly refundedMinor: bigint;
  /** The card's balance right after it: what a repeat of the command is told. */
  readonly balanceAfterMinor: bigint;
  readonly createdAt: Date;
}

export type HoldStatus = 'open' | 'captured' | 'released' | 'expired';

/** Money of a card reserved for an order. */
export interface Hold {
  readonly id: string;
  readonly cardId: string;
  readonly orderId: string;
  readonly purpose: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly status: HoldStatus;
  readonly expiresAt: Date;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
  readonly balanceAfterMinor: bigint;
}

/** What is known of an order that was cancelled. */
export interface OrderMark {
  readonly orderId: string;
  readonly cancelledAt: Date;
  /** Until when later payments for it are refused. */
  readonly marksUntil: Date;
}

/** One leg of an `order.refunded` event: money that is to go back to a card. Each leg counts once. */
export interface RefundLeg {
  readonly orderId: string;
  readonly refundId: string;
  /** Index of the leg in its event. */
  readonly leg: number;
  /** The card, or else the redemption, that the leg names. */
  readonly cardId: string | null;
  readonly redemptionId: string | null;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** What found no redemption to go back to: it waits for one, and stays as the excess if none comes. */
  readonly parkedMinor: bigint;
  /** Whether the order was cancelled: all that it was paid has gone back, and what is parked is excess for good. */
  readonly closed: boolean;
  readonly receivedAt: Date;
}

/** Where a card's code is sent. Personal: kept in the erasable side table only. */
export interface Recipient {
  readonly cardId: string;
  readonly email: string | null;
  readonly message: string | null;
}

/** A code on its way by e-mail, sealed; the seal is destroyed when it has arrived. */
export interface Delivery {
  readonly id: string;
  readonly cardId: string;
  readonly sealedCode: string | null;
  readonly status: 'pending' | 'delivered' | 'failed';
  readonly createdAt: Date;
  readonly deliveredAt: Date | null;
}

/** Cards made in one go, whose codes are expanded from one sealed seed. */
export interface Batch {
  readonly id: string;
  readonly count: number;
  readonly createdCount: number;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly prefix: string;
  readonly codeLength: number;
  readonly expiresAt: Date | null;
  readonly purchaserId: string;
  /** Null once the codes were acknowledged or their time is over. */
  readonly sealedSeed: string | null;
  readonly status: 'running' | 'ready' | 'destroyed' | 'cancelled';
  readonly codesUntil: Date;
  readonly createdAt: Date;
}
