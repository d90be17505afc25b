import type { Pool } from 'pg';
import { events } from '../application/events/contract.ts';
import { eventHandlers } from '../application/events/index.ts';
import {
  GIFT_CARD_ERRORS,
  GIFT_CARD_SCHEDULES,
  giftCardConsumers,
  giftCardJobs,
  giftCards,
} from '../application/gift-cards/index.ts';
import type { Principal } from '../application/shared/call.ts';
import { inProcessClient, type InProcessClient } from '../application/shared/client.ts';
import type { EventLog } from '../application/shared/event-log.ts';
import type { JobWorkerEvent } from '../application/shared/job-queue.ts';
import { compile } from '../application/shared/pipeline.ts';
import { postgresJobQueue } from '../infrastructure/jobs/postgres-job-queue.ts';
import { explainOutage } from '../infrastructure/postgres/batch-failure.ts';
import { PostgresEventLog } from '../infrastructure/postgres/event-log.ts';
import { PostgresEventSeals } from '../infrastructure/postgres/event-seals.ts';
import { LogWakeup } from '../infrastructure/postgres/log-wakeup.ts';
import { PostgresBulkIssuer } from '../infrastructure/postgres/postgres-bulk-issuer.ts';
import { PostgresGiftCardReader } from '../infrastructure/postgres/postgres-gift-card-reader.ts';
import { PostgresGiftCards } from '../infrastructure/postgres/postgres-gift-cards.ts';
import { PostgresOrderMarks } from '../infrastructure/postgres/postgres-order-marks.ts';
import { PostgresRecipientEraser } from '../infrastructure/postgres/postgres-recipient-eraser.ts';
import { uuidv7 } from '../infrastructure/system/uuid.ts';
import {
  giftCardService,
  PROGRAM,
  readPeppers,
  type GiftCardService,
  type GiftCardServiceOptions,
} from './gift-card-service.ts';
import { jobStarter } from './job-starter.ts';
import { mustNotBeKept } from './must-not-be-kept.ts';
import { PURGE_SCHEDULE, purgeJob } from './purge-job.ts';
import { receiptHash } from './receipt-hash.ts';
import { Resources } from './resources.ts';

export interface PostgresGiftCardsOptions extends GiftCardServiceOptions {
  /**
   * The caller's own pool, at least five connections, on a database that `migrate` has prepared. Commands take half of
   * them at most; queries, and what `work` starts, take what they find, and `work` keeps one to listen. The caller
   * listens for its `error` events, `pool.on('error', …)`: without a listener Node ends the process when the database
   * restarts and an idle connection is lost. The caller ends it, after `close`.
   */
  readonly pool: Pool;
  /**
   * Told of what goes wrong in the background, where it is tried again, and of each job that is dead, which isn't: its
   * last error is the `cause`. Must not throw.
   */
  readonly onFault: (error: unknown) => void;
  /** How long a command with the same idempotency key gets the first answer. Default 24. */
  readonly receiptRetentionHours?: number;
}

/** What such a program speaks: gift cards, and the log that they are told of orders by. */
const CONTRACTS = [giftCards, events] as const;

export interface PostgresGiftCardService extends GiftCardService {
  /**
   * Calls as somebody, like that of every gift card service. Its `Event` takes in events of other systems and shows what
   * became of them: what `Event.ingest` accepts of `order.refunded` and `order.cancelled` reaches the cards once somebody
   * is at work. It commits by itself and joins no transaction; each event counts once by source and id.
   */
  client(principal?: Principal): InProcessClient<typeof CONTRACTS>;
  /**
   * The log of all that happens, to subscribe to. `live` readers hear of each event in each process, from now on.
   * `exclusive` consumers act once in the whole cluster, from the log's beginning: their `unit` is a client of `pg` in the
   * transaction that also stores how far they have come, so that what they write on it, or do by commands with
   * `{ unit }`, counts exactly once. They need no `work`; `close` ends them all.
   */
  readonly log: EventLog;
  /**
   * Starts what runs by itself: mails with codes, large batches, expiries, events of orders, seals, purging. To be
   * called once, in one process at least; of several, each does a part.
   */
  work(): Promise<void>;
  /** Ends work and commands under way; the pool stays open. Closing twice is harmless. */
  close(): Promise<void>;
}

const STOP_MS = 10_000;
const FEWEST_CONNECTIONS = 5;

/**
 * Gift cards on a pool of the caller's. A call with `{ unit: client }` joins the transaction open on that client. Throws
 * `RangeError` for a pool of fewer than five connections.
 */
export function postgresGiftCards(options: PostgresGiftCardsOptions): PostgresGiftCardService {
  const { pool, onFault, receiptRetentionHours = 24 } = options;
  const resources = new Resources();
  const wakeup = new LogWakeup({ onError: onFault });
  resources.own('log wake-up', wakeup, () => wakeup.close());
  const log = new PostgresEventLog({ pool, wakeup, onError: onFault });
  const committed = (): void => wakeup.committed();
  const shares = sharesOf(pool);
  const repository = new PostgresGiftCards(GIFT_CARD_ERRORS, { pool, newId: uuidv7, committed, ...shares });
  resources.own('commands', repository, () => repository.close());
  const adapters = {
    repository,
    reader: new PostgresGiftCardReader(pool),
    bulkIssuer: new PostgresBulkIssuer(pool, uuidv7, committed),
    eraser: new PostgresRecipientEraser(pool),
    marks: new PostgresOrderMarks(pool),
  };
  const queue = postgresJobQueue({ pool, onFault });
  resources.own('jobs', queue, () => queue.close({ deadlineMs: STOP_MS }));
  // Closed before these: the caller's consumers may call commands.
  resources.own('event log', log, () => log.close());
  const hooks = { reached: log.reached.bind(log), explain: explainOutage, ...options.hooks };
  const service = giftCardService(adapters, { jobs: queue, ...options, hooks });
  const { positions } = service;
  const seals = new PostgresEventSeals({ pool, log, onError: onFault });
  const eventOperations = compile(events, eventHandlers({ log, seals, contracts: CONTRACTS }), {
    ...hooks,
    hash: receiptHash(readPeppers(options.peppers)),
    mustNotBeKept,
  });
  const operations = new Map([...service.operations, ...eventOperations]);
  return {
    ...service,
    operations,
    log,
    client: (principal = PROGRAM) => inProcessClient(CONTRACTS, operations, { principal, newId: uuidv7, positions }),
    async work() {
      const jobs = [...giftCardJobs(service.ports), purgeJob(pool, queue, receiptRetentionHours)];
      queue.work(jobs, { onEvent: reportDead(onFault) });
      for (const schedule of [...GIFT_CARD_SCHEDULES, PURGE_SCHEDULE]) await queue.schedule(schedule);
      for (const consumer of [jobStarter(queue), ...giftCardConsumers(service.ports)]) {
        const running = log.exclusive(consumer);
        resources.own(consumer.name, running, () => running.close());
      }
      const sealing = seals.run();
      resources.own('seals', sealing, () => sealing.close());
    },
    async close() {
      for (const { error } of await resources.close()) onFault(error);
    },
  };
}

/** Commands take half of the caller's connections at most: batches, and lanes for what is held by others. */
function sharesOf({ options: { max = 10 } }: Pool): { readonly maxBatches: number; readonly maxLanes: number } {
  if (max < FEWEST_CONNECTIONS) {
    throw new RangeError(`Gift cards need a pool of ${FEWEST_CONNECTIONS} connections or more; this one has ${max}.`);
  }
  const half = Math.floor(max / 2);
  const maxBatches = half > 2 ? 2 : 1;
  return { maxBatches, maxLanes: Math.min(8, half - maxBatches) };
}

const reportDead =
  (onFault: (error: unknown) => void) =>
  (event: JobWorkerEvent): void => {
    if (event.kind !== 'ended' || event.outcome !== 'dead') return;
    onFault(new Error(`The job ${event.job.id} (${event.job.type}) is dead.`, { cause: event.error }));
  };
