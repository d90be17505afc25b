import { DomainError } from '../../domain/shared/domain-error.ts';

/** The job, definition, schedule or question is not one that the queue can carry. */
export class InvalidJob extends DomainError {
  static readonly code = 'jobs.invalid';
  static readonly kind = 'invalid';
}

/** So many jobs of this type wait that no more are taken in; `details.retryAfterSeconds` says when to ask again. */
export class JobQueueFull extends DomainError {
  static readonly code = 'jobs.queue_full';
  static readonly kind = 'rate_limited';
}

/** No job has this id. */
export class JobNotFound extends DomainError {
  static readonly code = 'jobs.not_found';
  static readonly kind = 'not_found';
}

/** Only a job that is dead can be re-driven. */
export class JobNotDead extends DomainError {
  static readonly code = 'jobs.not_dead';
  static readonly kind = 'conflict';
}

/** The queue or the worker was closed. */
export class JobQueueClosed extends DomainError {
  static readonly code = 'jobs.closed';
  static readonly kind = 'unavailable';
}

/** The reason of an abort: somebody cancelled the job. */
export class JobCancelled extends DomainError {
  static readonly code = 'jobs.cancelled';
  static readonly kind = 'conflict';
}

/** The reason of an abort: the handler took longer than its definition allows. Counts as a failed attempt. */
export class JobTimedOut extends DomainError {
  static readonly code = 'jobs.timed_out';
  static readonly kind = 'unavailable';
}

/**
 * The reason of an abort, and what `progress` and `checkpoint` throw: the lease ran out or another worker holds
 * the job. Nothing that this run still does is recorded.
 */
export class JobLeaseLost extends DomainError {
  static readonly code = 'jobs.lease_lost';
  static readonly kind = 'conflict';
}

/** The reason of an abort: the worker is stopping. The job is released and its attempt is not counted. */
export class JobWorkerStopping extends DomainError {
  static readonly code = 'jobs.worker_stopping';
  static readonly kind = 'unavailable';
}

/** Thrown by a handler: no repetition can succeed, so the job becomes a dead letter at once. */
export class PermanentJobFailure extends DomainError {
  static readonly code = 'jobs.permanent_failure';
  static readonly kind = 'rule_violated';
}

/** Thrown by a handler: not now. The job is run again after `details.delayMs` and the attempt is not counted. */
export class JobSnoozed extends DomainError {
  static readonly code = 'jobs.snoozed';
  static readonly kind = 'unavailable';
}

/** `throw snooze(30_000)`: run this job again after so many milliseconds, at no cost. */
export function snooze(delayMs: number): JobSnoozed {
  return new JobSnoozed(`Asked to be run again in ${delayMs} ms`, { delayMs });
}
