/** What a program that embeds or adapts has to be able to name. `npm run types` checks this file; nothing runs it. */
import type { CardFilter, Liability, Page, Paged, Reconciliation } from '../../src/composition/entry-gift-cards.ts';
import type {
  Authenticate,
  Fetch,
  HealthOptions,
  HttpApiOptions,
  HttpClientOptions,
  Report,
  RetryPolicy,
} from '../../src/composition/entry-http.ts';
import type { memoryJobQueue } from '../../src/composition/entry-jobs.ts';
import type { createMemoryApiTokens, createMemoryRateCounters } from '../../src/composition/entry-memory.ts';
import type { createMemoryLockService } from '../../src/composition/entry-memory.ts';
import type {
  ApiTokenRepository,
  ConsumerEffect,
  EventLog,
  EventSeals,
  ExclusiveConsumer,
  JobDefinition,
  JobQueue,
  JobRetryPolicy,
  JobSchedule,
  LockService,
  LoggedEvent,
  PositionTokens,
  RateCounters,
  Running,
  Sealer,
} from '../../src/composition/entry-portolan.ts';
import type {
  LockOutcome,
  PostgresGiftCardService,
  PostgresLockService,
} from '../../src/composition/entry-postgres.ts';
import type { GiftCardAdapters, GiftCardService } from '../../src/composition/entry-gift-cards.ts';

/** Compiles only where `Given` does for `Wanted`. */
type Fits<Wanted, _Given extends Wanted> = true;

/** The adapters are of the ports that the suites are for. */
export type Adapters = [
  Fits<JobQueue, ReturnType<typeof memoryJobQueue>>,
  Fits<ApiTokenRepository, ReturnType<typeof createMemoryApiTokens>>,
  Fits<RateCounters, ReturnType<typeof createMemoryRateCounters>>,
  Fits<LockService, ReturnType<typeof createMemoryLockService>>,
  Fits<LockService, PostgresLockService>,
];

/** The names are those of the parameters and results that they are needed for. */
export type Uses = [
  Fits<Authenticate, HttpApiOptions['authenticate']>,
  Fits<Report, HttpApiOptions['report']>,
  Fits<HealthOptions, NonNullable<HttpApiOptions['health']>>,
  Fits<PositionTokens, NonNullable<HttpApiOptions['positions']>>,
  Fits<PositionTokens, GiftCardService['positions']>,
  Fits<Sealer, GiftCardService['ports']['sealer']>,
  Fits<Fetch, NonNullable<HttpClientOptions['fetch']>>,
  Fits<Partial<RetryPolicy>, NonNullable<HttpClientOptions['retry']>>,
  Fits<Parameters<GiftCardAdapters['reader']['list']>, [string, CardFilter, Page]>,
  Fits<Paged<unknown>, Awaited<ReturnType<GiftCardAdapters['reader']['list']>>>,
  Fits<readonly Liability[], Awaited<ReturnType<GiftCardAdapters['reader']['liability']>>>,
  Fits<Reconciliation, Awaited<ReturnType<GiftCardAdapters['reader']['reconcile']>>>,
  Fits<readonly JobDefinition[], Parameters<JobQueue['work']>[0]>,
  Fits<JobRetryPolicy, NonNullable<JobDefinition['retries']>>,
  Fits<JobSchedule, Parameters<JobQueue['schedule']>[0]>,
  Fits<{ run(): unknown }, EventSeals>,
  Fits<EventLog, PostgresGiftCardService['log']>,
  Fits<Running, ReturnType<EventLog['live']>>,
  Fits<[readonly LoggedEvent[]], Parameters<Parameters<EventLog['live']>[0]>>,
  Fits<[ExclusiveConsumer], Parameters<EventLog['exclusive']>>,
  Fits<LockOutcome<unknown>, Awaited<ReturnType<PostgresLockService['tryWithLock']>>>,
  Fits<[LoggedEvent, ConsumerEffect], Parameters<ExclusiveConsumer['handle']>>,
];
