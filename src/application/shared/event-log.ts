import type { Json } from '../../domain/shared/domain-error.ts';

/** An event as it stands in the log. */
export interface LoggedEvent {
  /** Order over all streams; gaps are possible, reordering is not. */
  readonly position: bigint;
  readonly tenant: string;
  readonly stream: string;
  readonly streamVersion: number;
  readonly eventId: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly actor: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly traceParent: string | null;
  /** By the database's clock. */
  readonly occurredAt: Date;
  readonly payload: { readonly [key: string]: Json };
}

/** Which events a reader wants; everything that is left out doesn't restrict. */
export interface EventFilter {
  readonly tenant?: string;
  readonly types?: readonly string[];
}

export interface EventPage {
  readonly events: readonly LoggedEvent[];
  /** Where to go on: every event up to here has been seen, matching or not. */
  readonly position: bigint;
}

/** An event from another system, in the terms of CloudEvents 1.0. */
export interface ForeignEvent {
  readonly source: string;
  readonly id: string;
  readonly type: string;
  readonly subject?: string | undefined;
  readonly time?: Date | undefined;
  readonly data: { readonly [key: string]: Json };
}

/** What a consumer does with one event; it has to give `unit` to every repository that it changes. */
export type EventHandler = (event: LoggedEvent, effect: ConsumerEffect) => Promise<void>;

export interface ConsumerEffect {
  /** The transaction that also stores the checkpoint. */
  readonly unit: unknown;
  readonly signal: AbortSignal;
}

/** A reader that acts once per cluster. */
export interface ExclusiveConsumer {
  /** Stable: the checkpoint is stored under it. */
  readonly name: string;
  readonly filter: EventFilter;
  readonly handle: EventHandler;
  /** Failed tries of one event before it becomes a dead letter and the consumer goes on; default 10. */
  readonly maxAttempts?: number;
}

/** Something that runs until it is closed; closing twice is harmless. */
export interface Running {
  close(): Promise<void>;
}

/** The append-only log of every domain event. Appending is the repositories' business: same commit as the change. */
export interface EventLog {
  /** Changes when a database is restored from backup: positions of another epoch mean nothing here. */
  epoch(): Promise<string>;
  /** Reads on from a position (exclusive), in order, never past a gap that may still be filled. */
  read(after: bigint, limit: number, filter?: EventFilter): Promise<EventPage>;
  /** All events of one stream from a version (inclusive), in order. */
  readStream(tenant: string, stream: string, fromVersion: number, limit: number): Promise<readonly LoggedEvent[]>;
  /** The last position that `read` would reach now. */
  head(): Promise<bigint>;
  /** Resolves once everything up to `position` is visible; throws `PositionUnavailable` when `signal` aborts first. */
  reached(position: bigint, signal?: AbortSignal): Promise<void>;
  /** Stores foreign events once by (tenant, source, id); says for each whether it was new. */
  ingest(
    events: readonly ForeignEvent[],
    by: { tenant: string; actor: string; correlationId: string; traceParent?: string | undefined },
  ): Promise<{ readonly accepted: readonly boolean[]; readonly position: bigint | undefined }>;
  /** Runs on every instance, from the tail on (or from a position), in order; for caches and live streams. */
  live(handler: (events: readonly LoggedEvent[]) => void, options?: { after?: bigint; filter?: EventFilter }): Running;
  /** Runs once per cluster, from the beginning, by lease; effect and checkpoint share a commit. */
  exclusive(consumer: ExclusiveConsumer): Running;
}

/** One link of the chain of seals over a tenant's events. */
export interface Seal {
  readonly tenant: string;
  readonly number: number;
  readonly fromPosition: bigint;
  readonly toPosition: bigint;
  readonly hash: string;
  readonly previousHash: string;
}

export type Verification =
  | { readonly intact: true; readonly seals: number; readonly events: number; readonly sealedTo: bigint }
  | { readonly intact: false; readonly position: bigint; readonly seal: number; readonly reason: string };

/** Proof that nobody changed the log behind the application's back. */
export interface EventSeals {
  /** Seals what is new and stable now. */
  seal(): Promise<number>;
  /** Walks a tenant's chain and names the first event or seal that doesn't fit. */
  verify(tenant: string): Promise<Verification>;
}
