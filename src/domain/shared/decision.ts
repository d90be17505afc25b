import { DomainError, type ErrorKind, type Json } from './domain-error.ts';

/** A fact that an aggregate records. Its payload holds no secret and nothing personal: the log never forgets. */
export interface NewEvent {
  /** The aggregate's stream, `<aggregate>:<id>`. */
  readonly stream: string;
  /** Position in the stream, from 1, without gaps; enforced on the aggregate's row. */
  readonly streamVersion: number;
  /** Topic and type in one, for example `gift_card.redeemed`. */
  readonly type: string;
  readonly schemaVersion?: number;
  readonly payload: { readonly [key: string]: Json };
}

/** Work asked for in the commit that makes it necessary, carried out later and at least once. */
export interface JobRequest {
  /** A UUID of the decision's choice, where its answer names the job; made up if left out. */
  readonly id?: string;
  readonly type: string;
  readonly payload: { readonly [key: string]: Json };
  readonly priority?: 'critical' | 'high_priority' | 'default' | 'low_priority';
  readonly runAt?: Date;
  /** Jobs of one tenant with the same key run one at a time, whatever their types. */
  readonly concurrencyKey?: string;
}

/** What a pure decision says: do this and answer that. */
export interface Accepted<Answer extends Json, Changes> {
  readonly kind: 'accepted';
  readonly answer: Answer;
  /** A secret that belongs to the answer, already sealed; the receipt keeps it for a repeat. */
  readonly sealed?: string;
  readonly changes: Changes;
  readonly events: readonly NewEvent[];
  readonly requests?: readonly JobRequest[];
}

/** What a pure decision says: no, and why. Nothing but the receipt (and audit events) is stored. */
export interface Refused {
  readonly kind: 'refused';
  readonly error: DomainError;
  readonly events?: readonly NewEvent[];
}

export type Decision<Answer extends Json, Changes> = Accepted<Answer, Changes> | Refused;

export const refuse = (error: DomainError, events: readonly NewEvent[] = []): Refused => ({
  kind: 'refused',
  error,
  events,
});

/** Errors of these kinds speak of the moment, not of the command: its repeat has to be decided anew. */
const PASSING: readonly ErrorKind[] = ['rate_limited', 'unavailable'];

/**
 * Asks for a decision. A `DomainError` that it throws is a refusal, unless it is of a kind that passes; that and
 * anything else is thrown on and leaves nothing behind.
 */
export function judge<Answer extends Json, Changes>(
  decide: () => Decision<Answer, Changes>,
): Decision<Answer, Changes> {
  try {
    return decide();
  } catch (error) {
    if (error instanceof DomainError && !PASSING.includes(error.kind)) return refuse(error);
    throw error;
  }
}

/** Names a command for ever (until its receipt is purged), so that a repeat gets the first answer. */
export interface ReceiptKey {
  /** Hash of tenant, principal, operation and idempotency key: a UUID's 128 bits. */
  readonly id: string;
  /** Keyed hash of the canonical input: the same key with another input is an error. */
  readonly fingerprint: string;
  readonly operation: string;
}

/** Everything about a command that isn't its input: who asks, for whom, why, and until when. */
export interface CommandContext {
  readonly tenant: string;
  readonly actor: string;
  readonly correlationId: string;
  readonly causationId?: string | undefined;
  readonly traceParent?: string | undefined;
  readonly receipt?: ReceiptKey | undefined;
  /** Ends waiting, never a commit that is under way. */
  readonly signal?: AbortSignal | undefined;
  /** An adapter's own handle of a transaction that the outcome has to join: see docs/embedding.md. */
  readonly unit?: unknown;
}

/** What `update` resolves to once the outcome is durable. A refusal rejects with its error instead. */
export interface Committed<Answer extends Json> {
  readonly answer: Answer;
  readonly sealed?: string | undefined;
  /** Log position up to which the change is visible; undefined where no event was written. */
  readonly position?: bigint | undefined;
  /** True when the answer comes from the receipt of an earlier, identical command. */
  readonly replayed: boolean;
}
