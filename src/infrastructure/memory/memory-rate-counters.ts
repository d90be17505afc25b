import type { RateCounters } from '../../application/access/rate-counters.ts';

/** Counts shared by instances within one process, such as those of a test. `now` in milliseconds since the epoch. */
export function createMemoryRateCounters(now: () => number): RateCounters {
  const counts = new Map<string, { hits: number; readonly expiresAt: number }>();
  return {
    exchange: (counted) => {
      for (const [id, { expiresAt }] of counts) if (expiresAt <= now()) counts.delete(id);
      const totals = counted.map(({ key, windowMs, window, hits }) => {
        const id = JSON.stringify([key, windowMs, window]);
        const count = counts.get(id) ?? { hits: 0, expiresAt: (window + 2) * windowMs };
        count.hits += hits;
        if (hits !== 0) counts.set(id, count);
        return count.hits;
      });
      return Promise.resolve(totals);
    },
  };
}
