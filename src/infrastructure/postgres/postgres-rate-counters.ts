import type { Pool } from 'pg';
import type { RateCounters, WindowHits } from '../../application/access/rate-counters.ts';

/** Rows of one statement; more are sent one after another, so that no call waits long for the hashing of keys. */
const CHUNK = 1000;
/** About once a minute when called every second. */
const EXCHANGES_PER_PURGE = 60;

// In order of the key, so that two instances never wait for each other.
const ADD = `
  INSERT INTO access.rate_counts AS counts (key, window_ms, number, hits, expires_at)
  SELECT key, window_ms, number, hits, to_timestamp((number + 2) * window_ms / 1000.0)
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS counted (key, window_ms, number, hits)
  WHERE hits <> 0
  ORDER BY key, window_ms, number
  ON CONFLICT (key, window_ms, number) DO UPDATE SET hits = counts.hits + excluded.hits`;

const TOTALS = `
  SELECT coalesce(counts.hits, 0)::float8 AS hits
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS counted (key, window_ms, number, place)
  LEFT JOIN access.rate_counts AS counts USING (key, window_ms, number)
  ORDER BY place`;

const PURGE = 'DELETE FROM access.rate_counts WHERE expires_at < clock_timestamp()';

/** Shares counts through an unlogged table. `hash`: a keyed hash as UUID text, the same on all instances. */
export function createPostgresRateCounters(pool: Pool, hash: (text: string) => string): RateCounters {
  let exchanges = 0;
  const exchangeChunk = async (counted: readonly WindowHits[]): Promise<readonly number[]> => {
    const named = [
      counted.map(({ key }) => hash(key)),
      counted.map(({ windowMs }) => windowMs),
      counted.map(({ window }) => window),
    ];
    if (counted.some(({ hits }) => hits !== 0)) await pool.query(ADD, [...named, counted.map(({ hits }) => hits)]);
    const { rows } = await pool.query<{ hits: number }>(TOTALS, named);
    return rows.map(({ hits }) => hits);
  };
  return {
    async exchange(counted) {
      const totals: number[] = [];
      for (let start = 0; start < counted.length; start += CHUNK) {
        totals.push(...(await exchangeChunk(counted.slice(start, start + CHUNK))));
      }
      exchanges += 1;
      if (exchanges % EXCHANGES_PER_PURGE === 0) await pool.query(PURGE);
      return totals;
    },
  };
}
