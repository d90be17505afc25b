import type { ClientBase, PoolClient } from 'pg';
import { CommandInProgress, ResourceBusy, ServiceUnavailable } from '../../application/shared/errors.ts';
import type { CommandContext, Committed, Decision } from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import { runBatch, type BatchResult } from './batch-run.ts';
import { pause } from '../system/pause.ts';
import { abandon, isLockTimeout, isOutage, isPassing, OutcomeUnknown, overdue, unavailable } from './batch-failure.ts';
import { BatchConnections } from './batch-connections.ts';
import { BatchLanes, beginning, takeFrom } from './batch-lanes.ts';
import { tellInTurns, type Pending, type Tell } from './batch-pending.ts';
import { BatchQueue } from './batch-queue.ts';
import type { BatchStore, Held } from './batch-store.ts';
import type { GroupCommitOptions } from './group-commit-options.ts';
import { UNANSWERED_MS } from './pools.ts';
import { inTurn, sendOn, sequential, type Statement } from './statement.ts';

const COMMIT: Statement = { text: 'COMMIT', values: [] };
const NO_WAIT: Statement = { text: 'SELECT 1', values: [] };

const OUTAGE_PAUSE_MS = 50;
const DEADLINES_EVERY_MS = 250;
/** Fewer commands than this are not shared out among batches. */
const WORTH_SHARING = 64;
const MAX_FAILURES_ALONE = 5;

/**
 * Runs commands of one context in shared transactions: a batch is whatever was queued while the last one ran. Commands
 * whose rows a stranger holds leave the common path for a lane of their own, where they wait without delaying others:
 * a lane waits for its one row and holds nothing meanwhile. Whoever breaks a batch is found by running its commands
 * one by one, so that a command fails only itself.
 */
export class GroupCommit<Keys, Book, Changes> {
  readonly #store: BatchStore<Keys, Book, Changes>;
  readonly #options: Required<Omit<GroupCommitOptions, 'committed' | 'observe' | 'watch'>> & GroupCommitOptions;
  readonly #queue = new BatchQueue<Pending<Keys, Book, Changes>>();
  readonly #lanes = new BatchLanes<Pending<Keys, Book, Changes>>();
  readonly #connections: BatchConnections<Pending<Keys, Book, Changes>>;
  /** Receipts of the commands that are under way. */
  readonly #running = new Set<string>();
  #pending = 0;
  #batches = 0;
  #activeLanes = 0;
  #pumping = false;
  #watching = false;
  #closed = false;
  readonly #idle: (() => void)[] = [];

  constructor(store: BatchStore<Keys, Book, Changes>, options: GroupCommitOptions) {
    this.#store = store;
    this.#options = {
      maxBatchSize: 256,
      maxBatches: 2,
      maxLanes: 8,
      maxQueued: 10_000,
      deadlineMs: 10_000,
      ...options,
    };
    this.#connections = new BatchConnections(options.pool);
    options.watch?.(() => this.#pending);
  }

  /** Queues a command and resolves once its outcome is durable. */
  async submit<Answer extends Json>(
    context: CommandContext,
    keys: Keys,
    decide: (book: Book) => Decision<Answer, Changes>,
  ): Promise<Committed<Answer>> {
    if (context.unit !== undefined) return this.within(context.unit as ClientBase, context, keys, decide);
    if (this.#closed) throw new ServiceUnavailable('The service is stopping.', { retryAfterSeconds: 1 });
    if (this.#pending >= this.#options.maxQueued) {
      throw new ServiceUnavailable('Too many commands are waiting.', { retryAfterSeconds: 1 });
    }
    const id = context.receipt?.id;
    if (id !== undefined) {
      if (this.#running.has(id)) throw new CommandInProgress('This command is running.', { retryAfterSeconds: 1 });
      this.#running.add(id);
    }
    this.#pending += 1;
    try {
      return (await new Promise<Committed<Json>>((resolve, reject) => {
        const deadlineAt = performance.now() + this.#options.deadlineMs;
        const names = this.#store.names(context.tenant, keys);
        const state = { failures: 0, turnedAway: false, hindrance: undefined };
        this.#queue.push({ context, keys, decide, names, deadlineAt, resolve, reject, ...state });
        this.#schedule();
      })) as Committed<Answer>;
    } finally {
      this.#pending -= 1;
      if (id !== undefined) this.#running.delete(id);
      if (this.#pending === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Runs a command on a transaction of the caller's; the outcome is provisional until they commit. */
  async within<Answer extends Json>(
    client: ClientBase,
    context: CommandContext,
    keys: Keys,
    decide: (book: Book) => Decision<Answer, Changes>,
  ): Promise<Committed<Answer>> {
    const frame = { begin: [], commit: [], wait: true, ending: () => undefined };
    const command = { context, keys, decide };
    const { results } = await inTurn(client, () =>
      runBatch(sequential(client), this.#store, [command], this.#options.newId, frame),
    );
    const [result] = results;
    if (result !== undefined && 'committed' in result) return result.committed as Committed<Answer>;
    throw result !== undefined && 'error' in result ? result.error : new ResourceBusy('The rows are held by others.');
  }

  /** Takes no more commands and resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
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
    this.#lanes.expire((command) => this.#expire(command));
    this.#watchDeadlines();
    while (this.#batches < this.#options.maxBatches && this.#queue.length > 0) {
      const batch = this.#queue.take(this.#batchSize(), (command) => this.#leaves(command));
      if (batch.commands.length === 0) break;
      this.#batches += 1;
      void this.#runOrReject(batch.commands, undefined).then((tells) => {
        this.#batches -= 1;
        batch.end();
        this.#pumpAndTell(tells);
      });
    }
    while (this.#activeLanes < this.#options.maxLanes) {
      const lane = this.#lanes.enter();
      if (lane === undefined) break;
      this.#activeLanes += 1;
      void this.#runOrReject(takeFrom(lane, this.#options.maxBatchSize), lane.held).then((tells) => {
        this.#activeLanes -= 1;
        this.#lanes.leave(lane);
        this.#pumpAndTell(tells);
      });
    }
  }

  /** Ends the wait of commands whose time is over even while no batch ends. */
  #watchDeadlines(): void {
    if (this.#watching || this.#pending === 0) return;
    this.#watching = true;
    setTimeout(() => {
      this.#watching = false;
      this.#queue.expire((command) => this.#expire(command));
      this.#connections.expire((command) => this.#expire(command));
      this.#pump();
    }, DEADLINES_EVERY_MS).unref();
  }

  /** Callers go on after the next batch is sent: the database works while they do. */
  #pumpAndTell(tells: readonly Tell[]): void {
    const isIdle = this.#queue.length === 0;
    this.#pump();
    if (isIdle) tellInTurns(tells);
    else setImmediate(tellInTurns, tells);
  }

  /** An equal share for each batch that may start: one alone would leave the next nothing to overlap with. */
  #batchSize(): number {
    const share = Math.ceil(this.#queue.length / (this.#options.maxBatches - this.#batches));
    return Math.min(this.#options.maxBatchSize, Math.max(share, WORTH_SHARING));
  }

  /** Whether a command's time is over, or it has to wait with others for a row. */
  #leaves(command: Pending<Keys, Book, Changes>): boolean {
    if (this.#expire(command)) return true;
    const held = this.#lanes.find(command.names);
    if (held !== undefined) this.#wait(held, command);
    return held !== undefined;
  }

  #wait(held: Held, command: Pending<Keys, Book, Changes>): void {
    command.hindrance = 'held';
    this.#lanes.add(held, command);
  }

  /** Whatever goes wrong in here, no caller waits for ever and no slot is lost. */
  #runOrReject(batch: readonly Pending<Keys, Book, Changes>[], lane: Held | undefined): Promise<readonly Tell[]> {
    return this.#run(batch, lane).catch((error: unknown) => batch.map((command) => () => command.reject(error)));
  }

  /** Runs a batch until each of its commands waits in a lane, has been put back, or only needs to be told its end. */
  async #run(batch: readonly Pending<Keys, Book, Changes>[], lane: Held | undefined): Promise<readonly Tell[]> {
    const waiting = batch.filter((command) => !this.#expire(command));
    if (waiting.length === 0) return [];
    const startedAt = performance.now();
    const got = await this.#connections.checkOut(waiting).then(
      (client) => ({ client }),
      (error: unknown) => ({ error }),
    );
    if ('error' in got) return this.#recover(waiting, lane, got.error);
    const live = waiting.filter((command) => !this.#expire(command));
    if (live.length === 0) {
      got.client.release();
      return [];
    }
    const outcome = await this.#attempt(got.client, live, lane).catch((error: unknown) => ({ error }));
    this.#options.observe?.({ size: live.length, durationMs: performance.now() - startedAt });
    if ('error' in outcome) return this.#recover(live, lane, outcome.error);
    // The lane's row is free: who came after these goes the common way again.
    if (lane !== undefined) this.#queue.putBack(this.#lanes.dissolve(lane));
    if (outcome.position !== undefined) this.#options.committed?.(outcome.position);
    return outcome.results.flatMap((result, index) =>
      this.#settle(live[index] as Pending<Keys, Book, Changes>, result),
    );
  }

  async #attempt(client: PoolClient, live: readonly Pending<Keys, Book, Changes>[], lane: Held | undefined) {
    const { pool, newId } = this.#options;
    let ending = false;
    try {
      const begin = beginning(lane, this.#lanes.waiting);
      const frame = { begin, commit: [COMMIT], wait: false, ending: () => (ending = true) };
      const send = sendOn(client, pool.options.query_timeout ?? UNANSWERED_MS);
      const outcome = await runBatch(send, this.#store, live, newId, frame);
      client.release();
      return outcome;
    } catch (error) {
      await abandon(client, error);
      throw ending && isOutage(error) ? new OutcomeUnknown(error) : error;
    }
  }

  /** What the command is to be told, unless it has to try again. */
  #settle(command: Pending<Keys, Book, Changes>, result: BatchResult): readonly Tell[] {
    if ('committed' in result) return [() => command.resolve(result.committed)];
    if ('error' in result) return [() => command.reject(result.error)];
    if (!this.#expire(command)) this.#turnAway(command, result.busy);
    return [];
  }

  /** Mostly the row is only in another batch of this process, which is over soon; who meets it again has to wait. */
  #turnAway(command: Pending<Keys, Book, Changes>, held: Held): void {
    if (command.turnedAway) {
      this.#wait(held, command);
    } else {
      command.turnedAway = true;
      command.names = [...command.names, held.name];
      this.#queue.putBack([command]);
    }
  }

  /** Decides by the failure of an attempt what becomes of its commands. */
  async #recover(
    live: readonly Pending<Keys, Book, Changes>[],
    lane: Held | undefined,
    error: unknown,
  ): Promise<readonly Tell[]> {
    const [first] = live as [Pending<Keys, Book, Changes>];
    if (isOutage(error)) {
      await pause(OUTAGE_PAUSE_MS);
      const again = live.filter((command) => !this.#isLost(command, error));
      if (lane !== undefined) this.#lanes.putBack(lane, again);
      else this.#queue.putBack(again);
    } else if (isLockTimeout(error)) {
      if (lane !== undefined) this.#lanes.putBack(lane, live);
      // Something else than a row is held: each waits for it by itself.
      else for (const command of live) this.#wait({ name: this.#options.newId(), wait: NO_WAIT }, command);
    } else if (live.length > 1) {
      for (const command of live) for (const tell of await this.#run([command], lane)) tell();
    } else if (isPassing(error) && (first.failures += 1) < MAX_FAILURES_ALONE) {
      return this.#run(live, lane);
    } else {
      return [() => first.reject(error)];
    }
    return [];
  }

  /** Rejects a command that nobody can repeat after an outage: it may be stored, and has no receipt to tell. */
  #isLost(command: Pending<Keys, Book, Changes>, error: unknown): boolean {
    command.hindrance = { outage: error };
    if (!(error instanceof OutcomeUnknown) || command.context.receipt !== undefined) return this.#expire(command);
    command.reject(unavailable('The connection was lost; whether the command was stored is not known.', error));
    return true;
  }

  /** Rejects a command whose time is over. */
  #expire(command: Pending<Keys, Book, Changes>): boolean {
    if (performance.now() < command.deadlineAt && command.context.signal?.aborted !== true) return false;
    command.reject(overdue(command.hindrance));
    return true;
  }
}
