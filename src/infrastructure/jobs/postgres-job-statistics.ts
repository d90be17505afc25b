import type { Pool } from 'pg';
import type { JobState, JobStatistics } from '../../application/shared/job-queue.ts';
import { statisticsSql } from './postgres-job-sql.ts';

/** Counts the jobs of one tenant, or of all, by type and state: reads the whole table of jobs. */
export async function jobStatistics(pool: Pool, tenant?: string): Promise<readonly JobStatistics[]> {
  type Row = { type: string; state: JobState; jobs: number; oldest_ms: number };
  const { rows } = await pool.query<Row>(statisticsSql, [tenant ?? null]);
  return [...Map.groupBy(rows, ({ type }) => type)].map(([type, states]) => {
    const counts = { scheduled: 0, queued: 0, running: 0, completed: 0, cancelled: 0, dead: 0 };
    for (const { state, jobs } of states) counts[state] = jobs;
    const waiting = states.filter(({ state }) => state === 'queued' || state === 'scheduled');
    return { type, counts, oldestWaitingMs: Math.max(0, ...waiting.map((row) => row.oldest_ms)) };
  });
}
