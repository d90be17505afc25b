/** Values of a label: the first so many that occur stand for themselves, all later ones are `other`. */
export class BoundedLabel {
  readonly #capacity: number;
  readonly #known = new Set<string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#capacity) return 'other';
    this.#known.add(value);
    return value;
  }
}
