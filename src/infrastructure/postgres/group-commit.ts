import type { ClientBase, Pool } from 'pg';
import { CommandInProgress, ResourceBusy, ServiceUnavailable } from '../../application/shared/errors.ts';
import type { CommandContext, Committed, Decision } from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import { runBatch, type BatchCommand, type BatchResult } from './batch-run.ts';
import { abandon, isOutage, isPassing, OutcomeUnknown, overdue } from './batch-failure.ts';
import type { BatchStore } from './batch-store.ts';
import { sendOn, sequential, type Statement } from './statement.ts';

export interface GroupCommitOptions {
  /** As many connections as batches and lanes together, best in pipeline mode: others take more round trips. */
  readonly pool: Pool;
  readonly newId: () => string;
  /** Told of each commit that wrote events, so that readers wake up. */
  readonly committed?: (position: bigint) => void;
  /** Told of each batch, for metrics. */
  readonly observe?: (batch: { readonly size: number; readonly durationMs: number }) => void;
  /** Commands in one transaction; 1 is the plain path. Default 256. */
  readonly maxBatchSize?: number;
  /** Transactions at a time on the common path. Default 2: one is judged while the other is stored. */
  readonly maxBatches?: number;
  /** Transactions at a time that wait for rows held by others. Default 8. */
  readonly maxLanes?: number;
  /** Commands that may wait at a time; more are turned away at once. Default 10,000. */
  readonly maxQueued?: number;
  /** How long a command may take altogether, waiting and retries included. Default 10 s. */
  readonly deadlineMs?: number;
}

interface Pending<Keys, Book, Changes> extends BatchCommand<Keys, Book, Changes> {
  readonly names: readonly string[];
  readonly deadlineAt: number;
  readonly resolve: (committed: Committed<Json>) => void;
  readonly reject: (error: unknown) => void;
}

const BEGIN: Statement = { text: 'BEGIN', values: [] };
const COMMIT: Statement = { text: 'COMMIT', values: [] };
const WAIT_AT_MOST: Statement = { text: `SET LOCAL lock_timeout = '1s'`, values: [] };

/**
 * Runs commands of one context in shared transactions: a batch is whatever was queued while the last one ran. Commands
 * whose rows a stranger holds leave the common path for a lane of their own, where they wait without delaying others.
 * A failed batch is run again command by command, so that a command fails only itself.
 */
export class GroupCommit<Keys, Book, Changes, Handle> {
  readonly #store: BatchStore<Keys, Book, Changes, Handle>;
  readonly #options: Required<Omit<GroupCommitOptions, 'committed' | 'observe'>> & GroupCommitOptions;
  readonly #queue: Pending<Keys, Book, Changes>[] = [];
  readonly #lanes = new Map<string, Pending<Keys, Book, Changes>[]>();
  readonly #waitingLanes: string[] = [];
  /** Names of the keys of batches that are under way. */
  readonly #inFlight = new Map<string, number>();
  readonly #running = new Set<string>();
  #batches = 0;
  #activeLanes = 0;
  #pumping = false;
  #closed = false;
  readonly #idle: (() => void)[] = [];

  constructor(store: BatchStore<Keys, Book, Changes, Handle>, options: GroupCommitOptions) {
    this.#store = store;
    this.#options = {
      maxBatchSize: 256,
      maxBatches: 2,
      maxLanes: 8,
      maxQueued: 10_000,
      deadlineMs: 10_000,
      ...options,
    };
  }

  /** Queues a command and resolves once its outcome is durable. */
  async submit<Answer extends Json>(
    context: CommandContext,
    keys: Keys,
    decide: (book: Book) => Decision<Answer, Changes>,
  ): Promise<Committed<Answer>> {
    if (context.unit !== undefined) return this.within(context.unit as ClientBase, context, keys, decide);
    if (this.#closed) throw new ServiceUnavailable('The service is stopping.', { retryAfterSeconds: 1 });
    if (this.#queue.length >= this.#options.maxQueued) {
      throw new ServiceUnavailable('Too many commands are waiting.', { retryAfterSeconds: 1 });
    }
    const id = context.receipt?.id;
    if (id !== undefined) {
      if (this.#running.has(id)) throw new CommandInProgress('This command is running.', { retryAfterSeconds: 1 });
      this.#running.add(id);
    }
    try {
      return (await new Promise<Committed<Json>>((resolve, reject) => {
        const deadlineAt = performance.now() + this.#options.deadlineMs;
        const names = this.#store.names(context.tenant, keys);
        this.#queue.push({ context, keys, decide, names, deadlineAt, resolve, reject });
        this.#schedule();
      })) as Committed<Answer>;
    } finally {
      if (id !== undefined) this.#running.delete(id);
    }
  }

  /** Runs a command on a transaction of the caller's; the outcome is provisional until he commits. */
  async within<Answer extends Json>(
    client: ClientBase,
    context: CommandContext,
    keys: Keys,
    decide: (book: Book) => Decision<Answer, Changes>,
  ): Promise<Committed<Answer>> {
    const frame = { begin: [], commit: [], wait: true, ending: () => undefined };
    const command = { context, keys, decide };
    const { results } = await runBatch(sequential(client), this.#store, [command], this.#options.newId, frame);
    const [result] = results;
    if (result !== undefined && 'committed' in result) return result.committed as Committed<Answer>;
    throw result !== undefined && 'error' in result ? result.error : new ResourceBusy('The rows are held by others.');
  }

  /** Takes no more commands and resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#batches === 0 && this.#activeLanes === 0 && this.#lanes.size === 0;
  }

  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // After the microtasks of this turn, so that callers who came together are in one batch.
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#batches < this.#options.maxBatches && this.#queue.length > 0) {
      const batch = this.#pick();
      if (batch.length === 0) break;
      this.#batches += 1;
      void this.#run(batch, false).finally(() => {
        this.#batches -= 1;
        this.#settled();
      });
    }
    while (this.#activeLanes < this.#options.maxLanes && this.#waitingLanes.length > 0) this.#startLane();
  }

  #settled(): void {
    this.#pump();
    if (!this.#isIdle()) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /**
   * Takes commands of one tenant from the queue in order, leaving those whose keys are in a batch under way. What is
   * left reserves its keys, so that nobody overtakes it.
   */
  #pick(): Pending<Keys, Book, Changes>[] {
    const picked: Pending<Keys, Book, Changes>[] = [];
    const left: Pending<Keys, Book, Changes>[] = [];
    const reserved = new Set<string>();
    const tenant = this.#queue[0]?.context.tenant;
    for (const command of this.#queue) {
      if (this.#expire(command)) continue;
      const lane = command.names.find((name) => this.#lanes.has(name));
      if (lane !== undefined) {
        this.#lanes.get(lane)?.push(command);
      } else if (
        picked.length < this.#options.maxBatchSize &&
        command.context.tenant === tenant &&
        !command.names.some((name) => this.#inFlight.has(name) || reserved.has(name))
      ) {
        picked.push(command);
      } else {
        left.push(command);
        for (const name of command.names) reserved.add(name);
      }
    }
    this.#queue.splice(0, this.#queue.length, ...left);
    return picked;
  }

  #startLane(): void {
    const name = this.#waitingLanes.shift();
    const waiting = name === undefined ? undefined : this.#lanes.get(name);
    if (name === undefined || waiting === undefined) return;
    const batch = waiting.splice(0, this.#options.maxBatchSize);
    this.#activeLanes += 1;
    void this.#run(batch, true).finally(() => {
      this.#activeLanes -= 1;
      if (waiting.length > 0) this.#waitingLanes.push(name);
      else this.#lanes.delete(name);
      this.#settled();
    });
  }

  #toLane(name: string, command: Pending<Keys, Book, Changes>): void {
    const lane = this.#lanes.get(name);
    if (lane !== undefined) {
      lane.push(command);
      return;
    }
    this.#lanes.set(name, [command]);
    this.#waitingLanes.push(name);
  }

  /** Runs a batch until each of its commands is settled, has moved to a lane, or has been put back. */
  async #run(batch: readonly Pending<Keys, Book, Changes>[], wait: boolean): Promise<void> {
    const live = batch.filter((command) => !this.#expire(command));
    if (live.length === 0) return;
    for (const { names } of live) for (const name of names) count(this.#inFlight, name, 1);
    let again: readonly Pending<Keys, Book, Changes>[] = [];
    let outage = false;
    try {
      await this.#attempt(live, wait);
    } catch (error) {
      outage = isOutage(error);
      again = live.filter((command) => !this.#fail(command, error, live.length === 1));
      if (outage) await pause(50);
    } finally {
      for (const { names } of live) for (const name of names) count(this.#inFlight, name, -1);
    }
    if (outage || live.length === 1) for (const command of again.toReversed()) this.#again(command, wait);
    // One of them broke the batch: alone, each fails only itself.
    else for (const command of again) await this.#run([command], wait);
  }

  async #attempt(live: readonly Pending<Keys, Book, Changes>[], wait: boolean): Promise<void> {
    const startedAt = performance.now();
    const client = await this.#options.pool.connect();
    let ending = false;
    try {
      const frame = {
        begin: wait ? [BEGIN, WAIT_AT_MOST] : [BEGIN],
        commit: [COMMIT],
        wait,
        ending: () => (ending = true),
      };
      const { results, position } = await runBatch(sendOn(client), this.#store, live, this.#options.newId, frame);
      client.release();
      if (position !== undefined) this.#options.committed?.(position);
      results.forEach((result, index) => this.#settle(live[index] as Pending<Keys, Book, Changes>, result));
    } catch (error) {
      await abandon(client, error);
      throw ending && isOutage(error) ? new OutcomeUnknown(error) : error;
    } finally {
      this.#options.observe?.({ size: live.length, durationMs: performance.now() - startedAt });
    }
  }

  #settle(command: Pending<Keys, Book, Changes>, result: BatchResult): void {
    if ('committed' in result) command.resolve(result.committed);
    else if ('error' in result) command.reject(result.error);
    else if (!this.#expire(command)) this.#toLane(result.busy, command);
  }

  /** Rejects a command whose failure is its own or final; false when it may be run again. */
  #fail(command: Pending<Keys, Book, Changes>, error: unknown, alone: boolean): boolean {
    if (error instanceof OutcomeUnknown && command.context.receipt === undefined) {
      command.reject(new ServiceUnavailable('The connection was lost; whether the command was stored is not known.'));
      return true;
    }
    if (alone && !isPassing(error)) {
      command.reject(error);
      return true;
    }
    return this.#expire(command, error);
  }

  /** Rejects a command whose time is over. */
  #expire(command: Pending<Keys, Book, Changes>, lastFailure?: unknown): boolean {
    if (performance.now() < command.deadlineAt && command.context.signal?.aborted !== true) return false;
    command.reject(overdue(lastFailure));
    return true;
  }

  /** Puts a command back to where it came from, at the front. */
  #again(command: Pending<Keys, Book, Changes>, wait: boolean): void {
    const [name] = command.names;
    if (wait && name !== undefined) this.#toLane(name, command);
    else this.#queue.unshift(command);
  }
}

function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const next = (counts.get(name) ?? 0) + by;
  if (next === 0) counts.delete(name);
  else counts.set(name, next);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
