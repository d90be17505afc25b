import type { DomainErrorClass } from '../../domain/shared/domain-error.ts';
import type { Send, Statement } from './statement.ts';

/** A row that somebody else holds. */
export interface Held {
  /** As in `BatchStore.names`. */
  readonly name: string;
  /** Waits for it, and locks it. */
  readonly wait: Statement;
}

/** What locking one batch of commands brought to light. */
export interface Locked<Handle> {
  /** For each command in order: what it needs and somebody else holds, if there is something. */
  readonly busy: readonly (Held | undefined)[];
  /** Whatever `load` needs to know of it. */
  readonly handle: Handle;
}

/** A context's half of group commit: its locks, its rows, its writes. The engine does the rest. */
export interface BatchStore<Keys, Book, Changes, Handle> {
  /** Classes by which stored refusals come back to life. */
  readonly errors: readonly DomainErrorClass[];
  /**
   * Names of what a command locks, as far as that is known before; commands that share one are never in two batches of
   * the common path at once.
   */
  names(tenant: string, keys: Keys): readonly string[];
  /**
   * Locks root rows: with `wait` in order of (type, id), so that nobody waits for him who waits for him; without it,
   * rows that somebody else holds are left out as busy.
   */
  lock(send: Send, tenant: string, keys: readonly Keys[], wait: boolean): Promise<Locked<Handle>>;
  /** The statements that read all that decisions use; sent after the locks are held. */
  reads(tenant: string, keys: readonly Keys[], handle: Handle): readonly Statement[];
  /** Makes the book from their rows. */
  book(now: Date, rows: readonly (readonly Record<string, unknown>[])[]): Book;
  /** Shows an accepted decision's changes to the next decision of the batch. */
  apply(book: Book, changes: Changes): void;
  /** The statements that store all changes, each guarded against rows that aren't as they were loaded. */
  writes(tenant: string, changes: readonly Changes[]): readonly Statement[];
}
