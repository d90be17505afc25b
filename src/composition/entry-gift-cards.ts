/** `portolan/gift-cards`: the context, and what an adapter of one's own is made of. */
export * from '../application/gift-cards/index.ts';
export type {
  CardFilter,
  Finding,
  Liability,
  Page,
  Paged,
  Reconciliation,
} from '../application/gift-cards/gift-card-reader.ts';
export type { GiftCardSnapshot, Moment } from '../domain/gift-cards/card-state.ts';
export {
  DEFAULT_CODE_FORMAT,
  generateCode,
  isValidFormat,
  UnsupportedCodeFormat,
  type CodeFormat,
  type GiftCardCode,
} from '../domain/gift-cards/code.ts';
export * from '../domain/gift-cards/errors.ts';
export type {
  CodeKeys,
  GiftCardBook,
  GiftCardChanges,
  GiftCardKeys,
  GiftCardRepository,
} from '../domain/gift-cards/gift-card-repository.ts';
export { GiftCard } from '../domain/gift-cards/gift-card.ts';
export type { Account, HouseAccount, JournalEntry, TransactionType } from '../domain/gift-cards/journal.ts';
export { KeyedBook } from '../domain/gift-cards/keyed-book.ts';
export { LoadedBook } from '../domain/gift-cards/loaded-book.ts';
export type {
  Batch,
  Delivery,
  Hold,
  HoldStatus,
  OrderMark,
  Recipient,
  Redemption,
  RefundLeg,
} from '../domain/gift-cards/records.ts';
export type { Pepper } from '../infrastructure/system/pepper.ts';
export {
  giftCardService,
  type GiftCardAdapters,
  type GiftCardService,
  type GiftCardServiceOptions,
} from './gift-card-service.ts';
