import { hash } from 'node:crypto';
import type { EventCells } from './event-rows.ts';

/** Bytes of a mark: a position, and the beginning of an event's digest. */
const MARK_BYTES = 16;
const POSITION_BYTES = 8;

/** The hash before the first seal. */
export const NO_HASH = Buffer.alloc(32);

/** What a seal says about the range that it covers. */
export interface SealHeader {
  readonly tenant: string;
  readonly number: number;
  readonly fromPosition: bigint;
  readonly toPosition: bigint;
  readonly previousHash: Buffer;
}

/** An event's place and the digest of everything in it. */
export interface EventDigest {
  readonly position: bigint;
  readonly digest: Buffer;
}

/**
 * SHA-256 over all columns of an event in the order of `EventCells`, each as text: its length in bytes of UTF-8, a
 * colon and the text, or `-` for NULL. The payload is the text that PostgreSQL gives for it.
 */
export function digestOf(cells: EventCells): EventDigest {
  return { position: BigInt(cells[0]), digest: hash('sha256', encode(cells), 'buffer') };
}

/** SHA-256 over the header, encoded like an event with the previous hash as hexadecimal, and all events' digests. */
export function sealHash(header: SealHeader, events: readonly EventDigest[]): Buffer {
  const { tenant, number, fromPosition, toPosition, previousHash } = header;
  const head = encode([tenant, `${number}`, `${fromPosition}`, `${toPosition}`, previousHash.toString('hex')]);
  return hash('sha256', Buffer.concat([Buffer.from(head), ...events.map(({ digest }) => digest)]), 'buffer');
}

/** One mark for each event, by which a broken seal can name it. */
export function marksOf(events: readonly EventDigest[]): Buffer {
  const marks = Buffer.alloc(events.length * MARK_BYTES);
  events.forEach(({ position, digest }, index) => {
    marks.writeBigInt64BE(position, index * MARK_BYTES);
    digest.copy(marks, index * MARK_BYTES + POSITION_BYTES, 0, MARK_BYTES - POSITION_BYTES);
  });
  return marks;
}

/** For how many events there are marks. */
export function countOf(marks: Buffer): number {
  return Math.floor(marks.length / MARK_BYTES);
}

/** The first place where events and marks part, and how; undefined when they agree. */
export function firstDifference(
  events: readonly EventDigest[],
  marks: Buffer,
): { readonly position: bigint; readonly reason: string } | undefined {
  const count = countOf(marks);
  for (let index = 0; index < Math.max(events.length, count); index += 1) {
    const event = events[index];
    const at = index * MARK_BYTES;
    const marked = index < count ? marks.readBigInt64BE(at) : undefined;
    if (event !== undefined && (marked === undefined || event.position < marked)) {
      return { position: event.position, reason: 'An event was inserted.' };
    }
    if (marked !== undefined && (event === undefined || event.position > marked)) {
      return { position: marked, reason: 'An event is missing.' };
    }
    const prefix = marks.subarray(at + POSITION_BYTES, at + MARK_BYTES);
    if (event !== undefined && !prefix.equals(event.digest.subarray(0, prefix.length))) {
      return { position: event.position, reason: 'An event was changed.' };
    }
  }
  return undefined;
}

function encode(cells: readonly (string | null)[]): string {
  let text = '';
  for (const cell of cells) text += cell === null ? '-' : `${Buffer.byteLength(cell)}:${cell}`;
  return text;
}
