import { randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 10;
const IDS_PER_FILL = 400;
const COUNTER_LIMIT = 0x1000;

/**
 * Makes a generator of version 7 UUIDs (RFC 9562): 48 bits of Unix milliseconds, a 12-bit counter, 62 random bits.
 * Ids of one generator sort in the order in which they were made, even when the clock is set back.
 *
 * @param now the clock, in milliseconds
 * @param fill fills an array with random bytes; called once for many ids
 */
export function uuidGenerator(now: () => number, fill: (bytes: Uint8Array) => unknown): () => string {
  const random = Buffer.alloc(RANDOM_BYTES * IDS_PER_FILL);
  const id = Buffer.alloc(16);
  let used = random.length;
  let timeMs = 0;
  let counter = 0;

  return () => {
    if (used === random.length) {
      fill(random);
      used = 0;
    }
    const clockMs = now();
    if (clockMs > timeMs) {
      timeMs = clockMs;
      // A start in the lower half leaves room to count within the millisecond.
      counter = random.readUInt16BE(used) & 0x7ff;
    } else if ((counter += 1) === COUNTER_LIMIT) {
      timeMs += 1;
      counter = 0;
    }
    id.writeUIntBE(timeMs, 0, 6);
    id.writeUInt16BE(0x7000 | counter, 6);
    random.copy(id, 8, used + 2, used + RANDOM_BYTES);
    id.writeUInt8(0x80 | (id.readUInt8(8) & 0x3f), 8);
    used += RANDOM_BYTES;
    const hex = id.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}

/** A new version 7 UUID; ids of this process sort in the order in which they were made. */
export const uuidv7 = uuidGenerator(Date.now, randomFillSync);
