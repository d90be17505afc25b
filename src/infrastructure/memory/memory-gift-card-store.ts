import { randomUUID } from 'node:crypto';
import { decidedEvents } from '../../application/shared/decided-events.ts';
import type { LoggedEvent } from '../../application/shared/event-log.ts';
import type { CommandContext, JobRequest, NewEvent } from '../../domain/shared/decision.ts';
import { GiftCardRecords } from './memory-gift-card-records.ts';
import { MemoryReceipts } from './memory-receipts.ts';

/** An event that has everything but its place in the log. */
export type UnplacedEvent = Omit<LoggedEvent, 'position'>;

/** What gift cards in memory need from outside. */
export interface MemoryGiftCardOptions {
  /** Appends events to the log, all or (by throwing) none, and returns the position of the last. */
  readonly append: (events: readonly UnplacedEvent[]) => bigint;
  /** The clock; the system's if left out. */
  readonly now?: () => Date;
  /** Makes ids of events; random if left out. */
  readonly newId?: () => string;
}

/** Everything that gift cards in memory consist of, shared by the adapters of their ports. */
export class MemoryGiftCardStore {
  readonly receipts = new MemoryReceipts();
  readonly now: () => Date;
  readonly #tenants = new Map<string, GiftCardRecords>();
  readonly #append: MemoryGiftCardOptions['append'];
  readonly #newId: () => string;

  constructor({ append, now = () => new Date(), newId = randomUUID }: MemoryGiftCardOptions) {
    this.#append = append;
    this.now = now;
    this.#newId = newId;
  }

  of(tenant: string): GiftCardRecords {
    let records = this.#tenants.get(tenant);
    if (records === undefined) this.#tenants.set(tenant, (records = new GiftCardRecords()));
    return records;
  }

  tenants(): IterableIterator<[string, GiftCardRecords]> {
    return this.#tenants.entries();
  }

  /** Appends a decision's events, then its job requests as `job.requested`; undefined where there are none. */
  log(
    context: CommandContext,
    occurredAt: Date,
    events: readonly NewEvent[],
    requests: readonly JobRequest[] = [],
  ): bigint | undefined {
    const decided = decidedEvents(context, events, requests, this.#newId);
    return decided.length === 0 ? undefined : this.#append(decided.map((event) => ({ ...event, occurredAt })));
  }
}
