import type { CommandContext } from '../../domain/shared/decision.ts';
import { PermanentJobFailure } from '../shared/job-errors.ts';
import type { Job, JobContext, JobDefinition, JobSchedule } from '../shared/job-queue.ts';
import { bookExpiries } from './book-expiries.ts';
import { DELIVER_CODE } from './code-delivery.ts';
import { deliverCode } from './deliver-code.ts';
import { ISSUE_BATCH, issueBatch } from './issue-batch.ts';
import { GIFT_CARDS_ACTOR } from './order-events.ts';
import type { GiftCardPorts } from './ports.ts';

const BOOK_EXPIRIES = 'gift-cards.book-expiries';
const MINUTE_MS = 60_000;

/** The jobs of gift cards, as the queue runs them. */
export function giftCardJobs(ports: GiftCardPorts): readonly JobDefinition[] {
  const issue = issueBatch(ports);
  const deliver = deliverCode(ports);
  const book = bookExpiries(ports);
  return [
    {
      type: ISSUE_BATCH,
      handler: async (job, context) => {
        const progress = (done: number, total: number): Promise<void> => context.progress(done, total);
        const control = { signal: context.signal, progress };
        return { createdCount: await issue(payloadText(job, 'batchId'), contextOf(job, context), control) };
      },
      retries: { attempts: 20, backoff: { initialMs: 1000, factor: 2, maxMs: MINUTE_MS }, jitter: 0.2 },
      timeoutMs: 60 * MINUTE_MS,
    },
    {
      type: DELIVER_CODE,
      handler: (job, context) => deliver(payloadText(job, 'deliveryId'), contextOf(job, context)),
      concurrency: 4,
      retries: { attempts: 10, backoff: { initialMs: 5000, factor: 3, maxMs: 60 * MINUTE_MS }, jitter: 0.2 },
      timeoutMs: 2 * MINUTE_MS,
    },
    {
      type: BOOK_EXPIRIES,
      handler: async (job, context) => {
        const { failures, ...counts } = await book(contextOf(job, context));
        if (failures.length === 0) return counts;
        throw new AggregateError(failures, `${failures.length} of what was due could not be booked`);
      },
      // The next tick tries again.
      retries: { attempts: 1, backoff: [0] },
    },
  ];
}

/** When which job is run. */
export const GIFT_CARD_SCHEDULES: readonly JobSchedule[] = [
  { name: BOOK_EXPIRIES, type: BOOK_EXPIRIES, cron: '*/10 * * * * *', timezone: 'UTC', payload: {} },
];

function payloadText({ payload }: Job, field: string): string {
  const value: unknown = payload !== null && typeof payload === 'object' ? Object.entries(payload) : [];
  const found = (value as readonly [string, unknown][]).find(([name]) => name === field)?.[1];
  if (typeof found === 'string') return found;
  throw new PermanentJobFailure(`The job's payload has no ${field}.`);
}

function contextOf(job: Job, { signal }: JobContext): CommandContext {
  return {
    tenant: job.tenant,
    actor: GIFT_CARDS_ACTOR,
    correlationId: job.correlationId ?? job.id,
    causationId: job.id,
    traceParent: job.traceParent,
    signal,
  };
}
