import type { CommandContext, Committed } from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import type { Hindrance } from './batch-failure.ts';
import type { Queued } from './batch-queue.ts';
import type { BatchCommand } from './batch-run.ts';

/** A command that waits for its batch, or is in one. */
export interface Pending<Keys, Book, Changes> extends BatchCommand<Keys, Book, Changes>, Queued {
  readonly context: CommandContext;
  names: readonly string[];
  readonly deadlineAt: number;
  readonly resolve: (committed: Committed<Json>) => void;
  readonly reject: (error: unknown) => void;
  /** How often it failed alone, by a failure that passes. */
  failures: number;
  /** Whether it has met a row that was held. */
  turnedAway: boolean;
  hindrance: Hindrance | undefined;
}

/** Tells a caller what has become of his command. */
export type Tell = () => void;

const TOLD_AT_ONCE = 16;

/** Tells callers a few at a time: the answers of the next batch need not wait until all of them have gone on. */
export function tellInTurns(tells: readonly Tell[], first = 0): void {
  const next = first + TOLD_AT_ONCE;
  for (const tell of tells.slice(first, next)) tell();
  if (next < tells.length) setImmediate(tellInTurns, tells, next);
}
