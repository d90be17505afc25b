/** Times in milliseconds, and sizes, of every exclusive consumer. */
export interface ConsumerSettings {
  /** How long a holder that has died keeps others away; renewed three times in that time. */
  readonly leaseMs: number;
  /** Between looks of an instance that waits for the lease. */
  readonly claimMs: number;
  /** How long a handler may take for one event; then the try has failed. */
  readonly handlerMs: number;
  /** How long `close` waits for a handler before it aborts the handler's signal. */
  readonly graceMs: number;
  /** Wait after a failed try: doubles from the first to the longest. */
  readonly retryMs: readonly [firstMs: number, longestMs: number];
  /** Events handled in one transaction, at most. */
  readonly batch: number;
  /** A transaction that has lasted so long takes no further event: it holds rows, and readers of the log wait for it. */
  readonly batchMs: number;
}

export const CONSUMER_SETTINGS: ConsumerSettings = {
  leaseMs: 3_000,
  claimMs: 500,
  handlerMs: 30_000,
  graceMs: 5_000,
  retryMs: [100, 30_000],
  batch: 100,
  batchMs: 100,
};
