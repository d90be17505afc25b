/** How work is shared. */
export interface SharedRunsOptions<Item, Result> {
  /** How many runs there may be at a time, each of another key. */
  readonly places: number;
  /** How much may go into one run, as `weight` measures it; whatever comes first goes in however heavy it is. */
  readonly maxWeight: number;
  readonly weight: (item: Item) => number;
  /** Does the work of all of them and resolves to a result for each, in order. Rejects when nothing was done. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Whether a failure may be the doing of one of them, so that the others are worth a run of their own. */
  readonly isOnesOwn: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Work that callers with the same key would have to do one after another, done for all of them at once: a run takes
 * whatever came while the last one of its key was under way.
 */
export class SharedRuns<Item, Result> {
  readonly #options: SharedRunsOptions<Item, Result>;
  /** By key, in the order in which their turn comes. */
  readonly #waiting = new Map<string, Waiting<Item, Result>[]>();
  readonly #running = new Set<string>();

  constructor(options: SharedRunsOptions<Item, Result>) {
    this.#options = options;
  }

  /** Resolves to the item's own result once its run has ended. */
  join(key: string, item: Item): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const waiting = { item, resolve, reject };
    const queue = this.#waiting.get(key);
    if (queue === undefined) this.#waiting.set(key, [waiting]);
    else queue.push(waiting);
    this.#start();
    return promise;
  }

  #start(): void {
    for (const [key, queue] of this.#waiting) {
      if (this.#running.size >= this.#options.places) return;
      if (this.#running.has(key)) continue;
      const batch = this.#take(queue);
      // What is left comes after the other keys.
      this.#waiting.delete(key);
      if (queue.length > 0) this.#waiting.set(key, queue);
      this.#running.add(key);
      void this.#run(batch).then(() => {
        this.#running.delete(key);
        this.#start();
      });
    }
  }

  #take(queue: Waiting<Item, Result>[]): readonly Waiting<Item, Result>[] {
    const { maxWeight, weight } = this.#options;
    let total = 0;
    const end = queue.findIndex(({ item }, index) => (total += weight(item)) > maxWeight && index > 0);
    return queue.splice(0, end === -1 ? queue.length : end);
  }

  /** Never rejects: each of them is told its result or the failure. */
  async #run(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const { run, isOnesOwn } = this.#options;
    try {
      const results = await run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      if (batch.length === 1 || !isOnesOwn(error)) for (const { reject } of batch) reject(error);
      else for (const each of batch) await this.#run([each]);
    }
  }
}
