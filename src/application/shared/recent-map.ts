/**
 * A map of bounded size that forgets what was longest unused, roughly: entries live in two generations, using an old
 * one moves it to the young, and when half the capacity is young the old generation is dropped whole. A read of a
 * young entry, which is nearly every read, is one look-up and changes nothing.
 */
export class RecentMap<Key, Value> {
  readonly #generationSize: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  /** `capacity`: the most entries that are ever kept, at least 2. */
  constructor(capacity: number) {
    if (!Number.isSafeInteger(capacity) || capacity < 2) throw new RangeError('The capacity must be at least 2.');
    this.#generationSize = Math.floor(capacity / 2);
  }

  get(key: Key): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const aged = this.#old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#generationSize && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: Key): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Entries kept, some of them perhaps counted twice: never fewer than there are, never more than the capacity. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
