import { InvalidExpiry } from '../../domain/gift-cards/errors.ts';
import type { Batch } from '../../domain/gift-cards/records.ts';
import { commandContext, type Call } from '../shared/call.ts';
import { roomFor } from '../shared/job-room.ts';
import type { Handler } from '../shared/pipeline.ts';
import { readNewAmount } from './amounts.ts';
import { accept } from './answers.ts';
import { batchCodes, codesAreKept, sealedSeed, whyDead } from './batch-codes.ts';
import type { giftCards } from './contract.ts';
import { expiryOf } from './create.ts';
import type { CommandReader } from './gift-card-reader.ts';
import { ISSUE_BATCH, issueRemaining, type IssuePorts } from './issue-batch.ts';
import { readerFor, type GiftCardPorts } from './ports.ts';
import { viewBatch, viewCard } from './views.ts';

type Ports = IssuePorts & Pick<GiftCardPorts, 'cards' | 'reader' | 'jobs' | 'randomBytes'>;

const RESCUE_AFTER_MS = 60_000;

/**
 * Issues many cards at once. A small batch answers with its cards and their codes, and a repeat does so again as long
 * as the codes are kept; a large one is left to a job, and its codes are downloaded. Throws `JobQueueFull` before
 * anything is stored.
 */
export function bulkCreate(ports: Ports): Handler<(typeof giftCards)['operations']['bulkCreate']> {
  const { cards, ids, jobs, policy } = ports;
  return async ({ count, prefix, purchaserId, ...input }, call) => {
    const { amount: money } = input;
    const amount = readNewAmount(money);
    const requireRoom = await roomFor(jobs, ISSUE_BATCH, call);
    const id = ids();
    const seed = sealedSeed(ports, call.principal.tenant, id);
    // Before the caller's transaction ends nobody else sees the batch: its cards are left to the job.
    const isSmall = count <= policy.bulkInlineMax && call.unit === undefined;
    const committed = await cards.update(commandContext(call), {}, ({ now }) => {
      requireRoom();
      const expiresAt = expiryOf(input.expiresAt, policy, now, amount.currency);
      if (expiresAt !== null && expiresAt <= now) throw new InvalidExpiry('A card must expire in the future.');
      const batch: Batch = {
        ...{ id, count, createdCount: 0, prefix, codeLength: policy.codeFormat.length, purchaserId, expiresAt },
        ...{ amountMinor: amount.minor, currency: amount.currency, sealedSeed: seed, status: 'running' },
        ...{ codesUntil: new Date(now.getTime() + policy.batchCodesSeconds * 1000), createdAt: now },
      };
      // The job has the batch's id, by which a sweep finds it when it was cancelled before it ran.
      const job = { id, type: ISSUE_BATCH, payload: { batchId: id } };
      // A small batch is done by then, unless its caller was cut off.
      const later = { ...job, runAt: new Date(now.getTime() + RESCUE_AFTER_MS) };
      const answer = { ...viewBatch(batch), jobId: isSmall ? null : id };
      return accept(answer, { batches: [batch] }, { requests: [isSmall ? later : job] });
    });
    const { answer, position, replayed } = committed;
    if (answer.jobId !== null) return { data: { ...answer, cards: [] }, position, replayed };
    const issued = await issueNow(ports, answer.batchId, call);
    return { data: { ...issued.data, jobId: null }, position: issued.position ?? position, replayed };
  };
}

/**
 * Issues what is missing of a small batch, which is all of it the first time, and tells all of it. A repeat in the
 * caller's transaction tells what there is: cards are not issued in it.
 */
async function issueNow(ports: Ports, batchId: string, call: Call) {
  const { tenant } = call.principal;
  const reader = readerFor(ports, call);
  const stored = await reader.batch(tenant, batchId);
  if (stored === undefined) throw new TypeError('The batch that was just stored is missing.');
  const context = { ...commandContext(call), receipt: undefined };
  const control = { signal: call.signal, progress: async () => undefined };
  const unchanged = { batch: stored, position: undefined };
  const issued = call.unit === undefined ? await issueRemaining(ports, context, stored, control) : unchanged;
  const { batch, position } = issued;
  return { data: { ...viewBatch(batch), cards: await cardsOf(ports, reader, tenant, batch) }, position };
}

/** All cards of a small batch in the order of their codes, each with its code while that is kept and of any worth. */
async function cardsOf(ports: Ports, reader: CommandReader, tenant: string, batch: Batch) {
  const [issued, { items }, now] = await Promise.all([
    reader.batchCards(tenant, batch.id, 0, batch.count),
    reader.list(tenant, { batchId: batch.id }, { limit: batch.count }),
    reader.now(),
  ]);
  const cards = new Map(items.map((card) => [card.id, viewCard(card, now)]));
  const codeAt = codesAreKept(batch, now) ? batchCodes(ports, tenant, batch, now) : undefined;
  return issued.flatMap((each, index) => {
    const card = cards.get(each.id);
    if (card === undefined) return [];
    const code = codeAt?.(index);
    return [code === undefined || whyDead(ports, code, each) !== null ? card : { ...card, code: code.reveal() }];
  });
}
