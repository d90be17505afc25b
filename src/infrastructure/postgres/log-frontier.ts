import type { Pool } from 'pg';
import { LOG_APPEND_LOCK } from './append-events.ts';
import { decodeEvent, readCells } from './event-rows.ts';
import type { EventCells } from './event-rows.ts';
import { EventWindow } from './event-window.ts';
import { named } from './statement.ts';

/** Events fetched at once. */
const PAGE = 500;
/** When the head is further away than this, the frontier leaps there and the window stays behind. */
const LEAP = 5_000n;

/** Transactions that may still commit events at or below a position. */
interface Pending {
  readonly upTo: bigint;
  readonly transactions: ReadonlySet<string>;
}

/**
 * How far the log is settled: every position up to the frontier is either visible or will never be.
 *
 * Appenders share a lock from before they draw positions until their commit. Where positions follow one another the
 * frontier follows them. At a gap it notes who holds the lock: whoever drew the missing position did so before a
 * higher one became visible, so he is among them or has ended. Once all of these have ended, whatever is still
 * missing up to the head of that moment was rolled back. Transactions that append nothing hold no lock and hold up
 * nobody, however long they last.
 */
export class LogFrontier {
  readonly #pool: Pool;
  #position = 0n;
  #origin = 0n;
  #settled = 0n;
  #epoch: string | undefined;
  #oriented = false;
  #window = new EventWindow(0n);
  #pending: Pending | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** 0 before the first step. */
  get position(): bigint {
    return this.#position;
  }

  /** Where it began in this epoch of the log. */
  get origin(): bigint {
    return this.#origin;
  }

  /** The log's epoch; undefined before the first step. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** The newest events up to the frontier. */
  get window(): EventWindow {
    return this.#window;
  }

  /** To be called when there is a new connection: it may lead to another database, restored from a backup. */
  forget(): void {
    this.#oriented = false;
  }

  /** Goes one step: `reached` the head of the log, `more` to come, or `blocked` by an appender who is not done. */
  async advance(): Promise<'reached' | 'more' | 'blocked'> {
    if (!this.#oriented) await this.#orient();
    if (this.#pending !== undefined && !(await this.#review(this.#pending))) return 'blocked';
    const { rows } = await readCells(this.#pool, { after: this.#position, limit: PAGE });
    const gap = this.#accept(rows);
    if (!gap && rows.length < PAGE) {
      if (this.#settled > this.#position) this.#position = this.#settled;
      return 'reached';
    }
    if (this.#pending === undefined) await this.#note(gap);
    return gap && this.#pending !== undefined ? 'blocked' : 'more';
  }

  /** Begins at the furthest checkpoint: no consumer ever passed a position that was not settled. */
  async #orient(): Promise<void> {
    const { rows } = await this.#pool.query<{ epoch: string; checkpoint: string }>({
      ...named(`SELECT epoch, (SELECT coalesce(max(position), 0) FROM portolan.consumers) AS checkpoint
               FROM portolan.log_epoch`),
    });
    const [found] = rows;
    if (found === undefined) throw new Error('The log has no epoch.');
    const checkpoint = BigInt(found.checkpoint);
    const known = this.#epoch === found.epoch;
    if (!known || checkpoint > this.#position) this.#leap(checkpoint);
    if (!known) this.#origin = checkpoint;
    this.#pending = undefined;
    this.#epoch = found.epoch;
    this.#oriented = true;
  }

  /** Takes over events as far as they follow without a gap, or are settled; says whether a gap stopped it. */
  #accept(rows: readonly EventCells[]): boolean {
    for (const cells of rows) {
      const event = decodeEvent(cells);
      if (event.position !== this.#position + 1n && event.position > this.#settled) return true;
      this.#window.add(event, cells[12].length);
      this.#position = event.position;
    }
    return false;
  }

  /** Notes who holds the lock, for a gap or for a long way ahead. */
  async #note(gap: boolean): Promise<void> {
    const { head, holders } = await this.#observe();
    if (!gap && head - this.#position <= LEAP) return;
    if (holders.length === 0) this.#settle(head);
    else this.#pending = { upTo: head, transactions: new Set(holders) };
  }

  /** Says whether there is something to read: those noted have ended, or the next position has turned up. */
  async #review(pending: Pending): Promise<boolean> {
    const { filled, holders } = await this.#observe();
    if (!holders.some((transaction) => pending.transactions.has(transaction))) {
      this.#pending = undefined;
      this.#settle(pending.upTo);
      return true;
    }
    return filled;
  }

  /**
   * The head is seen by the statement's snapshot and the lock afterwards, which is the order that the rule needs:
   * whoever held the lock when the head was drawn, and has not ended, is seen to hold it.
   */
  async #observe(): Promise<{ head: bigint; filled: boolean; holders: readonly string[] }> {
    const { rows } = await this.#pool.query<{ head: string; filled: boolean; holders: string[] }>({
      ...named(`SELECT (SELECT coalesce(max(position), 0) FROM portolan.events) AS head,
                    EXISTS (SELECT FROM portolan.events WHERE position = $1) AS filled,
                    ARRAY(SELECT virtualtransaction FROM pg_locks
                           WHERE locktype = 'advisory' AND granted AND objsubid = 1
                             AND classid = ${LOG_APPEND_LOCK >> 32n} AND objid = ${LOG_APPEND_LOCK & 0xffffffffn}
                             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    ) AS holders`),
      values: [this.#position + 1n],
    });
    const [seen] = rows;
    if (seen === undefined) throw new Error('The state of the log is not readable.');
    return { ...seen, head: BigInt(seen.head) };
  }

  #settle(upTo: bigint): void {
    if (upTo - this.#position > LEAP) this.#leap(upTo);
    else if (upTo > this.#settled) this.#settled = upTo;
  }

  #leap(position: bigint): void {
    this.#position = position;
    this.#settled = position;
    this.#window = new EventWindow(position);
  }
}
