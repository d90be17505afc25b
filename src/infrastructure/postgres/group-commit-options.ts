import type { Pool } from 'pg';

/** How commands are grouped and committed. */
export interface GroupCommitOptions {
  /** As many connections as batches and lanes together, best in pipeline mode: others take more round trips. */
  readonly pool: Pool;
  readonly newId: () => string;
  /** Told of each commit that wrote events, so that readers wake up. */
  readonly committed?: (position: bigint) => void;
  /** Told of each batch, for metrics. */
  readonly observe?: (batch: { readonly size: number; readonly durationMs: number }) => void;
  /** Given, once, how to ask for the number of commands that are under way or wait, for metrics. */
  readonly watch?: (pending: () => number) => void;
  /** Commands in one transaction; 1 is the plain path. Default 256. */
  readonly maxBatchSize?: number;
  /** Transactions at a time on the common path. Default 2: one is judged while the other is stored. */
  readonly maxBatches?: number;
  /** Transactions at a time that wait for rows held by others. Default 8. */
  readonly maxLanes?: number;
  /** Commands that may be under way or wait at a time; more are turned away at once. Default 10,000. */
  readonly maxQueued?: number;
  /** How long a command may take altogether, waiting (for a connection too) and retries included. Default 10 s. */
  readonly deadlineMs?: number;
}
