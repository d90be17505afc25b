import type { ClientBase, Pool } from 'pg';
import type { LoggedEvent } from '../../application/shared/event-log.ts';
import { ResourceBusy } from '../../application/shared/errors.ts';
import type { ConsumerState } from '../../application/shared/metrics.ts';
import { named } from './statement.ts';

/** Another instance has taken over the consumer: whatever is done for this lease must not be stored. */
export class LeaseLost extends Error {}

/** The right to act as a consumer. Its fence rises with every holder; a lease with an older fence is worth nothing. */
export interface Lease {
  readonly fence: string;
  /** Every event up to here has been dealt with. */
  position: bigint;
}

/**
 * One consumer's row: its lease and checkpoint. While a transaction holds the row's lock nobody can take the lease,
 * so the lease needs renewal between transactions only, and a transaction that hangs ends by the server's limits.
 */
export class ConsumerStore {
  readonly #pool: Pool;
  readonly #name: string;
  readonly #holder: string;
  readonly #leaseMs: number;

  constructor(pool: Pool, name: string, holder: string, leaseMs: number) {
    this.#pool = pool;
    this.#name = name;
    this.#holder = holder;
    this.#leaseMs = leaseMs;
  }

  /** Takes the lease when it is free or has run out; undefined when somebody else has it. A new consumer begins at `begin`. */
  async claim(begin = 0n): Promise<Lease | undefined> {
    await this.#pool.query('INSERT INTO portolan.consumers (name, position) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      this.#name,
      begin,
    ]);
    const { rows } = await this.#pool.query<{ fence: string; position: string }>(
      `UPDATE portolan.consumers
          SET holder = $2, fence = fence + 1, lease_until = clock_timestamp() + $3 * interval '1 millisecond'
        WHERE name = (SELECT name FROM portolan.consumers
                       WHERE name = $1 AND (holder = $2 OR lease_until < clock_timestamp())
                         FOR NO KEY UPDATE SKIP LOCKED)
       RETURNING fence, position`,
      [this.#name, this.#holder, this.#leaseMs],
    );
    return rows[0] && { fence: rows[0].fence, position: BigInt(rows[0].position) };
  }

  /**
   * Renews the lease and stores how far the consumer has come through events that are not for it. Returns the id of a
   * dead event that somebody wants handled again. Does not wait for the disk: after a crash of the database the old
   * position is as good.
   */
  async renew(lease: Lease): Promise<string | undefined> {
    const { rows } = await this.#pool.query<{ redrive: string | null }>({
      ...named(`UPDATE portolan.consumers
                SET lease_until = clock_timestamp() + $3 * interval '1 millisecond', position = $4,
                    updated_at = clock_timestamp()
              WHERE name = $1 AND fence = $2 AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
             RETURNING (SELECT event_id FROM portolan.dead_events
                         WHERE consumer = $1 AND redrive_requested_at IS NOT NULL AND redriven_at IS NULL
                         ORDER BY redrive_requested_at LIMIT 1) AS redrive`),
      values: [this.#name, lease.fence, this.#leaseMs, lease.position],
    });
    if (rows[0] === undefined) throw new LeaseLost(this.#name);
    return rows[0].redrive ?? undefined;
  }

  /** Gives the lease back, so that another instance need not wait until it runs out. */
  async release(lease: Lease): Promise<void> {
    await this.#pool.query(
      `UPDATE portolan.consumers SET lease_until = '-infinity', position = $3 WHERE name = $1 AND fence = $2`,
      [this.#name, lease.fence, lease.position],
    );
  }

  /** Locks the consumer's row to the end of the transaction: from here on nobody else acts as this consumer. */
  async lock(client: ClientBase, lease: Lease): Promise<void> {
    const { rowCount } = await client.query({
      ...named('SELECT FROM portolan.consumers WHERE name = $1 AND fence = $2 FOR NO KEY UPDATE'),
      values: [this.#name, lease.fence],
    });
    if (rowCount !== 1) throw new LeaseLost(this.#name);
  }

  /** Which of these events were handled before. */
  async consumed(client: ClientBase, eventIds: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await client.query<{ event_id: string }>({
      ...named('SELECT event_id FROM portolan.consumed WHERE consumer = $1 AND event_id = ANY ($2::uuid[])'),
      values: [this.#name, eventIds],
    });
    return new Set(rows.map((row) => row.event_id));
  }

  /** Notes events as handled and moves the checkpoint, in the transaction that holds the lock. */
  async checkpoint(client: ClientBase, position: bigint, handled: readonly string[]): Promise<void> {
    await client.query({
      ...named(`WITH noted AS (
               INSERT INTO portolan.consumed (consumer, event_id) SELECT $1, unnest($4::uuid[]) ON CONFLICT DO NOTHING)
             UPDATE portolan.consumers
                SET position = $2, attempts = 0, updated_at = clock_timestamp(),
                    lease_until = clock_timestamp() + $3 * interval '1 millisecond'
              WHERE name = $1`),
      values: [this.#name, position, this.#leaseMs, handled],
    });
  }

  /** Counts a failed try of the next event and returns how many there have been. */
  async countFailure(lease: Lease): Promise<number> {
    const { rows } = await this.#pool.query<{ attempts: number }>(
      `UPDATE portolan.consumers
          SET attempts = attempts + 1, lease_until = clock_timestamp() + $3 * interval '1 millisecond'
        WHERE name = $1 AND fence = $2 RETURNING attempts`,
      [this.#name, lease.fence, this.#leaseMs],
    );
    if (rows[0] === undefined) throw new LeaseLost(this.#name);
    return rows[0].attempts;
  }

  /** Makes an event a dead letter and moves the checkpoint past it. */
  bury(lease: Lease, event: LoggedEvent, errorCode: string, attempts: number): Promise<void> {
    return this.#pass(lease, event, { errorCode, attempts, redrive: false });
  }

  /** Moves the checkpoint past an event that waits for a row: a dead letter that asks for another try by itself. */
  setAside(lease: Lease, event: LoggedEvent): Promise<void> {
    return this.#pass(lease, event, { errorCode: ResourceBusy.code, attempts: 0, redrive: true });
  }

  async #pass(
    lease: Lease,
    { eventId, position, tenant }: LoggedEvent,
    { errorCode, attempts, redrive }: { errorCode: string; attempts: number; redrive: boolean },
  ): Promise<void> {
    const { rowCount } = await this.#pool.query(
      `WITH passed AS (
         UPDATE portolan.consumers
            SET position = $4, attempts = 0, lease_until = clock_timestamp() + $8 * interval '1 millisecond'
          WHERE name = $1 AND fence = $2 RETURNING name)
       INSERT INTO portolan.dead_events (consumer, event_id, position, error_code, attempts, tenant, redrive_requested_at)
       SELECT name, $3, $4, $5, $6, $7, CASE WHEN $9 THEN clock_timestamp() END FROM passed
       ON CONFLICT (consumer, event_id) DO UPDATE
          SET error_code = excluded.error_code, attempts = dead_events.attempts + excluded.attempts,
              created_at = clock_timestamp(), redrive_requested_at = excluded.redrive_requested_at, redriven_at = NULL`,
      [this.#name, lease.fence, eventId, position, errorCode, attempts, tenant, this.#leaseMs, redrive],
    );
    if (rowCount !== 1) throw new LeaseLost(this.#name);
    lease.position = position;
  }

  /** The position of a dead event that is to be handled again. */
  async positionOfDead(client: ClientBase, eventId: string): Promise<bigint | undefined> {
    const { rows } = await client.query<{ position: string }>(
      'SELECT position FROM portolan.dead_events WHERE consumer = $1 AND event_id = $2 AND redriven_at IS NULL',
      [this.#name, eventId],
    );
    return rows[0] && BigInt(rows[0].position);
  }

  /** Notes that a dead event has been handled after all, in the transaction that holds the lock. */
  async revive(client: ClientBase, eventId: string): Promise<void> {
    await client.query(
      `WITH noted AS (
         INSERT INTO portolan.consumed (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING)
       UPDATE portolan.dead_events SET redriven_at = clock_timestamp() WHERE consumer = $1 AND event_id = $2`,
      [this.#name, eventId],
    );
  }

  /** Puts a dead event that still waits for a row behind the others that are to be handled again. */
  async postpone(lease: Lease, eventId: string): Promise<void> {
    await this.#pool.query(
      `UPDATE portolan.dead_events SET redrive_requested_at = clock_timestamp()
        WHERE consumer = $1 AND event_id = $3
          AND EXISTS (SELECT FROM portolan.consumers WHERE name = $1 AND fence = $2)`,
      [this.#name, lease.fence, eventId],
    );
  }

  /** Notes that another try of a dead event has failed; it stays dead until somebody asks again. */
  async stayDead(lease: Lease, eventId: string, errorCode: string): Promise<void> {
    const { rowCount } = await this.#pool.query(
      `UPDATE portolan.dead_events SET attempts = attempts + 1, error_code = $4, redrive_requested_at = NULL
        WHERE consumer = $1 AND event_id = $3
          AND EXISTS (SELECT FROM portolan.consumers WHERE name = $1 AND fence = $2)`,
      [this.#name, lease.fence, eventId, errorCode],
    );
    if (rowCount !== 1) throw new LeaseLost(this.#name);
  }
}

/** The state of each consumer, by name. */
export async function consumerStates(pool: Pool): Promise<ConsumerState[]> {
  const { rows } = await pool.query<Record<keyof ConsumerState, string>>(
    `SELECT name, position, (SELECT count(*) FROM portolan.dead_events
                              WHERE consumer = name AND redriven_at IS NULL
                                AND redrive_requested_at IS NULL) AS dead
       FROM portolan.consumers ORDER BY name`,
  );
  return rows.map(({ name, position, dead }) => ({ name, position: BigInt(position), dead: Number(dead) }));
}
