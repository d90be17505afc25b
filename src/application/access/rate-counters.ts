/** Hits on a key within one window; windows of a length are counted from the epoch. */
export interface WindowHits {
  readonly key: string;
  readonly windowMs: number;
  readonly window: number;
  readonly hits: number;
}

/** Adds up what the instances count. Exactness isn't promised: counts may be lost when the store restarts. */
export interface RateCounters {
  /**
   * Adds these hits, each key and window at most once in a list, and resolves to the totals of all instances in the
   * same order. Nothing is stored for hits of 0. Totals are forgotten some time after the following window has ended.
   */
  exchange(counted: readonly WindowHits[]): Promise<readonly number[]>;
}
