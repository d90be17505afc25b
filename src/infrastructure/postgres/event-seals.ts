import type { ClientBase, Pool } from 'pg';
import type { EventLog, EventSeals, Running, Verification, VerifyOptions } from '../../application/shared/event-log.ts';
import { backoffMs, pause } from '../system/pause.ts';
import { readCells } from './event-rows.ts';
import { inTransaction } from './log-transaction.ts';
import { digestOf, marksOf, NO_HASH, sealHash } from './seal-format.ts';
import type { EventDigest } from './seal-format.ts';
import { SEALER, verifySeals } from './seal-verification.ts';

/** Events sealed in one transaction. */
const PAGE = 1_000;
/** The least time between two rounds: bounds how many seals a busy tenant gets. */
const ROUND_MS = 250;
const RECOVERY_MS = [50, 2_000] as const;
const LIMITS = { statementMs: 30_000, idleMs: 30_000 };

export interface PostgresEventSealsOptions {
  readonly pool: Pool;
  readonly log: EventLog;
  /** Told of rounds that failed; they are repeated. */
  readonly onError: (error: unknown) => void;
}

/** The chain of seals in PostgreSQL, made beside the commits that it covers. */
export class PostgresEventSeals implements EventSeals {
  readonly #pool: Pool;
  readonly #log: EventLog;
  readonly #onError: (error: unknown) => void;

  constructor({ pool, log, onError }: PostgresEventSealsOptions) {
    this.#pool = pool;
    this.#log = log;
    this.#onError = onError;
  }

  async seal(): Promise<number> {
    const head = await this.#log.head();
    let made = 0;
    let sealedTo = -1n;
    while (sealedTo < head) {
      const { seals, position } = await this.#sealPage(head);
      made += seals;
      sealedTo = position;
    }
    return made;
  }

  run(): Running {
    const closing = new AbortController();
    const running = this.#runUntilClosed(closing.signal);
    return {
      close: async () => {
        closing.abort();
        await running;
      },
    };
  }

  verify(tenant: string, options?: VerifyOptions): Promise<Verification> {
    return verifySeals(this.#pool, tenant, options);
  }

  async #runUntilClosed(closing: AbortSignal): Promise<void> {
    let news = true;
    let rouse: () => void = () => undefined;
    closing.addEventListener('abort', () => rouse(), { once: true });
    const onEvents = (): void => {
      news = true;
      rouse();
    };
    let reader: Running | undefined;
    let failures = 0;
    while (!closing.aborted) {
      try {
        reader ??= this.#log.live(onEvents, { after: await this.#log.head() });
        if (!news) await new Promise<void>((resolve) => (rouse = resolve));
        if (closing.aborted) break;
        news = false;
        await this.seal();
        failures = 0;
        await pause(ROUND_MS, closing);
      } catch (error) {
        this.#onError(error);
        news = true;
        failures += 1;
        await pause(backoffMs(failures, ...RECOVERY_MS), closing);
      }
    }
    await reader?.close();
  }

  /** Seals the next events up to a settled position. The checkpoint's row lock lets one instance at a time do so. */
  #sealPage(upTo: bigint): Promise<{ seals: number; position: bigint }> {
    return inTransaction(this.#pool, LIMITS, async (client) => {
      const after = await lockCheckpoint(client);
      if (after >= upTo) return { seals: 0, position: after };
      const { rows, position } = await readCells(client, { after, upTo, limit: PAGE });
      const byTenant = Map.groupBy(rows, ([, tenant]) => tenant);
      const digests = new Map([...byTenant].map(([tenant, cells]) => [tenant, cells.map(digestOf)]));
      const seals = await appendSeals(client, digests);
      await client.query(
        'UPDATE portolan.consumers SET position = $2, updated_at = clock_timestamp() WHERE name = $1',
        [SEALER, position],
      );
      return { seals, position };
    });
  }
}

async function lockCheckpoint(client: ClientBase): Promise<bigint> {
  await client.query('INSERT INTO portolan.consumers (name) VALUES ($1) ON CONFLICT DO NOTHING', [SEALER]);
  const { rows } = await client.query<{ position: string }>(
    'SELECT position FROM portolan.consumers WHERE name = $1 FOR NO KEY UPDATE',
    [SEALER],
  );
  return BigInt(rows[0]?.position ?? 0);
}

/** Adds one seal to the chain of each tenant and returns how many there were. */
async function appendSeals(client: ClientBase, digests: ReadonlyMap<string, readonly EventDigest[]>): Promise<number> {
  const { rows: last } = await client.query<{ tenant: string; number: string; to_position: string; hash: Buffer }>(
    `SELECT s.tenant, s.number, s.to_position, s.hash
       FROM unnest($1::text[]) AS wanted (tenant) CROSS JOIN LATERAL (
            SELECT * FROM portolan.seals WHERE tenant = wanted.tenant ORDER BY number DESC LIMIT 1) AS s`,
    [[...digests.keys()]],
  );
  const previous = new Map(last.map((seal) => [seal.tenant, seal]));
  const seals = [...digests].flatMap(([tenant, all]) => {
    const { number = 0, to_position: end = 0, hash: previousHash = NO_HASH } = previous.get(tenant) ?? {};
    // Should the checkpoint have been set back, events that have a seal get no second one.
    const events = all.filter(({ position }) => position > BigInt(end));
    const toPosition = events.at(-1)?.position;
    if (toPosition === undefined) return [];
    const header = { tenant, number: Number(number) + 1, fromPosition: BigInt(end) + 1n, toPosition, previousHash };
    return [{ ...header, count: events.length, marks: marksOf(events), hash: sealHash(header, events) }];
  });
  await client.query(
    `INSERT INTO portolan.seals (tenant, number, from_position, to_position, event_count, marks, hash, previous_hash)
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                          $6::bytea[], $7::bytea[], $8::bytea[])`,
    [
      seals.map(({ tenant }) => tenant),
      seals.map(({ number }) => number),
      seals.map(({ fromPosition }) => fromPosition),
      seals.map(({ toPosition }) => toPosition),
      seals.map(({ count }) => count),
      seals.map(({ marks }) => marks),
      seals.map(({ hash }) => hash),
      seals.map(({ previousHash }) => previousHash),
    ],
  );
  return seals.length;
}
