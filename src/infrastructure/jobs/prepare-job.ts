import { MAX_ACTOR_LENGTH } from '../../application/shared/call.ts';
import { InvalidJob } from '../../application/shared/job-errors.ts';
import type { JobPriority, NewJob, RetryPolicy } from '../../application/shared/job-queue.ts';
import type { JobQueueSettings } from './job-settings.ts';
import type { PreparedJob } from './job-store.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const typePattern = /^[a-z0-9][a-z0-9.:_-]{0,99}$/;
const maxTextLength = 200;
const lastInstantMs = Date.UTC(9999, 11, 31);
const yearMs = 366 * 24 * 60 * 60 * 1000;

/** The longest time that a timer can be set to. */
export const maxTimerMs = 2 ** 31 - 1;

/** Whether the text is a UUID; ids are kept in lower case. */
export const isUuid = (text: string): boolean => uuidPattern.test(text);

/** Throws `InvalidJob` with the message unless the condition holds. */
export function requireValid(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvalidJob(message);
}

/** Checks a job and fills in what it leaves open; throws `InvalidJob`. */
export function prepareJob(job: NewJob, settings: JobQueueSettings): PreparedJob {
  requireValid(isUuid(job.id), 'The id of a job is a UUID');
  requireType(job.type);
  if (job.retries !== undefined) requireRetryPolicy(job.retries);
  requireValid(job.runAt === undefined || job.delayMs === undefined, 'Either runAt or delayMs, not both');
  requireValid(job.runAt === undefined || isInstant(job.runAt), 'runAt is an instant from 1970 to 9999');
  const delayMs = job.delayMs ?? 0;
  requireValid(delayMs >= 0 && delayMs <= 10 * yearMs, 'delayMs is from 0 to ten years');
  const priority = job.priority ?? 'default';
  const { concurrencyKey, actor, correlationId, traceParent } = job;
  const tenant = job.tenant ?? 'default';
  requireText(actor, MAX_ACTOR_LENGTH);
  for (const text of [tenant, concurrencyKey, correlationId, traceParent]) requireText(text, maxTextLength);
  return {
    id: job.id.toLowerCase(),
    type: job.type,
    tenant,
    payload: encodeJson(job.payload, settings) ?? 'null',
    priority,
    headStartMs: headStartOf(priority, settings),
    runAt: job.runAt,
    delayMs,
    retries: job.retries,
    concurrencyKey,
    actor,
    correlationId,
    traceParent,
  };
}

/** JSON text of a value within the limit of the settings, undefined for undefined; throws `InvalidJob`. */
export function encodeJson(value: unknown, settings: JobQueueSettings): string | undefined {
  const text: string | undefined = JSON.stringify(value);
  const bytes = text === undefined ? 0 : Buffer.byteLength(text);
  requireValid(bytes <= settings.maxJsonBytes, `${bytes} bytes of JSON are more than ${settings.maxJsonBytes}`);
  return text;
}

export function requireType(type: string): void {
  requireValid(typePattern.test(type), 'A job type has 1 to 100 of a-z, 0-9, ".", ":", "_" and "-"');
}

export function requireRetryPolicy({ attempts, backoff, jitter = 0 }: RetryPolicy): void {
  requireValid(Number.isInteger(attempts) && attempts >= 1 && attempts <= 1000, 'attempts is from 1 to 1000');
  requireValid(jitter >= 0 && jitter <= 1, 'jitter is from 0 to 1');
  const waits = 'factor' in backoff ? [backoff.initialMs, backoff.maxMs] : backoff;
  requireValid(
    waits.every((ms) => ms >= 0 && ms <= yearMs),
    'A wait is from 0 to one year',
  );
  requireValid(!('factor' in backoff) || backoff.factor >= 1, 'factor is at least 1');
}

function headStartOf(priority: JobPriority, settings: JobQueueSettings): number {
  const headStartMs: number | undefined = settings.headStartMs[priority];
  requireValid(headStartMs !== undefined, 'priority is critical, high_priority, default or low_priority');
  return headStartMs;
}

function isInstant(date: Date): boolean {
  return date.getTime() >= 0 && date.getTime() <= lastInstantMs;
}

function requireText(text: string | undefined, max: number): void {
  if (text === undefined) return;
  const fits = text.length >= 1 && text.length <= max && !text.includes('\0') && text.isWellFormed();
  requireValid(fits, `Texts have 1 to ${max} characters, none of them NUL`);
}
