import { InvalidExpiry } from '../../domain/gift-cards/errors.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import type { CommandContext } from '../../domain/shared/decision.ts';
import { JobCancelled } from '../shared/job-errors.ts';
import { accept } from './answers.ts';
import { codesToIssue } from './batch-codes.ts';
import type { BulkCard, IssuedSet } from './bulk-issuer.ts';
import type { GiftCardPorts } from './ports.ts';

export const ISSUE_BATCH = 'gift-cards.issue-batch';

export type IssuePorts = Pick<
  GiftCardPorts,
  'bulk' | 'vault' | 'sealer' | 'policy' | 'ids' | 'hmacSha256' | 'nextTurn'
>;

/** How whoever waits for a batch hears of it, and how it is stopped. */
export interface IssueControl {
  readonly signal?: AbortSignal | undefined;
  progress(done: number, total: number): Promise<void>;
}

/**
 * Issues what is still missing of a batch, chunk by chunk: after a break it goes on at the next index, since the codes
 * follow from the seed. Throws the signal's reason when that aborts; what was issued until then stays.
 */
export async function issueRemaining(
  ports: IssuePorts,
  context: CommandContext,
  batch: Batch,
  { signal, progress }: IssueControl,
): Promise<IssuedSet> {
  let current = batch;
  let position: bigint | undefined;
  const chunkFrom = (index: number): Promise<readonly BulkCard[]> => {
    const chunk = makeChunk(ports, context.tenant, batch, index, signal);
    // Awaited later, or never when the chunk before it could not be stored.
    chunk.catch(() => undefined);
    return chunk;
  };
  let next: { readonly from: number; readonly cards: Promise<readonly BulkCard[]> } | undefined;
  while (current.status === 'running' && current.createdCount < current.count) {
    const { createdCount: from } = current;
    const cards = await (next?.from === from ? next.cards : chunkFrom(from));
    // The next chunk is made while this one is stored.
    next = { from: from + cards.length, cards: chunkFrom(from + cards.length) };
    const issued = await ports.bulk.issue(context, current, from, ports.vault.newestPepperId, cards);
    current = issued.batch;
    position = issued.position ?? position;
    if (current.createdCount <= from && current.status === 'running') throw new TypeError('The batch does not grow.');
    await progress(current.createdCount, current.count);
  }
  return { batch: current, position };
}

/** Cards made in one turn of the event loop, so that other requests, and word of a cancellation, come through. */
const CARDS_PER_TURN = 256;

async function makeChunk(
  { vault, policy, ids, nextTurn, ...ports }: IssuePorts,
  tenant: string,
  batch: Batch,
  from: number,
  signal: AbortSignal | undefined,
): Promise<readonly BulkCard[]> {
  const codeAt = codesToIssue(ports, tenant, batch);
  const end = Math.min(batch.count, from + policy.bulkChunk);
  const cards: BulkCard[] = [];
  for (let index = from; index < end; index += 1) {
    if (cards.length % CARDS_PER_TURN === 0) {
      await nextTurn();
      signal?.throwIfAborted();
    }
    const code = codeAt(index);
    const [codeIndex = ''] = vault.keysOf(code.body);
    cards.push({ id: ids(), codeIndex, lastFour: code.lastFour, entryId: ids() });
  }
  return cards;
}

/**
 * The job that issues a large batch. A batch whose job is cancelled, or whose cards would be expired by now, keeps the
 * cards it has and gets no more.
 */
export function issueBatch(
  ports: IssuePorts & Pick<GiftCardPorts, 'cards' | 'reader'>,
): (batchId: string, context: CommandContext, control: IssueControl) => Promise<number> {
  return async (batchId, context, control) => {
    const batch = await ports.reader.batch(context.tenant, batchId);
    if (batch === undefined) return 0;
    try {
      return (await issueRemaining(ports, context, batch, control)).batch.createdCount;
    } catch (error) {
      const isOver = error instanceof InvalidExpiry || control.signal?.reason instanceof JobCancelled;
      if (isOver) await cancelBatch(ports, context, batchId);
      throw error;
    }
  };
}

/** Ends a batch that is still being created; false where it isn't. Its cards and their codes stay. */
export async function cancelBatch(
  { cards }: Pick<GiftCardPorts, 'cards'>,
  context: CommandContext,
  batchId: string,
): Promise<boolean> {
  const { answer } = await cards.update({ ...context, signal: undefined }, { batchIds: [batchId] }, (book) => {
    const batch = book.batch(batchId);
    if (batch?.status !== 'running') return accept(false);
    return accept(true, { batches: [{ ...batch, status: 'cancelled' }] });
  });
  return answer;
}
