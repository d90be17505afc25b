import { JobLeaseLost, JobTimedOut } from '../../application/shared/job-errors.ts';
import type { JobContext, JobDefinition } from '../../application/shared/job-queue.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import type { AbortReason, Ending } from './job-conclusion.ts';
import type { JobQueueSettings } from './job-settings.ts';
import type { ClaimedJob, JobStore } from './job-store.ts';
import { encodeJson, requireValid } from './prepare-job.ts';

const maxNoteLength = 200;

/** One run of one handler, from the claim to its end. */
export class JobRun {
  readonly claimed: ClaimedJob;
  readonly leaseMs: number;
  readonly #definition: JobDefinition;
  readonly #store: JobStore;
  readonly #settings: JobQueueSettings;
  readonly #controller = new AbortController();
  #reason: AbortReason | undefined;
  #leaseEndsAt: number;

  constructor(
    claimed: ClaimedJob,
    lease: { readonly leaseMs: number; readonly claimedAt: number },
    definition: JobDefinition,
    store: JobStore,
    settings: JobQueueSettings,
  ) {
    this.claimed = claimed;
    this.leaseMs = lease.leaseMs;
    this.#leaseEndsAt = lease.claimedAt + lease.leaseMs;
    this.#definition = definition;
    this.#store = store;
    this.#settings = settings;
  }

  /** Tells the handler to stop; the first reason stays. */
  abort(reason: AbortReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller.abort(reason);
  }

  /** The lease was extended by a statement sent at that time (of `performance.now()`). */
  extended(sentAt: number): void {
    this.#leaseEndsAt = sentAt + this.leaseMs;
  }

  /** Aborts the run if its lease has run out: others may have the job by now. */
  checkLease(): void {
    if (performance.now() >= this.#leaseEndsAt) this.abort(leaseLost());
  }

  /** Resolves when the handler has ended, or has not although it was told to and the time of grace is over. */
  async execute(timeoutMs: number): Promise<Ending> {
    const timer = setTimeout(() => this.abort(new JobTimedOut(`Took longer than ${timeoutMs} ms`)), timeoutMs);
    const grace = this.#graceAfterAbort();
    try {
      const ending = await Promise.race([this.#callHandler(), grace.over]);
      return this.#reason === undefined ? ending : { kind: 'aborted', reason: this.#reason };
    } finally {
      clearTimeout(timer);
      grace.cancel();
    }
  }

  async #callHandler(): Promise<Ending> {
    try {
      const result = await this.#definition.handler(this.claimed.job, this.#context());
      return { kind: 'returned', result: encodeJson(result, this.#settings) };
    } catch (error) {
      return { kind: 'threw', error };
    }
  }

  #graceAfterAbort(): { readonly over: Promise<Ending>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<Ending>();
    let timer: NodeJS.Timeout | undefined;
    const onAbort = () => {
      timer = setTimeout(() => resolve({ kind: 'threw', error: this.#reason }), this.#settings.abortGraceMs);
    };
    const { signal } = this.#controller;
    signal.addEventListener('abort', onAbort, { once: true });
    const cancel = () => {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    };
    return { over: promise, cancel };
  }

  #context(): JobContext {
    const { job } = this.claimed;
    return {
      attempt: job.attempt,
      signal: this.#controller.signal,
      state: job.checkpoint,
      progress: async (done, total, note) => {
        for (const count of [done, total ?? 0]) {
          requireValid(Number.isFinite(count) && count >= 0, 'Progress is counted in numbers from 0');
        }
        const text = note?.replaceAll('\0', ' ').slice(0, maxNoteLength).toWellFormed();
        await this.#fenced(this.#store.saveProgress(this.claimed, done, total, text));
      },
      checkpoint: async (state: Json) => {
        await this.#fenced(this.#store.saveCheckpoint(this.claimed, encodeJson(state, this.#settings) ?? 'null'));
      },
    };
  }

  async #fenced(write: Promise<boolean>): Promise<void> {
    if (await write) return;
    const error = leaseLost();
    this.abort(error);
    throw error;
  }
}

/** The job is another's, or may be by now. */
export function leaseLost(): JobLeaseLost {
  return new JobLeaseLost('The lease ran out, or another worker holds the job');
}
