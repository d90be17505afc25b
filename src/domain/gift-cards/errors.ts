import { DomainError } from '../shared/domain-error.ts';

/** The one answer for every refusal of a code, for callers who may not know more (`gift-cards:diagnose`). */
export class GiftCardRefused extends DomainError {
  static readonly code = 'gift_cards.refused';
  static readonly kind = 'rule_violated';
}

/** No card has this code, or the text can't be a code. */
export class InvalidCode extends DomainError {
  static readonly code = 'gift_cards.invalid_code';
  static readonly kind = 'not_found';
}

/** No card has this id, or it isn't the caller's to see. */
export class CardNotFound extends DomainError {
  static readonly code = 'gift_cards.card_not_found';
  static readonly kind = 'not_found';
}

export class ExpiredCard extends DomainError {
  static readonly code = 'gift_cards.expired_card';
  static readonly kind = 'rule_violated';
}

export class VoidedCard extends DomainError {
  static readonly code = 'gift_cards.voided_card';
  static readonly kind = 'rule_violated';
}

export class FrozenCard extends DomainError {
  static readonly code = 'gift_cards.frozen_card';
  static readonly kind = 'rule_violated';
}

/** The card isn't frozen, so there is nothing to unfreeze. */
export class CardNotFrozen extends DomainError {
  static readonly code = 'gift_cards.card_not_frozen';
  static readonly kind = 'rule_violated';
}

/** More was asked for than the card has available. */
export class InsufficientBalance extends DomainError {
  static readonly code = 'gift_cards.insufficient_balance';
  static readonly kind = 'rule_violated';
}

/** The card has nothing left. */
export class AlreadyRedeemed extends DomainError {
  static readonly code = 'gift_cards.already_redeemed';
  static readonly kind = 'rule_violated';
}

/** This card already paid for this order and purpose with another amount, or holds money for it. */
export class RedemptionConflict extends DomainError {
  static readonly code = 'gift_cards.redemption_conflict';
  static readonly kind = 'rule_violated';
}

/** The card belongs to a holder, who has to be named to spend it: its code alone does not, and nobody else. */
export class HolderMismatch extends DomainError {
  static readonly code = 'gift_cards.holder_mismatch';
  static readonly kind = 'rule_violated';
}

export class RedemptionNotFound extends DomainError {
  static readonly code = 'gift_cards.redemption_not_found';
  static readonly kind = 'not_found';
}

/** The refunds of a redemption would exceed it. */
export class RefundExceedsRedemption extends DomainError {
  static readonly code = 'gift_cards.refund_exceeds_redemption';
  static readonly kind = 'rule_violated';
}

export class HoldNotFound extends DomainError {
  static readonly code = 'gift_cards.hold_not_found';
  static readonly kind = 'not_found';
}

/** The hold was captured, released or has expired; `details.status` says which. */
export class HoldEnded extends DomainError {
  static readonly code = 'gift_cards.hold_ended';
  static readonly kind = 'rule_violated';
}

export class CaptureExceedsHold extends DomainError {
  static readonly code = 'gift_cards.capture_exceeds_hold';
  static readonly kind = 'rule_violated';
}

/** A card carries at most 100 open holds. */
export class TooManyHolds extends DomainError {
  static readonly code = 'gift_cards.too_many_holds';
  static readonly kind = 'rule_violated';
}

/** An order takes at most 1,000 payments and holds, those that have ended included, and at most 10,000 refund legs. */
export class OrderTooLarge extends DomainError {
  static readonly code = 'gift_cards.order_too_large';
  static readonly kind = 'rule_violated';
}

/** The order was cancelled, so that nothing more can be paid for it. */
export class OrderCancelled extends DomainError {
  static readonly code = 'gift_cards.order_cancelled';
  static readonly kind = 'rule_violated';
}

export class TransferToSameCard extends DomainError {
  static readonly code = 'gift_cards.transfer_to_same_card';
  static readonly kind = 'rule_violated';
}

/** The receiving card would expire earlier than now; repeat with `acceptEarlierExpiry` to agree. */
export class TransferShortensExpiry extends DomainError {
  static readonly code = 'gift_cards.transfer_shortens_expiry';
  static readonly kind = 'rule_violated';
}

/** An expiry has to lie in the future, and an extension after the present expiry. */
export class InvalidExpiry extends DomainError {
  static readonly code = 'gift_cards.invalid_expiry';
  static readonly kind = 'invalid';
}

/** The card's remainder was already booked at its expiry; it can't be extended any more. */
export class ExpiryBooked extends DomainError {
  static readonly code = 'gift_cards.expiry_booked';
  static readonly kind = 'rule_violated';
}

/** There is no e-mail address to send the code to. */
export class RecipientMissing extends DomainError {
  static readonly code = 'gift_cards.recipient_missing';
  static readonly kind = 'rule_violated';
}

/** The code is no longer kept, so that it can't be sent again; reissue it. */
export class CodeNotKept extends DomainError {
  static readonly code = 'gift_cards.code_not_kept';
  static readonly kind = 'rule_violated';
}

export class BatchNotFound extends DomainError {
  static readonly code = 'gift_cards.batch_not_found';
  static readonly kind = 'not_found';
}

/** The batch is still being created. */
export class BatchNotReady extends DomainError {
  static readonly code = 'gift_cards.batch_not_ready';
  static readonly kind = 'conflict';
}

/** The codes of the batch were acknowledged or their time is over: they are destroyed. */
export class BatchCodesDestroyed extends DomainError {
  static readonly code = 'gift_cards.batch_codes_destroyed';
  static readonly kind = 'rule_violated';
}

/** Refusals that would tell a stranger something about a code; he gets `GiftCardRefused` for all of them. */
export const DISTINCT_REFUSALS = [
  InvalidCode,
  ExpiredCard,
  VoidedCard,
  FrozenCard,
  InsufficientBalance,
  AlreadyRedeemed,
  RedemptionConflict,
  HolderMismatch,
  OrderCancelled,
  TooManyHolds,
  OrderTooLarge,
] as const;
