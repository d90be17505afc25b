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
  /**
   * Failed tries of one event before it becomes a dead letter and the consumer goes on; default 10. An error whose
   * kind cannot pass by itself makes it one at once.
   */
  readonly maxAttempts?: number;
  /**
   * Where a consumer begins that has never run: at the `beginning` of the log (default), or at its `head` as it is when
   * it first runs, for what must not be done for events of the past, such as sending mail.
   */
  readonly startAt?: 'beginning' | 'head';
  /**
   * Whether events may be handled in any order: then one that needs a row which somebody else holds is set aside, as a
   * dead letter that is handed out again by itself, and others go on. By default (false) the consumer waits with it,
   * for as long as that takes. Waiting for a row never counts as a failed try.
   */
  readonly inAnyOrder?: boolean;
}

/** An event that a consumer has given up on. */
export interface DeadEvent {
  readonly consumer: string;
  readonly eventId: string;
  readonly position: bigint;
  /** The code of the last error; `unexpected` for one that isn't a `DomainError`. */
  readonly errorCode: string;
  readonly attempts: number;
  readonly diedAt: Date;
  /** Whether somebody has asked for another try that has not happened yet. */
  readonly redriving: boolean;
}

/** Something that runs until it is closed; closing twice is harmless. */
export interface Running {
  close(): Promise<void>;
}

/** The append-only log of every domain event. Appending is the repositories' business: same commit as the change. */
export interface EventLog {
  /** Changes when a database is restored from backup: positions of another epoch mean nothing here. */
  epoch(): Promise<string>;
  /**
   * Reads on from a position (exclusive), in order, never past a gap that may still be filled. With a filter, a page
   * may be short of its limit, or empty, before the head is reached: go on while the page's position rises.
   */
  read(after: bigint, limit: number, filter?: EventFilter): Promise<EventPage>;
  /** All events of one stream from a version (inclusive), in order. */
  readStream(tenant: string, stream: string, fromVersion: number, limit: number): Promise<readonly LoggedEvent[]>;
  /** The last position that `read` would reach now. */
  head(): Promise<bigint>;
  /**
   * Resolves once everything up to `position` is visible; throws `PositionUnavailable` when `signal` aborts first or
   * the log has never come that far.
   */
  reached(position: bigint, signal?: AbortSignal): Promise<void>;
  /** Stores foreign events once by (tenant, source, id); says for each whether it was new. */
  ingest(
    events: readonly ForeignEvent[],
    by: { tenant: string; actor: string; correlationId: string; traceParent?: string | undefined },
  ): Promise<{ readonly accepted: readonly boolean[]; readonly position: bigint | undefined }>;
  /**
   * Runs on every instance, in order; for caches and live streams. Starts at `after`, else at the tail as it is once
   * the reader has begun: whoever must miss nothing takes `head()` first.
   */
  live(handler: (events: readonly LoggedEvent[]) => void, options?: { after?: bigint; filter?: EventFilter }): Running;
  /** Runs once per cluster, by lease; effect and checkpoint share a commit. */
  exclusive(consumer: ExclusiveConsumer): Running;
  /** A tenant's oldest dead letters that have not been handled since, of one consumer or of all; at most `limit`. */
  deadEvents(tenant: string, limit: number, consumer?: string): Promise<readonly DeadEvent[]>;
  /**
   * Asks the consumer to handle a tenant's dead event once more, soon and out of order; if that fails it stays dead.
   * False when the tenant has no such dead letter.
   */
  redrive(tenant: string, consumer: string, eventId: string): Promise<boolean>;
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

/** What to note outside of the database about a seal. */
export type SealAnchor = Pick<Seal, 'number' | 'hash'>;

export interface VerifyOptions {
  readonly anchor?: SealAnchor | undefined;
  /** Begins right after the anchor: what it covers was proved when it was noted. Without an anchor at the beginning. */
  readonly fromAnchor?: boolean | undefined;
  /** Ends the walk, which takes as long as the log is. */
  readonly signal?: AbortSignal | undefined;
}

export type Verification =
  | {
      readonly intact: true;
      /** Also the number of the last seal. */
      readonly seals: number;
      readonly events: number;
      /** Events above this position are not sealed yet. */
      readonly sealedTo: bigint;
      /** The last seal's hash; 64 zeros where there is none. */
      readonly hash: string;
    }
  | { readonly intact: false; readonly position: bigint; readonly seal: number; readonly reason: string };

/** Proof that nobody changed the log behind the application's back. */
export interface EventSeals {
  /** Seals what is new and stable now; returns the number of new seals. */
  seal(): Promise<number>;
  /** Seals within a second of new events, on one instance of the cluster at a time. */
  run(): Running;
  /**
   * Walks a tenant's chain and names the first event or seal that doesn't fit. Whoever can change the whole chain can
   * make another that fits in itself: noted elsewhere and given as `anchor`, an earlier seal shows that too.
   */
  verify(tenant: string, options?: VerifyOptions): Promise<Verification>;
}
