import type { ClientBase, Pool, QueryResult, QueryResultRow } from 'pg';
import type { Job, JobFilter, JobState, JobStatistics } from '../../application/shared/job-queue.ts';
import { lostWorker } from './failure-summary.ts';
import { deadPerSchedule } from './job-settings.ts';
import type { JobQueueSettings } from './job-settings.ts';
import { claimKey } from './job-store.ts';
import type { Claim, ClaimedJob, ClaimSlot, JobNews, JobStore, PreparedJob, Settlement } from './job-store.ts';
import { PostgresJobDepths } from './postgres-job-depths.ts';
import { jobOfRow } from './postgres-job-row.ts';
import type { JobRow } from './postgres-job-row.ts';
import { jobStatistics } from './postgres-job-statistics.ts';
import { PostgresJobSignals } from './postgres-job-signals.ts';
import { inTransaction } from '../postgres/log-transaction.ts';
import { inTurn, named } from '../postgres/statement.ts';
import * as sql from './postgres-job-sql.ts';

/** Rows that one statement of the housekeeping changes. */
const sweepSize = 1_000;
const TRANSACTION = { statementMs: 15_000, idleMs: 15_000 };
const deadlockDetected = '40P01';
const uniqueViolation = '23505';

/** Jobs in the schema `jobs` of a PostgreSQL database. */
export class PostgresJobStore implements JobStore {
  readonly news: JobNews;
  readonly #pool: Pool;
  readonly #depths: PostgresJobDepths;
  readonly #signals: PostgresJobSignals;

  constructor(pool: Pool, settings: JobQueueSettings, onFault: (error: unknown) => void) {
    this.#pool = pool;
    this.#depths = new PostgresJobDepths(settings);
    this.#signals = new PostgresJobSignals(pool, onFault);
    this.news = this.#signals;
  }

  insert(jobs: readonly PreparedJob[]): Promise<ReadonlySet<string>> {
    return again(deadlockDetected, async () => {
      await this.#depths.requireRoom(this.#pool, jobs);
      return this.#fresh(jobs, await this.#hot<{ id: string }>(sql.insertSql, [...columnsOf(jobs), undefined]));
    });
  }

  /** The same on the caller's connection, and so in the caller's transaction, whether there is room or not. */
  insertWithin(client: ClientBase, jobs: readonly PreparedJob[]): Promise<ReadonlySet<string>> {
    return this.#insertOn(client, jobs);
  }

  requireRoom(type: string, unit?: unknown): Promise<void> {
    if (unit === undefined) return this.#depths.requireRoomForOne(this.#pool, type);
    const client = unit as ClientBase;
    return inTurn(client, () => this.#depths.requireRoomForOne(client, type));
  }

  async find(id: string): Promise<Job | undefined> {
    const { rows } = await this.#query<JobRow>(sql.findSql, [id]);
    return rows.map(jobOfRow)[0];
  }

  async list({ type, state, tenant, cursor }: JobFilter, limit: number) {
    const { rows } = await this.#query<JobRow>(sql.listSql, [type, state, tenant, cursor, limit + 1]);
    const page = rows.slice(0, limit);
    return { jobs: page.map(jobOfRow), nextCursor: rows.length > limit ? page.at(-1)?.number : undefined };
  }

  async cancel(id: string): Promise<{ readonly state: JobState; readonly changed: boolean } | undefined> {
    const { rows } = await this.#query<{ state: JobState }>(sql.cancelSql, [id]);
    if (rows[0] !== undefined) return { state: rows[0].state, changed: true };
    const job = await this.find(id);
    return job && { state: job.state, changed: false };
  }

  async redrive(id: string): Promise<string | undefined> {
    const { rows } = await this.#query<{ type: string }>(sql.redriveSql, [id]);
    return rows[0]?.type;
  }

  statistics(tenant?: string): Promise<readonly JobStatistics[]> {
    return jobStatistics(this.#pool, tenant);
  }

  async purge(olderThanMs: number, states: readonly JobState[]): Promise<number> {
    return this.#sweep((size) => this.#query(sql.purgeSql, [olderThanMs, states, size]));
  }

  async claim(slots: readonly ClaimSlot[], limit: number, worker: string): Promise<readonly ClaimedJob[]> {
    const values = [
      slots.map(({ type }) => type),
      slots.map(({ free }) => free),
      slots.map(({ maxAttempts }) => maxAttempts),
      slots.map(({ leaseMs }) => leaseMs),
      limit,
      worker,
    ];
    const { rows } = await again(uniqueViolation, () => this.#hot<JobRow>(sql.claimSql, values));
    return rows.map((row) => ({ id: row.id, claim: row.claim, job: jobOfRow(row) }));
  }

  async extendLeases(leases: readonly (Claim & { leaseMs: number })[]): Promise<ReadonlyMap<string, boolean>> {
    const ordered = leases.toSorted(byId);
    const { rows } = await this.#hot<Claim & { cancel_requested: boolean }>(sql.extendLeasesSql, [
      ordered.map(({ id }) => id),
      ordered.map(({ claim }) => claim),
      ordered.map(({ leaseMs }) => leaseMs),
    ]);
    return new Map(rows.map((row) => [claimKey(row), row.cancel_requested]));
  }

  async settle(settlements: readonly Settlement[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#hot<Claim>(sql.settleSql, settlementColumns(settlements.toSorted(byId)));
    return new Set(rows.map(claimKey));
  }

  async bury(settlement: Settlement, mourn: (unit: unknown) => Promise<void>): Promise<boolean> {
    const stillborn = new Error('The claim was lost, or the job cancelled.');
    const bury = inTransaction(this.#pool, TRANSACTION, async (client) => {
      await mourn(client);
      // Last of all, since who extends leases waits for this row.
      const { rows } = await client.query<{ state: JobState }>(sql.settleSql, settlementColumns([settlement]));
      if (rows[0]?.state !== 'dead') throw stillborn;
    });
    return bury.then(
      () => true,
      (error: unknown) => {
        if (error === stillborn) return false;
        throw error;
      },
    );
  }

  async saveProgress({ id, claim }: Claim, done: number, total: number | undefined, note: string | undefined) {
    const { rowCount } = await this.#hot(sql.saveProgressSql, [id, claim, done, total, note]);
    return rowCount === 1;
  }

  async saveCheckpoint({ id, claim }: Claim, state: string): Promise<boolean> {
    const { rowCount } = await this.#hot(sql.saveCheckpointSql, [id, claim, state]);
    return rowCount === 1;
  }

  async maintain(types: readonly string[], mourned: readonly string[]): Promise<number> {
    await this.#sweep((size) => this.#query(sql.queueDueSql, [types, size]));
    await this.#query(sql.rescueSql, [types, JSON.stringify(lostWorker), mourned]);
    const { rows } = await this.#query<{ in_ms: number | null }>(sql.nextDueSql, [types]);
    return rows[0]?.in_ms ?? Infinity;
  }

  async openSchedule(name: string, cron: string, timezone: string): Promise<void> {
    await this.#query(sql.openScheduleSql, [name, cron, timezone]);
  }

  async scheduleClock(names: readonly string[]) {
    type Row = { now: Date; name: string | null; last_tick: Date };
    const { rows } = await this.#query<Row>(sql.scheduleClockSql, [names]);
    const lastTicks = new Map<string, Date>();
    for (const { name, last_tick: lastTick } of rows) if (name !== null) lastTicks.set(name, lastTick);
    return { now: rows[0]?.now ?? new Date(), lastTicks };
  }

  async tick(name: string, tick: Date, job: PreparedJob): Promise<boolean> {
    return inTransaction(this.#pool, TRANSACTION, async (client) => {
      // Locks the schedule, so that what is read next is true until the commit.
      const { rowCount } = await client.query(sql.tickSql, [name, tick]);
      return rowCount === 1 && (await this.#insertTick(client, name, job));
    });
  }

  listen(listener: JobNews): void {
    this.#signals.listen(listener);
  }

  close(): Promise<void> {
    return this.#signals.close();
  }

  async #insertTick(client: ClientBase, schedule: string, job: PreparedJob): Promise<boolean> {
    const { rows } = await client.query<{ id: string; state: JobState }>(sql.jobsOfScheduleSql, [schedule]);
    const dead = rows.filter(({ state }) => state === 'dead').map(({ id }) => id);
    if (dead.length < rows.length) return false;
    await this.#depths.requireRoom(client, [job]);
    await this.#insertOn(client, [job], schedule);
    // The new one may die as well.
    const old = dead.slice(deadPerSchedule - 1);
    if (old.length > 0) await client.query(sql.forgetDeadSql, [old]);
    return true;
  }

  async #insertOn(client: ClientBase, jobs: readonly PreparedJob[], schedule?: string): Promise<ReadonlySet<string>> {
    return this.#fresh(jobs, await client.query<{ id: string }>(sql.insertSql, [...columnsOf(jobs), schedule]));
  }

  /** The ids of those that were not there before. */
  #fresh(jobs: readonly PreparedJob[], { rows }: QueryResult<{ id: string }>): ReadonlySet<string> {
    const fresh = new Set(rows.map(({ id }) => id));
    this.#depths.added(jobs.filter(({ id }) => fresh.has(id)));
    return fresh;
  }

  /** Planned each time, by what is in the table now. */
  #query<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<QueryResult<Row>> {
    return this.#pool.query<Row>({ text, values });
  }

  /** Prepared once for each connection. */
  #hot<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<QueryResult<Row>> {
    return this.#pool.query<Row>({ ...named(text), values });
  }

  /** Repeats a bounded statement until it finds less than it may change; answers with the number of rows. */
  async #sweep(statement: (size: number) => Promise<QueryResult>): Promise<number> {
    let changed = 0;
    for (;;) {
      const { rowCount } = await statement(sweepSize);
      changed += rowCount ?? 0;
      if ((rowCount ?? 0) < sweepSize) return changed;
    }
  }
}

/** The order in which rows are locked. */
function byId(a: Claim, b: Claim): number {
  return a.id < b.id ? -1 : 1;
}

/** Repeats a statement that lost a race against another one, which is what this SQLSTATE says. */
async function again<Result>(code: string, statement: () => Promise<Result>, attempts = 5): Promise<Result> {
  try {
    return await statement();
  } catch (error) {
    const isRace = error instanceof Error && 'code' in error && error.code === code;
    if (!isRace || attempts === 1) throw error;
    return again(code, statement, attempts - 1);
  }
}

/** The parameters of the settlement, one array for each column. */
function settlementColumns(settlements: readonly Settlement[]): unknown[] {
  return [
    settlements.map(({ id }) => id),
    settlements.map(({ claim }) => claim),
    settlements.map(({ state }) => state),
    settlements.map(({ delayMs }) => delayMs),
    settlements.map(({ refund }) => refund),
    settlements.map(({ result }) => result),
    settlements.map(({ failure }) => failure && JSON.stringify(failure)),
  ];
}

/** The first thirteen parameters of the insert, one array for each column. */
function columnsOf(jobs: readonly PreparedJob[]): unknown[] {
  return [
    jobs.map(({ id }) => id),
    jobs.map(({ tenant }) => tenant),
    jobs.map(({ type }) => type),
    jobs.map(({ payload }) => payload),
    jobs.map(({ priority }) => priority),
    jobs.map(({ headStartMs }) => headStartMs),
    jobs.map(({ runAt }) => runAt),
    jobs.map(({ delayMs }) => delayMs),
    jobs.map(({ retries }) => retries && JSON.stringify(retries)),
    jobs.map(({ concurrencyKey }) => concurrencyKey),
    jobs.map(({ actor }) => actor),
    jobs.map(({ correlationId }) => correlationId),
    jobs.map(({ traceParent }) => traceParent),
  ];
}
