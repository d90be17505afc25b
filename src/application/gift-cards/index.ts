import { codeFormat, UnsupportedCodeFormat } from '../../domain/gift-cards/code.ts';
import * as errors from '../../domain/gift-cards/errors.ts';
import type { DomainErrorClass } from '../../domain/shared/domain-error.ts';
import { CurrencyMismatch, InvalidAmount, UnsupportedCurrency } from '../../domain/shared/money.ts';
import type { EventHandler, ExclusiveConsumer } from '../shared/event-log.ts';
import type { Handlers } from '../shared/pipeline.ts';
import { acknowledgeBatch } from './acknowledge-batch.ts';
import { bulkCreate } from './bulk-create.ts';
import { cancelOrder } from './cancel-order.ts';
import { capture } from './capture.ts';
import { checkBalance } from './check-balance.ts';
import type { giftCards } from './contract.ts';
import { create } from './create.ts';
import { downloadBatch } from './download-batch.ts';
import type { consumes } from './events.ts';
import { extendExpiry } from './extend-expiry.ts';
import { freeze, unfreeze } from './freeze.ts';
import { getBatch } from './get-batch.ts';
import { getCard } from './get-card.ts';
import { hold } from './hold.ts';
import { liabilityReport } from './liability-report.ts';
import { listCards } from './list-cards.ts';
import { listParkedRefunds } from './list-parked-refunds.ts';
import { listTransactions } from './list-transactions.ts';
import type { GiftCardPolicy, GiftCardPorts } from './ports.ts';
import { reconcile } from './reconcile.ts';
import { redeem } from './redeem.ts';
import { refundToCard } from './refund-to-card.ts';
import { reissueCode } from './reissue-code.ts';
import { releaseHold } from './release-hold.ts';
import { reload } from './reload.ts';
import { resendEmail } from './resend-email.ts';
import { settleOrderRefund } from './settle-order-refund.ts';
import { transfer } from './transfer.ts';
import { voidCard } from './void.ts';

export type { BulkCard, BulkIssuer, IssuedSet, RecipientEraser } from './bulk-issuer.ts';
export { giftCards } from './contract.ts';
export { erasePerson, type PersonReference } from './erase-person.ts';
export type { BatchCard, CommandReader, GiftCardReader } from './gift-card-reader.ts';
export { GIFT_CARD_SCHEDULES, giftCardJobs } from './jobs.ts';
export type { OrderMarks } from './order-marks.ts';
export {
  DEFAULT_POLICY,
  yearsLater,
  type CodeVault,
  type GiftCardJobs,
  type GiftCardPolicy,
  type GiftCardPorts,
} from './ports.ts';

/** What carries out the operations on gift cards. Throws `UnsupportedCodeFormat` for a policy that can't be followed. */
export function giftCardHandlers(ports: GiftCardPorts): Handlers<typeof giftCards> {
  requireReadableCodes(ports.policy);
  return {
    redeem: redeem(ports),
    hold: hold(ports),
    capture: capture(ports),
    releaseHold: releaseHold(ports),
    refundToCard: refundToCard(ports),
    transfer: transfer(ports),
    create: create(ports),
    bulkCreate: bulkCreate(ports),
    reload: reload(ports),
    void: voidCard(ports),
    freeze: freeze(ports),
    unfreeze: unfreeze(ports),
    extendExpiry: extendExpiry(ports),
    reissueCode: reissueCode(ports),
    resendEmail: resendEmail(ports),
    acknowledgeBatch: acknowledgeBatch(ports),
    checkBalance: checkBalance(ports),
    getCard: getCard(ports),
    listCards: listCards(ports),
    listTransactions: listTransactions(ports),
    getBatch: getBatch(ports),
    downloadBatch: downloadBatch(ports),
    listParkedRefunds: listParkedRefunds(ports),
    liabilityReport: liabilityReport(ports),
    reconcile: reconcile(ports),
  };
}

function requireReadableCodes(policy: GiftCardPolicy): void {
  if (policy.codeLengths.includes(codeFormat(policy.codeFormat).length)) return;
  throw new UnsupportedCodeFormat('The lengths of codes in use must include that of new codes');
}

/** Who acts on events of other systems. One reader for both, so that they are taken in the order of the log. */
export function giftCardConsumers(ports: GiftCardPorts): readonly ExclusiveConsumer[] {
  const handlers: { readonly [type in keyof typeof consumes]: EventHandler } = {
    'order.refunded': settleOrderRefund(ports),
    'order.cancelled': cancelOrder(ports),
  };
  return [
    {
      name: 'gift-cards.orders',
      filter: { types: Object.keys(handlers) },
      // Every order of arrival ends in the same balances and totals.
      inAnyOrder: true,
      handle: (event, effect) => handlers[event.type as keyof typeof handlers](event, effect),
    },
  ];
}

/** Every error that a decision on gift cards can refuse with: what stored refusals are brought back as. */
export const GIFT_CARD_ERRORS: readonly DomainErrorClass[] = [
  ...new Set<DomainErrorClass>(Object.values(errors).flat()),
  UnsupportedCodeFormat,
  InvalidAmount,
  UnsupportedCurrency,
  CurrencyMismatch,
];
