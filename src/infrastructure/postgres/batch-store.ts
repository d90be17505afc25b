import type { DomainErrorClass } from '../../domain/shared/domain-error.ts';
import type { Part, Write } from './merged-statement.ts';
import type { Statement } from './statement.ts';

/** A row that somebody else holds. */
export interface Held {
  /** As in `BatchStore.names`. */
  readonly name: string;
  /** Waits for it, and locks it. */
  readonly wait: Statement;
}

/** What the statements of one batch have answered. */
export interface Loaded {
  /** The database's time, read after the locks were held. */
  readonly now: Date;
  /** The rows of each of the `locks`. */
  readonly locks: readonly (readonly unknown[])[];
  /** The row with all that `reads` selects. */
  readonly read: unknown;
}

/** A batch that can be decided on. */
export interface OpenBook<Book> {
  readonly book: Book;
  /** For each command in order: what it needs and somebody else holds, if there is something. */
  readonly busy: readonly (Held | undefined)[];
}

/** A context's half of group commit: its locks, its rows, its writes. The engine does the rest. */
export interface BatchStore<Keys, Book, Changes> {
  /** Classes by which stored refusals come back to life. */
  readonly errors: readonly DomainErrorClass[];
  /**
   * Names of what a command locks, as far as that is known before; commands that share one are never in two batches of
   * the common path at once.
   */
  names(tenant: string, keys: Keys): readonly string[];
  /**
   * Statements that lock root rows: with `wait` in order of (type, id), so that nobody waits for him who waits for him;
   * without it, rows that somebody else holds are left out as busy.
   */
  locks(tenant: string, keys: readonly Keys[], wait: boolean): readonly Statement[];
  /**
   * Select lists that read what decisions use and the locks don't return; sent with the locks, carried out after them.
   */
  reads?(tenant: string, keys: readonly Keys[]): readonly Part[];
  /** Makes the book from their rows. */
  open(tenant: string, keys: readonly Keys[], loaded: Loaded): OpenBook<Book>;
  /** Shows an accepted decision's changes to the next decision of the batch. */
  apply(book: Book, changes: Changes): void;
  /** Stores all changes, each write guarded against rows that aren't as they were loaded. */
  writes(tenant: string, changes: readonly Changes[]): readonly Write[];
}
