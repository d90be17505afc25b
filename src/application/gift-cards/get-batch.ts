import { BatchNotFound } from '../../domain/gift-cards/errors.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import type { Handler } from '../shared/pipeline.ts';
import type { giftCards } from './contract.ts';
import type { GiftCardPorts } from './ports.ts';
import { viewBatch } from './views.ts';

/** Shows a batch and how far its creation has come. */
export function getBatch({
  reader,
}: Pick<GiftCardPorts, 'reader'>): Handler<(typeof giftCards)['operations']['getBatch']> {
  return async ({ batchId }, call) => {
    const batch = requireBatch(await reader.batch(call.principal.tenant, batchId));
    return { data: viewBatch(batch) };
  };
}

/** Throws `BatchNotFound`. */
export function requireBatch(batch: Batch | undefined): Batch {
  if (batch === undefined) throw new BatchNotFound('There is no such batch.');
  return batch;
}
