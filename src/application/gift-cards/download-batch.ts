import { BatchNotReady } from '../../domain/gift-cards/errors.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';
import type { Handler } from '../shared/pipeline.ts';
import { batchCodes } from './batch-codes.ts';
import type { giftCards } from './contract.ts';
import { requireBatch } from './get-batch.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'reader' | 'sealer' | 'hmacSha256'>;

/** Cards that are read at a time. */
const PAGE = 1000;

/** Streams the cards of a batch with their codes, from an index on, until the codes are destroyed. */
export function downloadBatch({ reader, ...ports }: Ports): Handler<(typeof giftCards)['operations']['downloadBatch']> {
  return async function* ({ batchId, fromIndex }, call) {
    const { tenant } = call.principal;
    const batch = requireCreated(requireBatch(await reader.batch(tenant, batchId)));
    const codeAt = batchCodes(ports, tenant, batch);
    const amount = Money.ofMinor(batch.amountMinor, batch.currency).toDecimal();
    const same = { amount, currency: batch.currency, expiresAt: batch.expiresAt?.toISOString() ?? null };
    for (let from = fromIndex; from < batch.createdCount; from += PAGE) {
      call.signal?.throwIfAborted();
      const cardIds = await reader.batchCards(tenant, batchId, from, PAGE);
      for (const [at, cardId] of cardIds.entries()) {
        const index = from + at;
        yield { index, cardId, code: codeAt(index).reveal(), ...same };
      }
    }
  };
}

/** Throws `BatchNotReady`. */
export function requireCreated(batch: Batch): Batch {
  if (batch.status !== 'running') return batch;
  const { createdCount, count } = batch;
  throw new BatchNotReady('The batch is still being created.', { createdCount, count, retryAfterSeconds: 5 });
}
