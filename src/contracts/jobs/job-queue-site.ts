import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobDefinition, JobPriority, JobQueue, NewJob } from '../../application/shared/job-queue.ts';
import type { ContractCase } from '../shared/contract-runner.ts';

/** The settings that the suite needs to choose; everything else is the adapter's default. */
export interface JobQueueSiteSettings {
  /** Jobs of one type that may wait. */
  readonly maxDepth?: number;
  readonly headStartMs?: Readonly<Record<JobPriority, number>>;
  /** Is told of the faults that a case brings about: the errors of a definition's `onDead`. */
  readonly onFault?: (error: unknown) => void;
}

/** One store of jobs and the means to reach it as several processes would. */
export interface JobQueueSite {
  /** Opens a further queue on the same store. */
  open(settings?: JobQueueSiteSettings): Promise<JobQueue>;
  /**
   * The same, but its workers' signs of life never reach the store, as if the process stood still. An adapter that
   * leaves it out lacks `takeover`: whether it takes over a crashed worker's jobs is not tested.
   */
  openSilent?(): Promise<JobQueue>;
  /** Runs `work` with a transaction of the caller's as `unit`: commits when it resolves, else rolls back and throws. */
  transaction?(work: (unit: unknown) => Promise<void>): Promise<void>;
  /** Called after all queues have been closed. Harmless when called again. */
  close(): Promise<void>;
}

/** `takeover`: there is an `openSilent`. `transaction`: it can be asked in a transaction of the caller's. */
export type JobQueueCapability = 'takeover' | 'transaction';

export type JobQueueCase = ContractCase<JobQueueSite, JobQueueCapability>;

/** Opens queues, uses them, and closes them whatever happens. */
export async function withQueues(
  opening: readonly Promise<JobQueue>[],
  use: (...queues: [JobQueue, ...JobQueue[]]) => Promise<void>,
): Promise<void> {
  const [first, ...others] = await Promise.all(opening);
  assert.ok(first !== undefined, 'A case opens a queue');
  try {
    await use(first, ...others);
  } finally {
    await Promise.all([first, ...others].map((queue) => queue.close({ deadlineMs: 0 })));
  }
}

/** A job type that no other case uses. */
export function uniqueType(word: string): string {
  return `contract.${word}-${randomUUID().slice(0, 8)}`;
}

/** A job of this type with a new id. */
export function jobOf(type: string, more: Partial<NewJob> = {}): NewJob {
  return { id: randomUUID(), type, payload: {}, ...more };
}

/** A definition that is quick in everything. */
export function quick(type: string, handler: JobDefinition['handler'], more: Partial<JobDefinition> = {}) {
  return { type, handler, retries: { attempts: 3, backoff: [20] }, ...more } satisfies JobDefinition;
}

/** Waits until the probe answers with something other than undefined or false. */
export async function until<Found>(
  what: string,
  probe: () => Promise<Found | undefined | false>,
  timeoutMs = 8_000,
): Promise<Found> {
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    assert.ok(performance.now() < endsAt, `Not within ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}

/** The job, once it is in this state. */
export function inState(queue: JobQueue, id: string, state: Job['state'], timeoutMs?: number): Promise<Job> {
  const probe = async () => {
    const job = await queue.get(id);
    return job?.state === state && job;
  };
  return until(`job is ${state}`, probe, timeoutMs);
}

/** Something that a test or a handler waits for, but not for ever: a case that fails still closes its queues. */
export function signalled(): { readonly signal: () => void; wait(timeoutMs?: number): Promise<void> } {
  let isDone = false;
  return {
    signal: () => (isDone = true),
    wait: async (timeoutMs) => void (await until('a signal', async () => isDone, timeoutMs)),
  };
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return signal.reason;
}
