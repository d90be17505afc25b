import type { Pool } from 'pg';
import type { SealAnchor, Verification, VerifyOptions } from '../../application/shared/event-log.ts';
import { readCells } from './event-rows.ts';
import { countOf, digestOf, firstDifference, NO_HASH, sealHash } from './seal-format.ts';
import type { EventDigest } from './seal-format.ts';

/** The name of the sealer's checkpoint among those of the consumers. */
export const SEALER = 'portolan.seals';

const EVENT_PAGE = 1_000;
const SEAL_PAGE = 50;

interface StoredSeal {
  readonly number: number;
  readonly fromPosition: bigint;
  readonly toPosition: bigint;
  readonly count: number;
  readonly marks: Buffer;
  readonly hash: Buffer;
  readonly previousHash: Buffer;
}

type Flaw = Extract<Verification, { intact: false }>;

const flaw = (position: bigint, seal: number, reason: string): Flaw => ({ intact: false, position, seal, reason });

/** Walks a tenant's seals and, beside them, its events; holds one page of each in memory, however long they are. */
export async function verifySeals(
  pool: Pool,
  tenant: string,
  { anchor, fromAnchor, signal }: VerifyOptions = {},
): Promise<Verification> {
  const { checkpoint, lastSeal, head } = await boundsOf(pool, tenant);
  const begin = fromAnchor === true && anchor !== undefined ? await anchored(pool, tenant, anchor) : BEGINNING;
  if ('intact' in begin) return begin;
  const events = eventsOf(pool, tenant, begin.toPosition, head);
  let last = begin;
  let count = 0;
  for await (const seal of sealsOf(pool, tenant, BigInt(begin.number), lastSeal)) {
    signal?.throwIfAborted();
    const found = flawInChain(seal, last, anchor) ?? (await flawInRange(tenant, seal, events));
    if (found !== undefined) return found;
    last = seal;
    count += seal.count;
  }
  if (anchor !== undefined && anchor.number > last.number) {
    return flaw(last.toPosition + 1n, last.number + 1, 'A seal is missing.');
  }
  const next = await events.peek();
  if (next !== undefined && next.position <= checkpoint) {
    return flaw(next.position, last.number + 1, 'A seal is missing, or an event was inserted.');
  }
  const { number: seals, toPosition: sealedTo, hash } = last;
  return { intact: true, seals, events: count, sealedTo, hash: hash.toString('hex') };
}

type ChainEnd = Pick<StoredSeal, 'number' | 'toPosition' | 'hash'>;

/** Before the first seal. */
const BEGINNING: ChainEnd = { number: 0, toPosition: 0n, hash: NO_HASH };

/** The seal that was noted elsewhere, or what is wrong with it. */
async function anchored(pool: Pool, tenant: string, anchor: SealAnchor): Promise<ChainEnd | Flaw> {
  for await (const seal of sealsOf(pool, tenant, BigInt(anchor.number - 1), BigInt(anchor.number))) {
    const isNoted = seal.hash.toString('hex') === anchor.hash;
    return isNoted ? seal : flaw(seal.fromPosition, seal.number, 'The seal is not the one that was noted.');
  }
  return flaw(1n, anchor.number, 'A seal is missing.');
}

/** What is wrong with a seal's place in the chain. */
function flawInChain(
  { number, fromPosition, previousHash, hash }: StoredSeal,
  last: ChainEnd,
  anchor: SealAnchor | undefined,
): Flaw | undefined {
  const expected = last.toPosition + 1n;
  if (number !== last.number + 1) return flaw(expected, last.number + 1, 'A seal is missing.');
  if (fromPosition !== expected || !previousHash.equals(last.hash)) {
    return flaw(expected, number, 'The seal does not follow from the one before.');
  }
  if (anchor?.number === number && anchor.hash !== hash.toString('hex')) {
    return flaw(expected, number, 'The seal is not the one that was noted.');
  }
  return undefined;
}

/** What is wrong with the events that a seal covers, or with the seal itself. */
async function flawInRange(tenant: string, seal: StoredSeal, events: EventStream): Promise<Flaw | undefined> {
  const covered: EventDigest[] = [];
  // One more than there should be is enough to name the first that should not be there.
  while (covered.length <= countOf(seal.marks)) {
    const next = await events.peek();
    if (next === undefined || next.position > seal.toPosition) break;
    covered.push(next);
    events.skip();
  }
  const sound = sealHash({ ...seal, tenant }, covered).equals(seal.hash);
  const difference = firstDifference(covered, seal.marks);
  const counted = countOf(seal.marks) === seal.count;
  if (sound && counted && difference === undefined) return undefined;
  if (!sound && difference !== undefined) return flaw(difference.position, seal.number, difference.reason);
  return flaw(seal.fromPosition, seal.number, 'The seal was changed, or an event together with its mark.');
}

/** A tenant's events as digests, in order, the next one visible without taking it. */
interface EventStream {
  peek(): Promise<EventDigest | undefined>;
  skip(): void;
}

function eventsOf(pool: Pool, tenant: string, after: bigint, head: bigint): EventStream {
  let page: readonly EventDigest[] = [];
  let index = 0;
  let position = after;
  return {
    async peek() {
      while (index === page.length && position < head) {
        const read = await readCells(pool, { after: position, upTo: head, limit: EVENT_PAGE }, { tenant });
        page = read.rows.map(digestOf);
        index = 0;
        position = read.position;
      }
      return page[index];
    },
    skip() {
      index += 1;
    },
  };
}

async function* sealsOf(pool: Pool, tenant: string, first: bigint, last: bigint): AsyncGenerator<StoredSeal> {
  let after = first;
  while (after < last) {
    const { rows } = await pool.query<Record<'number' | 'from' | 'to' | 'count', string> & SealBytes>(
      `SELECT number, from_position AS from, to_position AS to, event_count AS count, marks, hash,
              previous_hash AS "previousHash"
         FROM portolan.seals WHERE tenant = $1 AND number > $2 AND number <= $3 ORDER BY number LIMIT ${SEAL_PAGE}`,
      [tenant, after, last],
    );
    for (const { number, from, to, count, marks, hash, previousHash } of rows) {
      const range = { fromPosition: BigInt(from), toPosition: BigInt(to) };
      yield { ...range, number: Number(number), count: Number(count), marks, hash, previousHash };
    }
    after = rows.length < SEAL_PAGE ? last : BigInt(rows.at(-1)?.number ?? last);
  }
}

type SealBytes = Pick<StoredSeal, 'marks' | 'hash' | 'previousHash'>;

/** As of one moment: up to where everything is sealed, the tenant's last seal, and the head of the log. */
async function boundsOf(pool: Pool, tenant: string): Promise<Record<'checkpoint' | 'lastSeal' | 'head', bigint>> {
  const { rows } = await pool.query<Record<'checkpoint' | 'last_seal' | 'head', string | null>>(
    `SELECT (SELECT position FROM portolan.consumers WHERE name = $1) AS checkpoint,
            (SELECT max(number) FROM portolan.seals WHERE tenant = $2) AS last_seal,
            (SELECT max(position) FROM portolan.events) AS head`,
    [SEALER, tenant],
  );
  const { checkpoint, last_seal: lastSeal, head } = rows[0] ?? {};
  return { checkpoint: BigInt(checkpoint ?? 0), lastSeal: BigInt(lastSeal ?? 0), head: BigInt(head ?? 0) };
}
