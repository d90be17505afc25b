import { BatchNotReady } from '../../domain/gift-cards/errors.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import { Money } from '../../domain/shared/money.ts';
import type { Handler } from '../shared/pipeline.ts';
import { batchCodes, whyDead } from './batch-codes.ts';
import type { giftCards } from './contract.ts';
import { requireBatch } from './get-batch.ts';
import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'reader' | 'vault' | 'sealer' | 'hmacSha256'>;

/** Cards that are read at a time. */
const PAGE = 1000;

/**
 * Streams the cards of a batch with their codes, from an index on, until the codes are destroyed; what began in time is
 * finished. A code that was replaced since, or whose card was voided, is left out, and why is said.
 */
export function downloadBatch({ reader, ...ports }: Ports): Handler<(typeof giftCards)['operations']['downloadBatch']> {
  return async function* ({ batchId, fromIndex }, call) {
    const { tenant } = call.principal;
    const batch = requireCreated(requireBatch(await reader.batch(tenant, batchId)));
    const codeAt = batchCodes(ports, tenant, batch, await reader.now());
    const amount = Money.ofMinor(batch.amountMinor, batch.currency).toDecimal();
    const same = { amount, currency: batch.currency, expiresAt: batch.expiresAt?.toISOString() ?? null };
    for (let from = fromIndex; from < batch.createdCount; from += PAGE) {
      call.signal?.throwIfAborted();
      const cards = await reader.batchCards(tenant, batchId, from, PAGE);
      for (const [at, card] of cards.entries()) {
        const index = from + at;
        const code = codeAt(index);
        const withheld = whyDead(ports, code, card);
        yield { index, cardId: card.id, code: withheld === null ? code.reveal() : null, ...same, withheld };
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
