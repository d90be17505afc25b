import type { Job, JobFilter, JobState, JobStatistics } from '../../application/shared/job-queue.ts';
import { lostWorker } from './failure-summary.ts';
import { deadPerSchedule, maxDepthOf, queueFull } from './job-settings.ts';
import type { JobQueueSettings } from './job-settings.ts';
import { claimKey } from './job-store.ts';
import type { Claim, ClaimedJob, ClaimSlot, JobNews, JobStore, PreparedJob, Settlement } from './job-store.ts';
import { byOrder, toJob } from './memory-job-table.ts';
import type { MemoryJob, MemoryJobTable } from './memory-job-table.ts';

/** Jobs in the memory of one process. Each method does its work in one step, so that none sees half of another's. */
export class MemoryJobStore implements JobStore {
  readonly news: JobNews;
  readonly #table: MemoryJobTable;
  readonly #settings: JobQueueSettings;
  #listener: JobNews | undefined;

  constructor(table: MemoryJobTable, settings: JobQueueSettings) {
    this.#table = table;
    this.#settings = settings;
    const others = () => [...table.listeners].filter((listener) => listener !== this.#listener);
    this.news = {
      queued: (types) => others().forEach((listener) => listener.queued(types)),
      cancelling: (id) => others().forEach((listener) => listener.cancelling(id)),
    };
  }

  async insert(jobs: readonly PreparedJob[]): Promise<ReadonlySet<string>> {
    return this.#insert(jobs);
  }

  async requireRoom(type: string): Promise<void> {
    this.#requireRoom(type, 1);
  }

  async find(id: string): Promise<Job | undefined> {
    const job = this.#table.jobs.get(id);
    return job && toJob(job);
  }

  async list({ type, state, tenant, cursor }: JobFilter, limit: number) {
    const before = cursor === undefined ? Infinity : Number(cursor);
    const found = [...this.#table.jobs.values()]
      .filter((job) => job.number < before)
      .filter((job) => (type ?? job.type) === job.type && (state ?? job.state) === job.state)
      .filter((job) => (tenant ?? job.tenant) === job.tenant)
      .sort((a, b) => b.number - a.number);
    const page = found.slice(0, limit);
    return { jobs: page.map(toJob), nextCursor: found.length > limit ? String(page.at(-1)?.number) : undefined };
  }

  async cancel(id: string): Promise<{ readonly state: JobState; readonly changed: boolean } | undefined> {
    const job = this.#table.jobs.get(id);
    if (job === undefined || job.finishedAtMs !== undefined) return job && { state: job.state, changed: false };
    job.cancelRequested = true;
    if (job.state !== 'running') this.#table.move(job, 'cancelled');
    return { state: job.state, changed: true };
  }

  async redrive(id: string): Promise<string | undefined> {
    const job = this.#table.jobs.get(id);
    if (job?.state !== 'dead') return undefined;
    this.#table.move(job, 'queued', this.#table.clock());
    job.attempt = 0;
    return job.type;
  }

  async statistics(tenant?: string): Promise<readonly JobStatistics[]> {
    const now = this.#table.clock();
    const byType = new Map<string, { type: string; counts: Record<JobState, number>; oldestWaitingMs: number }>();
    for (const job of this.#table.jobs.values()) {
      if (tenant !== undefined && job.tenant !== tenant) continue;
      const { type, state, runAtMs, createdAtMs } = job;
      const counts = { scheduled: 0, queued: 0, running: 0, completed: 0, cancelled: 0, dead: 0 };
      const entry = byType.get(type) ?? { type, counts, oldestWaitingMs: 0 };
      byType.set(type, entry);
      entry.counts[state] += 1;
      const waits = state === 'queued' || state === 'scheduled';
      if (waits) entry.oldestWaitingMs = Math.max(entry.oldestWaitingMs, now - Math.max(runAtMs, createdAtMs));
    }
    return [...byType.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
  }

  async purge(olderThanMs: number, states: readonly JobState[]): Promise<number> {
    const before = this.#table.clock() - olderThanMs;
    const old = [...this.#table.jobs.values()].filter(
      ({ state, finishedAtMs = Infinity }) => states.includes(state) && finishedAtMs <= before,
    );
    old.forEach((job) => this.#table.remove(job));
    return old.length;
  }

  async claim(slots: readonly ClaimSlot[], limit: number): Promise<readonly ClaimedJob[]> {
    const taken = new Set([...this.#table.running].map(keyOf));
    const candidates = slots.flatMap((slot) => this.#table.queued(slot.type).map((job) => ({ job, slot })));
    candidates.sort((a, b) => byOrder(a.job, b.job));
    const left = new Map(slots.map(({ type, free }) => [type, free]));
    const claimed: ClaimedJob[] = [];
    for (const { job, slot } of candidates) {
      const free = left.get(job.type) ?? 0;
      if (claimed.length >= limit || free === 0 || taken.has(keyOf(job))) continue;
      taken.add(keyOf(job));
      left.set(job.type, free - 1);
      this.#take(job, slot);
      claimed.push({ id: job.id, claim: job.claim, job: toJob(job) });
    }
    return claimed;
  }

  async extendLeases(leases: readonly (Claim & { leaseMs: number })[]): Promise<ReadonlyMap<string, boolean>> {
    const held = new Map<string, boolean>();
    for (const lease of leases) {
      const job = this.#held(lease);
      if (job === undefined) continue;
      job.leaseUntilMs = this.#table.clock() + lease.leaseMs;
      held.set(claimKey(lease), job.cancelRequested);
    }
    return held;
  }

  async settle(settlements: readonly Settlement[]): Promise<ReadonlySet<string>> {
    const written = new Set<string>();
    for (const settlement of settlements) {
      const job = this.#held(settlement);
      if (job === undefined) continue;
      written.add(claimKey(settlement));
      this.#settleOne(job, settlement);
    }
    return written;
  }

  /** Without a transaction: what `mourn` did stays, even if it throws in the end or the claim is lost meanwhile. */
  async bury(settlement: Settlement, mourn: (unit: unknown) => Promise<void>): Promise<boolean> {
    const isMortal = (): boolean => this.#held(settlement)?.cancelRequested === false;
    if (!isMortal()) return false;
    await mourn(undefined);
    if (!isMortal()) return false;
    return (await this.settle([settlement])).size === 1;
  }

  async saveProgress(claim: Claim, done: number, total: number | undefined, note: string | undefined) {
    const job = this.#held(claim);
    if (job !== undefined && done >= (job.progress?.done ?? 0)) job.progress = { done, total, note };
    return job !== undefined;
  }

  async saveCheckpoint(claim: Claim, state: string): Promise<boolean> {
    const job = this.#held(claim);
    if (job !== undefined) job.checkpoint = state;
    return job !== undefined;
  }

  async maintain(types: readonly string[], mourned: readonly string[]): Promise<number> {
    const now = this.#table.clock();
    const scheduled = types.flatMap((type) => [...this.#table.scheduled(type)]);
    for (const job of scheduled) if (job.runAtMs <= now) this.#table.move(job, 'queued');
    for (const job of this.#table.running) {
      if (job.leaseUntilMs < now && types.includes(job.type)) this.#rescue(job, mourned);
    }
    return Math.min(...scheduled.filter(({ state }) => state === 'scheduled').map(({ runAtMs }) => runAtMs - now));
  }

  async openSchedule(name: string, cron: string, timezone: string): Promise<void> {
    const rule = `${timezone} ${cron}`;
    if (this.#table.lastTicks.get(name)?.rule === rule) return;
    this.#table.lastTicks.set(name, { rule, tickMs: this.#table.clock() });
  }

  async scheduleClock(names: readonly string[]) {
    const lastTicks = new Map<string, Date>();
    for (const name of names) {
      const last = this.#table.lastTicks.get(name);
      if (last !== undefined) lastTicks.set(name, new Date(last.tickMs));
    }
    return { now: new Date(this.#table.clock()), lastTicks };
  }

  async tick(name: string, tick: Date, job: PreparedJob): Promise<boolean> {
    const last = this.#table.lastTicks.get(name);
    if (last === undefined || last.tickMs >= tick.getTime()) return false;
    const isFree = this.#table.ofSchedule(name, 'scheduled', 'queued', 'running').length === 0;
    if (isFree) {
      this.#insert([job], name);
      const dead = this.#table.ofSchedule(name, 'dead');
      // The new one may die as well.
      for (const old of dead.slice(deadPerSchedule - 1)) this.#table.remove(old);
    }
    this.#table.lastTicks.set(name, { ...last, tickMs: tick.getTime() });
    return isFree;
  }

  listen(listener: JobNews): void {
    this.#listener = listener;
    this.#table.listeners.add(listener);
  }

  async close(): Promise<void> {
    if (this.#listener !== undefined) this.#table.listeners.delete(this.#listener);
  }

  #insert(jobs: readonly PreparedJob[], schedule?: string): ReadonlySet<string> {
    const fresh = new Map<string, PreparedJob>();
    for (const job of jobs) if (!this.#table.jobs.has(job.id) && !fresh.has(job.id)) fresh.set(job.id, job);
    for (const [type, arriving] of Map.groupBy(fresh.values(), (job) => job.type)) {
      this.#requireRoom(type, arriving.length);
    }
    for (const job of fresh.values()) this.#table.add(job, schedule);
    return new Set(fresh.keys());
  }

  #requireRoom(type: string, arriving: number): void {
    const depth = this.#table.queued(type).length + this.#table.scheduled(type).size;
    if (depth + arriving > maxDepthOf(type, this.#settings)) throw queueFull(type, this.#settings);
  }

  #take(job: MemoryJob, { maxAttempts, leaseMs }: ClaimSlot): void {
    this.#table.move(job, 'running');
    job.startedAtMs = this.#table.clock();
    job.leaseUntilMs = job.startedAtMs + leaseMs;
    job.attempt += 1;
    job.claim += 1;
    job.maxAttempts = job.retries?.attempts ?? maxAttempts;
  }

  /** The job of a claim that still holds. */
  #held({ id, claim }: Claim): MemoryJob | undefined {
    const job = this.#table.jobs.get(id);
    return job?.state === 'running' && job.claim === claim ? job : undefined;
  }

  #settleOne(job: MemoryJob, { state, delayMs, refund, result, failure }: Settlement): void {
    if (failure !== undefined) this.#recordFailure(job, failure);
    if (refund) job.attempt -= 1;
    if (job.cancelRequested) return this.#table.move(job, 'cancelled');
    job.result = result;
    const waits = state === 'scheduled' && delayMs === 0 ? 'queued' : state;
    this.#table.move(job, waits, delayMs === undefined ? job.runAtMs : this.#table.clock() + delayMs);
  }

  #rescue(job: MemoryJob, mourned: readonly string[]): void {
    this.#recordFailure(job, lostWorker);
    job.attempt = Math.min(job.attempt, job.maxAttempts);
    const state = job.attempt >= job.maxAttempts && !mourned.includes(job.type) ? 'dead' : 'queued';
    this.#table.move(job, job.cancelRequested ? 'cancelled' : state);
  }

  #recordFailure(job: MemoryJob, failure: { readonly code: string; readonly message: string }): void {
    const at = new Date(this.#table.clock());
    job.failures = [...job.failures, { attempt: job.attempt, at, ...failure }].slice(-10);
  }
}

/** Jobs with the same answer do not run together. */
function keyOf({ id, tenant, concurrencyKey }: MemoryJob): string {
  return JSON.stringify(concurrencyKey === undefined ? [id] : [tenant, concurrencyKey]);
}
