import { setTimeout as sleep } from 'node:timers/promises';
import { claimKey } from './job-store.ts';
import type { JobStore, Settlement } from './job-store.ts';

interface Pending {
  readonly settlement: Settlement;
  readonly resolve: (written: boolean) => void;
  readonly reject: (error: unknown) => void;
  failures: number;
}

const maxBatch = 200;
const maxFailures = 40;
const retryMs = 250;

/**
 * Writes how runs ended. What arrives while a statement is under way shares the next one; after a failure each is
 * tried alone for a while, so that one bad settlement fails only itself.
 */
export class SettlementWriter {
  readonly #store: Pick<JobStore, 'settle'>;
  readonly #onFault: (error: unknown) => void;
  readonly #pending: Pending[] = [];
  #writing = false;
  #batchSize = maxBatch;
  #impatient = false;

  constructor(store: Pick<JobStore, 'settle'>, onFault: (error: unknown) => void) {
    this.#store = store;
    this.#onFault = onFault;
  }

  /** Resolves to false when the claim held no more; rejects when the store refuses for about ten seconds. */
  write(settlement: Settlement): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#pending.push({ settlement, resolve, reject, failures: 0 });
    if (!this.#writing) void this.#writeAll();
    return promise;
  }

  /** From now on each settlement is tried once. */
  hurry(): void {
    this.#impatient = true;
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, this.#batchSize);
      try {
        const written = await this.#store.settle(batch.map(({ settlement }) => settlement));
        for (const { settlement, resolve } of batch) resolve(written.has(claimKey(settlement)));
        this.#batchSize = Math.min(maxBatch, this.#batchSize * 2);
      } catch (error) {
        this.#onFault(error);
        this.#batchSize = 1;
        this.#putBack(batch, error);
        if (!this.#impatient) await sleep(retryMs);
      }
    }
    this.#writing = false;
  }

  #putBack(batch: readonly Pending[], error: unknown): void {
    for (const pending of batch) {
      pending.failures += 1;
      if (this.#impatient || pending.failures >= maxFailures) pending.reject(error);
      else this.#pending.push(pending);
    }
  }
}
