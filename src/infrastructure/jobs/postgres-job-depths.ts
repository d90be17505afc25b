import type { ClientBase, Pool } from 'pg';
import { maxDepthOf, queueFull } from './job-settings.ts';
import type { JobQueueSettings } from './job-settings.ts';
import type { PreparedJob } from './job-store.ts';
import { depthSql, knownIdsSql } from './postgres-job-sql.ts';

interface Depth {
  waiting: number;
  validUntil: number;
}

/** A count is used for at least this long, and for ten times as long as it took to make. */
const shortestUseMs = 100;

/**
 * Whether there is room for jobs. Counting a deep queue takes milliseconds, so that a count is used for a while and
 * this process's own additions are added to it: with several processes, a limit can be passed by what the others add
 * in a tenth of a second, and jobs taken meanwhile are noticed as late.
 */
export class PostgresJobDepths {
  readonly #settings: JobQueueSettings;
  readonly #depths = new Map<string, Depth>();

  constructor(settings: JobQueueSettings) {
    this.#settings = settings;
  }

  /** Throws `JobQueueFull` unless there is room for those of the jobs that are not there yet. */
  async requireRoom(client: Pool | ClientBase, jobs: readonly PreparedJob[]): Promise<void> {
    for (const [type, arriving] of Map.groupBy(jobs, (job) => job.type)) {
      const maxDepth = maxDepthOf(type, this.#settings);
      const { waiting } = await this.#depthOf(client, type, maxDepth);
      if (waiting + arriving.length <= maxDepth) continue;
      const ids = new Set(arriving.map(({ id }) => id));
      const { rows } = await client.query<{ known: string }>(knownIdsSql, [[...ids]]);
      if (waiting + ids.size - Number(rows[0]?.known) > maxDepth) throw queueFull(type, this.#settings);
    }
  }

  /** Throws `JobQueueFull` unless there is room for one more job of this type. */
  async requireRoomForOne(client: Pool | ClientBase, type: string): Promise<void> {
    const maxDepth = maxDepthOf(type, this.#settings);
    const { waiting } = await this.#depthOf(client, type, maxDepth);
    if (waiting >= maxDepth) throw queueFull(type, this.#settings);
  }

  /** Counts jobs that were added by this process. */
  added(jobs: readonly PreparedJob[]): void {
    for (const { type } of jobs) {
      const depth = this.#depths.get(type);
      if (depth !== undefined) depth.waiting += 1;
    }
  }

  async #depthOf(client: Pool | ClientBase, type: string, maxDepth: number): Promise<Depth> {
    const startedAt = performance.now();
    const known = this.#depths.get(type);
    if (known !== undefined && startedAt < known.validUntil) return known;
    // While one call counts anew, the others use the old count for a little longer.
    if (known !== undefined) known.validUntil = startedAt + shortestUseMs;
    const { rows } = await client.query<{ depth: string }>(depthSql, [type, maxDepth]);
    const now = performance.now();
    const depth = {
      waiting: Number(rows[0]?.depth),
      validUntil: now + Math.max(shortestUseMs, (now - startedAt) * 10),
    };
    this.#depths.set(type, depth);
    return depth;
  }
}
