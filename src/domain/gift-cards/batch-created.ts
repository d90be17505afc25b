import type { NewEvent } from '../shared/decision.ts';
import { Money } from '../shared/money.ts';
import type { Batch } from './records.ts';

/** The one event of many cards: `count` of them were issued, from the batch's card number `fromIndex` on. */
export function batchCreated(batch: Batch, fromIndex: number, count: number, streamVersion: number): NewEvent {
  const { id: batchId, prefix, purchaserId, expiresAt } = batch;
  const amount = Money.ofMinor(batch.amountMinor, batch.currency).toJSON();
  return {
    stream: `gift_card_batch:${batchId}`,
    streamVersion,
    type: 'gift_card.batch_created',
    payload: {
      ...{ batchId, fromIndex, count, ...amount, purchaserId, prefix },
      expiresAt: expiresAt?.toISOString() ?? null,
    },
  };
}
