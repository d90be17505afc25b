import type { Moment } from '../../domain/gift-cards/card-state.ts';
import type { GiftCard } from '../../domain/gift-cards/gift-card.ts';
import type { CommandContext } from '../../domain/shared/decision.ts';
import { withoutCodes } from './acknowledge-batch.ts';
import { accept } from './answers.ts';
import { endDelivery } from './deliver-code.ts';
import { cancelBatch } from './issue-batch.ts';
import type { GiftCardPorts } from './ports.ts';

interface Ports extends Pick<GiftCardPorts, 'cards' | 'marks' | 'policy' | 'ids'> {
  readonly jobs: Pick<GiftCardPorts['jobs'], 'get'>;
  readonly reader: Pick<
    GiftCardPorts['reader'],
    'now' | 'due' | 'runningBatches' | 'batchesToDestroy' | 'deliveriesToDrop'
  >;
}

/** What one sweep did; the failures are of single cards, batches and deliveries, which the next sweep tries again. */
export interface Sweep {
  readonly expired: number;
  readonly released: number;
  readonly destroyed: number;
  /** Batches whose job was cancelled while nobody worked on it. */
  readonly cancelled: number;
  /** Deliveries whose code was kept as long as it may be. */
  readonly dropped: number;
  /** Marks of cancelled orders that were deleted. */
  readonly marksPurged: number;
  readonly failures: readonly unknown[];
}

type Outcome = 'expired' | 'released' | 'destroyed' | 'cancelled' | 'dropped' | 'nothing';

/** How much is looked for at a time. */
const PAGE = 1000;
/** Updates on their way together; the repository may store them in one commit. */
const TOGETHER = 50;

/**
 * Books what is due in all tenants: expiries of cards, each exactly once, the release of expired holds, the end of
 * batches whose job was cancelled, and the destruction of seeds, codes of mails that could not be delivered, and marks
 * of cancelled orders whose time is over. One that fails doesn't stop the others.
 */
export function bookExpiries(ports: Ports): (context: Omit<CommandContext, 'tenant'>) => Promise<Sweep> {
  const { reader } = ports;
  return async (context) => {
    const cards = await sweep(
      (limit) => reader.due(limit),
      ({ tenant, cardId }) => bookCard(ports, { ...context, tenant }, cardId),
      context.signal,
    );
    const abandoned = await sweep(
      (limit) => reader.runningBatches(limit),
      ({ tenant, batchId }) => endAbandoned(ports, { ...context, tenant }, batchId),
      context.signal,
    );
    const batches = await sweep(
      (limit) => reader.batchesToDestroy(limit),
      ({ tenant, batchId }) => destroyCodes(ports, { ...context, tenant }, batchId),
      context.signal,
    );
    const deliveries = await dropDeliveries(ports, context);
    const swept = [cards, abandoned, batches, deliveries];
    const outcomes = swept.flatMap((each) => each.outcomes);
    const count = (wanted: Outcome): number => outcomes.filter((outcome) => outcome === wanted).length;
    const marks = await purgeMarks(ports, context.signal);
    return {
      ...{ expired: count('expired'), released: count('released'), destroyed: count('destroyed') },
      ...{ cancelled: count('cancelled'), dropped: count('dropped'), marksPurged: marks.purged },
      failures: [...swept, marks].flatMap((each) => each.failures),
    };
  };
}

interface Swept {
  readonly outcomes: readonly Outcome[];
  readonly failures: readonly unknown[];
}

/**
 * Works off what `find` finds, page by page, until a page brings nothing new. What has failed is passed over in the
 * pages that follow, which are longer by so much.
 */
async function sweep<Due extends object>(
  find: (limit: number) => Promise<readonly Due[]>,
  settle: (due: Due) => Promise<Outcome>,
  signal: AbortSignal | undefined,
): Promise<Swept> {
  const outcomes: Outcome[] = [];
  const failures = new Map<string, unknown>();
  for (;;) {
    const limit = PAGE + failures.size;
    const found = await find(limit);
    const page = found.filter((due) => !failures.has(JSON.stringify(due)));
    const before = outcomes.length;
    for (let from = 0; from < page.length; from += TOGETHER) {
      signal?.throwIfAborted();
      const some = page.slice(from, from + TOGETHER);
      for (const [at, result] of (await Promise.allSettled(some.map(settle))).entries()) {
        if (result.status === 'rejected') failures.set(JSON.stringify(some[at]), result.reason);
        else if (result.value !== 'nothing') outcomes.push(result.value);
      }
    }
    // A short page may be all that there is, or name some card twice: it says nothing of what comes behind it.
    const isNew = outcomes.length > before || failures.size > limit - PAGE;
    if (!isNew) return { outcomes, failures: [...failures.values()] };
  }
}

async function purgeMarks(
  { marks }: Ports,
  signal: AbortSignal | undefined,
): Promise<{ readonly purged: number; readonly failures: readonly unknown[] }> {
  let purged = 0;
  for (;;) {
    signal?.throwIfAborted();
    const [page] = await Promise.allSettled([marks.purge(PAGE)]);
    if (page.status === 'rejected') return { purged, failures: [page.reason] };
    purged += page.value;
    if (page.value < PAGE) return { purged, failures: [] };
  }
}

async function bookCard({ cards, policy, ids }: Ports, context: CommandContext, cardId: string): Promise<Outcome> {
  const { answer } = await cards.update<Outcome>(context, { cardIds: [cardId] }, (book) => {
    const moment = { now: book.now, newId: ids };
    const card = book.card(cardId);
    const expired = card?.expire(policy.expiryAccount, moment);
    if (expired !== undefined) return accept('expired', { cards: [expired] });
    const released = card === undefined ? undefined : releaseExpiredHolds(card, moment);
    return released === undefined ? accept('nothing') : accept('released', { cards: [released] });
  });
  return answer;
}

function releaseExpiredHolds(card: GiftCard, moment: Moment): GiftCard | undefined {
  const expired = card.toSnapshot().openHolds.filter((hold) => hold.expiresAt <= moment.now);
  if (expired.length === 0) return undefined;
  return expired.reduce((next, hold) => next.release(hold.id, moment), card);
}

async function destroyCodes({ cards }: Ports, context: CommandContext, batchId: string): Promise<Outcome> {
  const { answer } = await cards.update<Outcome>(context, { batchIds: [batchId] }, (book) => {
    const batch = book.batch(batchId);
    if (batch === undefined || batch.sealedSeed === null) return accept('nothing');
    return accept('destroyed', { batches: [withoutCodes(batch)] });
  });
  return answer;
}

/**
 * Ends deliveries that are pending for as long as they may be: where their job is dead, nothing else would end them, and
 * their codes were kept until somebody runs it again.
 */
async function dropDeliveries(ports: Ports, context: Omit<CommandContext, 'tenant'>): Promise<Swept> {
  const { reader, policy } = ports;
  const now = await reader.now();
  const until = new Date(now.getTime() - policy.mailCodesSeconds * 1000);
  return sweep(
    (limit) => reader.deliveriesToDrop(until, limit),
    async ({ tenant, deliveryId }) =>
      (await endDelivery(ports, { ...context, tenant }, deliveryId, 'failed')) ? 'dropped' : 'nothing',
    context.signal,
  );
}

/**
 * Ends a batch whose job was cancelled while it waited, so that it never ran to hear of it: the cards that are there
 * can be used, and no more will come. Its job has its id.
 */
async function endAbandoned({ cards, jobs }: Ports, context: CommandContext, batchId: string): Promise<Outcome> {
  const job = await jobs.get(batchId);
  if (job?.state !== 'cancelled') return 'nothing';
  return (await cancelBatch({ cards }, context, batchId)) ? 'cancelled' : 'nothing';
}
