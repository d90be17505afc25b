import { JobCancelled, JobWorkerStopping } from '../../application/shared/job-errors.ts';
import type {
  Job,
  JobDefinition,
  JobWorker,
  JobWorkerEvent,
  JobWorkerOptions,
} from '../../application/shared/job-queue.ts';
import { conclude, exhausted } from './job-conclusion.ts';
import type { Conclusion } from './job-conclusion.ts';
import { summarizeFailure } from './failure-summary.ts';
import { JobRun, leaseLost } from './job-run.ts';
import type { JobQueueSettings } from './job-settings.ts';
import { claimKey } from './job-store.ts';
import type { ClaimedJob, ClaimSlot, JobNews, JobStore } from './job-store.ts';
import { Loop } from './loop.ts';
import { SettlementWriter } from './settlement-writer.ts';
import { completeDefinitions } from './worker-definitions.ts';
import type { CompleteDefinition } from './worker-definitions.ts';

/** Jobs taken by one statement. */
const maxClaim = 500;

/** Claims jobs from a store and runs them: the same for every technology. */
export class StoreWorker implements JobWorker, JobNews {
  readonly id: string;
  readonly #store: JobStore;
  readonly #settings: JobQueueSettings;
  readonly #definitions: ReadonlyMap<string, CompleteDefinition>;
  readonly #concurrency: number;
  readonly #tell: (event: JobWorkerEvent) => void;
  readonly #onFault: (error: unknown) => void;
  readonly #runs = new Map<string, { readonly run: JobRun; readonly ended: Promise<void> }>();
  /** Types of which there may be jobs to claim. */
  readonly #wanted = new Set<string>();
  readonly #settlements: SettlementWriter;
  readonly #maintenance: Loop;
  readonly #heartbeat: Loop;
  readonly #leaseCheck: NodeJS.Timeout;
  #claiming: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(
    id: string,
    store: JobStore,
    settings: JobQueueSettings,
    definitions: readonly JobDefinition[],
    options: JobWorkerOptions & { readonly onFault: (error: unknown) => void },
  ) {
    this.id = id;
    this.#store = store;
    this.#settings = settings;
    this.#definitions = completeDefinitions(definitions);
    this.#concurrency = options.concurrency ?? Infinity;
    this.#tell = options.onEvent ?? (() => undefined);
    const { onFault } = options;
    this.#onFault = onFault;
    this.#settlements = new SettlementWriter(store, onFault);
    const heartbeatMs = Math.min(...[...this.#definitions.values()].map(({ leaseMs }) => leaseMs)) / 3;
    this.#maintenance = new Loop(() => this.#maintain(), onFault, settings.pollMs);
    this.#heartbeat = new Loop(() => this.#extendLeases(heartbeatMs), onFault, heartbeatMs / 3);
    // Apart from the heartbeat, which may hang together with the store.
    this.#leaseCheck = setInterval(() => this.#runs.forEach(({ run }) => run.checkLease()), heartbeatMs);
    this.#maintenance.soon(0);
    this.#heartbeat.soon(heartbeatMs);
  }

  /** There may be jobs of these types. */
  queued(types: Iterable<string>): void {
    for (const type of types) if (this.#definitions.has(type)) this.#wanted.add(type);
    this.#claim();
  }

  /** A job may become due in so many milliseconds. */
  due(delayMs: number): void {
    this.#maintenance.soon(delayMs);
  }

  cancelling(id: string): void {
    for (const { run } of this.#runs.values()) if (run.claimed.id === id) run.abort(cancelled());
  }

  stop({ deadlineMs = 30_000 }: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    await this.#maintenance.stop();
    await this.#claiming;
    const ended = () => Promise.all([...this.#runs.values()].map((running) => running.ended));
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadlineMs)));
    await Promise.race([ended(), deadline]);
    clearTimeout(timer);
    this.#settlements.hurry();
    for (const { run } of this.#runs.values()) run.abort(new JobWorkerStopping('The worker is stopping'));
    await ended();
    clearInterval(this.#leaseCheck);
    await this.#heartbeat.stop();
  }

  /** Types whose jobs don't die without notice. */
  get #mourned(): readonly string[] {
    return [...this.#definitions.values()].flatMap(({ type, onDead }) => (onDead === undefined ? [] : [type]));
  }

  async #maintain(): Promise<number> {
    const types = [...this.#definitions.keys()];
    const nextDueInMs = await this.#store.maintain(types, this.#mourned);
    this.queued(types);
    return Math.min(this.#settings.pollMs, nextDueInMs);
  }

  #claim(): void {
    if (this.#claiming === undefined && this.#slots().length > 0) this.#claiming = this.#claimWanted();
  }

  async #claimWanted(): Promise<void> {
    try {
      for (let slots = this.#slots(); slots.length > 0; slots = this.#slots()) {
        for (const { type } of slots) this.#wanted.delete(type);
        const limit = Math.min(this.#concurrency - this.#runs.size, maxClaim);
        const claimedAt = performance.now();
        const claimed = await this.#store.claim(slots, limit, this.id);
        for (const job of claimed) this.#start(job, claimedAt);
        for (const slot of slots) if (mayWait(slot, claimed, limit)) this.#wanted.add(slot.type);
      }
    } catch (error) {
      this.#onFault(error);
    }
    // In one step with the last look at the slots, so that nothing wanted meanwhile is overlooked.
    this.#claiming = undefined;
  }

  /** Room for jobs of the types that are wanted. */
  #slots(): ClaimSlot[] {
    if (this.#stopped !== undefined || this.#runs.size >= this.#concurrency) return [];
    const running = new Map<string, number>();
    for (const { run } of this.#runs.values()) {
      const { type } = run.claimed.job;
      running.set(type, (running.get(type) ?? 0) + 1);
    }
    return [...this.#definitions.values()]
      .filter(({ type }) => this.#wanted.has(type))
      .map(({ type, concurrency, retries, leaseMs }) => {
        return { type, free: concurrency - (running.get(type) ?? 0), maxAttempts: retries.attempts, leaseMs };
      })
      .filter(({ free }) => free > 0);
  }

  #start(claimed: ClaimedJob, claimedAt: number): void {
    const definition = this.#definitions.get(claimed.job.type);
    if (definition === undefined) return;
    const lease = { leaseMs: definition.leaseMs, claimedAt };
    const run = new JobRun(claimed, lease, definition, this.#store, this.#settings);
    const ended = this.#carryOut(run, definition);
    this.#runs.set(claimKey(claimed), { run, ended });
  }

  async #carryOut(run: JobRun, definition: CompleteDefinition): Promise<void> {
    const { claimed } = run;
    const { job } = claimed;
    const startedAt = performance.now();
    this.#tell({ kind: 'started', job, waitedMs: waitedMs(job) });
    const retries = job.retries ?? definition.retries;
    const isSpent = definition.onDead !== undefined && job.attempt > retries.attempts;
    const conclusion = isSpent
      ? exhausted(claimed)
      : conclude(claimed, retries, await run.execute(definition.timeoutMs), Math.random());
    const written = await this.#write(conclusion, job, definition);
    this.#runs.delete(claimKey(claimed));
    const durationMs = performance.now() - startedAt;
    const outcome = written ? conclusion.outcome : 'lost';
    const error = written ? conclusion.error : leaseLost();
    this.#tell({ kind: 'ended', job, outcome, durationMs, error });
    if (conclusion.settlement?.delayMs !== undefined) this.due(conclusion.settlement.delayMs);
    // The end of a job with a key makes room for the next one with that key, of whatever type.
    this.queued(job.concurrencyKey === undefined ? [] : this.#definitions.keys());
  }

  async #write({ settlement, error }: Conclusion, job: Job, { onDead }: CompleteDefinition): Promise<boolean> {
    if (settlement === undefined) return false;
    if (settlement.state === 'dead' && onDead !== undefined) {
      const mourn = (unit: unknown): Promise<void> => onDead(job, summarizeFailure(error), unit);
      return this.#store.bury(settlement, mourn).catch((fault: unknown) => {
        this.#onFault(fault);
        return false;
      });
    }
    try {
      return await this.#settlements.write(settlement);
    } catch {
      // Each try was told as a fault. The job's lease runs out and it is run again.
      return false;
    }
  }

  async #extendLeases(heartbeatMs: number): Promise<number> {
    if (this.#runs.size === 0) return heartbeatMs;
    const sentAt = performance.now();
    const runs = [...this.#runs.values()].map(({ run }) => run);
    const held = await this.#store.extendLeases(
      runs.map(({ claimed, leaseMs }) => ({ id: claimed.id, claim: claimed.claim, leaseMs })),
    );
    for (const run of runs) {
      const cancelRequested = held.get(claimKey(run.claimed));
      if (cancelRequested === undefined) run.abort(leaseLost());
      else run.extended(sentAt);
      if (cancelRequested === true) run.abort(cancelled());
    }
    return Math.max(0, heartbeatMs - (performance.now() - sentAt));
  }
}

/** Whether more jobs may wait for this slot: it was filled, the limit was reached, or a key was in the way. */
function mayWait({ type, free }: ClaimSlot, claimed: readonly ClaimedJob[], limit: number): boolean {
  const taken = claimed.filter(({ job }) => job.type === type);
  return taken.length >= free || claimed.length >= limit || taken.some(({ job }) => job.concurrencyKey !== undefined);
}

function cancelled(): JobCancelled {
  return new JobCancelled('The job was cancelled');
}

function waitedMs({ startedAt, runAt, createdAt }: ClaimedJob['job']): number {
  return Math.max(0, (startedAt?.getTime() ?? 0) - Math.max(runAt.getTime(), createdAt.getTime()));
}
