import { decidedEvents, type DecidedEvent } from '../../application/shared/decided-events.ts';
import { judge, type CommandContext, type Decision } from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import { LAST_POSITION, writeEvents } from './append-events.ts';
import type { BatchStore, Held } from './batch-store.ts';
import {
  acceptedOutcome,
  readCommandLog,
  refusedOutcome,
  replay,
  writeReceipts,
  type CommandLog,
  type Outcome,
  type ReceiptRow,
} from './command-log.ts';
import { readAll, writeAll } from './merged-statement.ts';
import type { Send, Statement } from './statement.ts';

/** A command as its repository hands it in. */
export interface BatchCommand<Keys, Book, Changes> {
  readonly context: CommandContext;
  readonly keys: Keys;
  readonly decide: (book: Book) => Decision<Json, Changes>;
}

/** How a batch is framed: in a transaction of its own, or within the caller's. */
export interface Frame {
  readonly begin: readonly Statement[];
  readonly commit: readonly Statement[];
  /** Whether to wait for rows that somebody else holds. */
  readonly wait: boolean;
  /** Called right before the statements that end the transaction are sent: from here on a lost answer is unknown. */
  readonly ending: () => void;
}

/** What became of a command: an outcome, or the row that kept it from being judged. */
export type BatchResult = Outcome | { readonly busy: Held };

/** Everything that a batch's decisions want stored. */
interface Gathered<Changes> {
  readonly changes: Changes[];
  readonly events: DecidedEvent[];
  readonly receipts: ReceiptRow[];
}

/** The commit was answered with a rollback, or not at all. */
export class CommitFailed extends Error {}

/** A caller's transaction whose snapshot is older than the locks: decisions would be made on what was. */
export class WrongIsolation extends Error {
  constructor(isolation: string) {
    super(`Commands need a transaction of the isolation level read committed, not ${isolation}.`);
  }
}

/**
 * One batch in one transaction, in two round trips: lock and load; decide; write and commit. Returns each command's
 * result in order, and the log position of the commit. Rejects when nothing of the batch is stored (or, after
 * `ending`, when that isn't known).
 */
export async function runBatch<Keys, Book, Changes>(
  send: Send,
  store: BatchStore<Keys, Book, Changes>,
  commands: readonly BatchCommand<Keys, Book, Changes>[],
  newId: () => string,
  frame: Frame,
): Promise<{ readonly results: readonly BatchResult[]; readonly position: bigint | undefined }> {
  const tenant = tenantOf(commands);
  const keys = commands.map((command) => command.keys);
  const locks = store.locks(tenant, keys, frame.wait);
  const reads = [readCommandLog(commands.map(({ context }) => context)), ...(store.reads?.(tenant, keys) ?? [])];
  const answers = (await send([...frame.begin, ...locks, readAll(reads)]))
    .slice(frame.begin.length)
    .map(({ rows }) => rows);
  const read = answers.pop()?.[0] as unknown as CommandLog;
  if (!(read.now instanceof Date)) throw new TypeError('The driver was told to read a timestamptz as something else.');
  if (read.isolation !== 'read committed') throw new WrongIsolation(read.isolation);
  const { book, busy } = store.open(tenant, keys, { now: read.now, locks: answers, read });
  const gathered: Gathered<Changes> = { changes: [], events: [], receipts: [] };
  const stored = new Map((read.receipts ?? []).map((receipt) => [receipt.id, receipt]));
  const results = commands.map((command, index): BatchResult => {
    const receipt = stored.get(command.context.receipt?.id ?? '');
    if (receipt !== undefined) return replay(receipt, command.context, store.errors);
    const held = busy[index];
    return held === undefined ? carryOut(store, book, command, gathered, newId) : { busy: held };
  });
  const position = await finish(send, store, tenant, gathered, frame);
  return { results: results.map((result) => withPosition(result, position)), position };
}

function tenantOf(commands: readonly { readonly context: CommandContext }[]): string {
  const tenant = commands[0]?.context.tenant;
  if (tenant === undefined || commands.some(({ context }) => context.tenant !== tenant)) {
    throw new RangeError('A batch holds at least one command and one tenant only.');
  }
  return tenant;
}

function carryOut<Keys, Book, Changes>(
  store: BatchStore<Keys, Book, Changes>,
  book: Book,
  { context, decide }: BatchCommand<Keys, Book, Changes>,
  gathered: Gathered<Changes>,
  newId: () => string,
): BatchResult {
  let decision: Decision<Json, Changes>;
  try {
    decision = judge(() => decide(book));
  } catch (error) {
    return { error };
  }
  if (decision.kind === 'refused') {
    gathered.events.push(...decidedEvents(context, decision.events ?? [], [], newId));
    gathered.receipts.push({ context, outcome: refusedOutcome(decision) });
    return { error: decision.error };
  }
  store.apply(book, decision.changes);
  gathered.changes.push(decision.changes);
  gathered.events.push(...decidedEvents(context, decision.events, decision.requests ?? [], newId));
  gathered.receipts.push({ context, outcome: acceptedOutcome(decision) });
  return { committed: { answer: decision.answer, sealed: decision.sealed, replayed: false } };
}

async function finish<Keys, Book, Changes>(
  send: Send,
  store: BatchStore<Keys, Book, Changes>,
  tenant: string,
  { changes, events, receipts }: Gathered<Changes>,
  frame: Frame,
): Promise<bigint | undefined> {
  const keyed = receipts.filter(({ context }) => context.receipt !== undefined);
  const writes = changes.length > 0 ? [...store.writes(tenant, changes)] : [];
  if (events.length > 0) writes.push(writeEvents(events));
  if (keyed.length > 0) writes.push(writeReceipts(tenant, keyed, events.length > 0));
  const statements = writes.length > 0 ? [writeAll(writes, events.length > 0 ? LAST_POSITION : 'NULL')] : [];
  frame.ending();
  const results = await send([...statements, ...frame.commit]);
  if (frame.commit.length > 0 && results.at(-1)?.command !== 'COMMIT') {
    throw new CommitFailed('The commit was answered with a rollback.');
  }
  return events.length === 0 ? undefined : BigInt((results[0]?.rows[0] as { position: string }).position);
}

function withPosition(result: BatchResult, position: bigint | undefined): BatchResult {
  if (!('committed' in result) || result.committed.replayed || position === undefined) return result;
  return { committed: { ...result.committed, position } };
}
