/**
 * The package's entries, by the names under which `package.json` exports them:
 *
 * - `portolan` (this file): the language of all contexts, and calls
 * - `portolan/gift-cards` (entry-gift-cards.ts): a context; one such entry each
 * - `portolan/memory`, `portolan/postgres`, `portolan/http`, `portolan/jobs` (entry-….ts): technologies; each loads its own
 *   libraries only
 * - `portolan/contracts/<context>/<file>` (src/contracts): what an adapter has to keep
 *
 * What stands here is public and changes with a major version only; everything else is internal.
 */
export { apiTokens } from '../application/access/contract.ts';
export type { RateCounters, WindowHits } from '../application/access/rate-counters.ts';
export { events } from '../application/events/contract.ts';
export { jobs } from '../application/jobs/contract.ts';
export { privacy } from '../application/privacy/contract.ts';
export {
  command,
  context,
  event,
  personal,
  query,
  sampled,
  secret,
  stream,
  type CommandDefinition,
  type ContextContract,
  type EventDefinition,
  type InputOf,
  type LibraryInputOf,
  type OperationDefinition,
  type OutputOf,
  type ParsedInputOf,
  type PayloadOf,
  type QueryDefinition,
  type RateLimit,
  type StreamDefinition,
} from '../application/shared/contract.ts';
export {
  compile,
  type CompiledOperation,
  type Handler,
  type Handlers,
  type MustNotBeKept,
  type PipelineHooks,
} from '../application/shared/pipeline.ts';
export { commandContext, type Call, type Principal, type Reply } from '../application/shared/call.ts';
export {
  inProcessClient,
  type Answer,
  type AnswerMeta,
  type CallOptions,
  type Client,
  type InProcessCallOptions,
  type InProcessClient,
} from '../application/shared/client.ts';
export { ERROR_TABLE, type ErrorMeaning } from '../application/shared/error-table.ts';
export * from '../application/shared/errors.ts';
export { InvalidMail, MailRefused, MailUnavailable, type Mail, type Mailer } from '../application/shared/mailer.ts';
export type * from '../application/shared/event-log.ts';
export type { GuessGuard } from '../application/shared/guess-guard.ts';
export * from '../application/shared/job-errors.ts';
export type {
  EnqueuedJob,
  ExponentialBackoff,
  Job,
  JobContext,
  JobDefinition,
  JobFailure,
  JobFilter,
  JobPage,
  JobPriority,
  JobProgress,
  JobQueue,
  JobSchedule,
  JobState,
  JobStatistics,
  JobWorker,
  JobWorkerEvent,
  JobWorkerOptions,
  NewJob,
  RetryPolicy as JobRetryPolicy,
} from '../application/shared/job-queue.ts';
export type { LockOutcome, LockService } from '../application/shared/lock-service.ts';
export { positionTokens, type PositionTokens } from '../application/shared/position-tokens.ts';
export { SealBroken, type Sealer } from '../application/shared/sealer.ts';
export type {
  ApiTokenBook,
  ApiTokenChanges,
  ApiTokenFilter,
  ApiTokenKeys,
  ApiTokenRepository,
  ListedApiToken,
} from '../domain/access/api-token-repository.ts';
export { ApiToken, type ApiTokenSnapshot, type NewApiToken } from '../domain/access/api-token.ts';
export {
  ApiTokenNotFound,
  CreatorNoLongerActive,
  InvalidTokenExpiry,
  PermissionNotHeld,
  UnknownPermission,
  UnknownRole,
} from '../domain/access/errors.ts';
export * from '../domain/events/errors.ts';
export {
  DomainError,
  type DomainErrorClass,
  type ErrorDetails,
  type ErrorKind,
  type Json,
} from '../domain/shared/domain-error.ts';
export {
  judge,
  refuse,
  type Accepted,
  type CommandContext,
  type Committed,
  type Decision,
  type JobRequest,
  type NewEvent,
  type ReceiptKey,
  type Refused,
} from '../domain/shared/decision.ts';
export { CurrencyMismatch, InvalidAmount, Money, UnsupportedCurrency } from '../domain/shared/money.ts';
