import type { Batch } from '../../domain/gift-cards/records.ts';
import { commandContext } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import { accept, reply } from './answers.ts';
import type { giftCards } from './contract.ts';
import { requireCreated } from './download-batch.ts';
import { requireBatch } from './get-batch.ts';
import { readerFor, type GiftCardPorts } from './ports.ts';
import { viewBatch } from './views.ts';

type Ports = Pick<GiftCardPorts, 'cards' | 'reader'>;

/** Destroys the codes of a batch, once its buyer has them. A second time changes nothing. */
export function acknowledgeBatch({
  cards,
  reader,
}: Ports): Handler<(typeof giftCards)['operations']['acknowledgeBatch']> {
  return async ({ batchId }, call) => {
    // Before there is a receipt: that it isn't ready yet passes, and a repeat under the same key has to succeed then.
    requireCreated(requireBatch(await readerFor({ reader }, call).batch(call.principal.tenant, batchId)));
    const committed = await cards.update(commandContext(call), { batchIds: [batchId] }, (book) => {
      const batch = requireBatch(book.batch(batchId));
      if (batch.sealedSeed === null) return accept(viewBatch(batch));
      const destroyed = withoutCodes(batch);
      return accept(viewBatch(destroyed), { batches: [destroyed] });
    });
    return reply(committed);
  };
}

/** The batch after its codes were destroyed. */
export const withoutCodes = (batch: Batch): Batch => ({ ...batch, sealedSeed: null, status: 'destroyed' });
