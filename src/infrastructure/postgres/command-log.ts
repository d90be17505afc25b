import type { DomainErrorClass, ErrorDetails, Json } from '../../domain/shared/domain-error.ts';
import type { Accepted, CommandContext, Committed, ReceiptKey, Refused } from '../../domain/shared/decision.ts';
import { IdempotencyKeyReused } from '../../application/shared/errors.ts';
import { LAST_POSITION } from './append-events.ts';
import type { Part, Write } from './merged-statement.ts';
import { RowSet } from './row-set.ts';

/** A stored outcome: `a` answer, `s` sealed secret, `e` refusal. */
type StoredOutcome =
  | { readonly a: Json; readonly s?: string }
  | { readonly e: { readonly code: string; readonly message: string; readonly details: ErrorDetails } };

/** A receipt as it is read. */
export interface StoredReceipt {
  readonly id: string;
  readonly fingerprint: string;
  readonly outcome: StoredOutcome;
  readonly position: string | null;
}

/** What became of one command of a batch. */
export type Outcome = { readonly committed: Committed<Json> } | { readonly error: unknown };

/** What is read besides the rows. */
export interface CommandLog {
  readonly now: Date;
  readonly receipts: readonly StoredReceipt[] | null;
  readonly isolation: string;
}

/** Reads the clock and the receipts; carried out after the locks are held, so that both are as late as the rows. */
export function readCommandLog(contexts: readonly CommandContext[]): Part {
  return {
    name: 'command-log',
    text: `clock_timestamp() AS now, current_setting('transaction_isolation') AS isolation,
      (SELECT json_agg(json_build_object('id', id, 'fingerprint', fingerprint, 'outcome', outcome, 'position', position::text))
       FROM portolan.receipts WHERE id = ANY($1::uuid[])) AS receipts`,
    values: [contexts.flatMap(({ receipt }) => (receipt === undefined ? [] : [receipt.id]))],
  };
}

/** Answers a repeated command from its receipt. */
export function replay(stored: StoredReceipt, context: CommandContext, errors: readonly DomainErrorClass[]): Outcome {
  if (stored.fingerprint !== context.receipt?.fingerprint) {
    return { error: new IdempotencyKeyReused('This idempotency key was used with another input.') };
  }
  const position = stored.position === null ? undefined : BigInt(stored.position);
  const { outcome } = stored;
  if ('a' in outcome) return { committed: { answer: outcome.a, sealed: outcome.s, position, replayed: true } };
  return { error: revive(outcome.e, errors) };
}

function revive(stored: { code: string; message: string; details: ErrorDetails }, errors: readonly DomainErrorClass[]) {
  const type = errors.find(({ code }) => code === stored.code);
  if (type === undefined) return new TypeError(`A receipt names the unknown error ${stored.code}.`);
  return new type(stored.message, stored.details);
}

/** The row that keeps a decision's outcome for repeats. */
export interface ReceiptRow {
  readonly context: CommandContext;
  readonly outcome: StoredOutcome;
}

export const acceptedOutcome = ({ answer, sealed }: Accepted<Json, unknown>): StoredOutcome =>
  sealed === undefined ? { a: answer } : { a: answer, s: sealed };

export const refusedOutcome = ({ error }: Refused): StoredOutcome => ({
  e: { code: error.code, message: error.message, details: error.details },
});

interface KeyedOutcome extends ReceiptKey {
  readonly outcome: StoredOutcome;
}

const RECEIPTS = new RowSet<KeyedOutcome>(
  {
    id: ['uuid', ({ id }) => id],
    operation: ['text', ({ operation }) => operation],
    fingerprint: ['uuid', ({ fingerprint }) => fingerprint],
    outcome: ['json', ({ outcome }) => JSON.stringify(outcome)],
  },
  2,
);

/** Stores receipts in order of id, with the position of the events that the same statement appends. */
export function writeReceipts(tenant: string, rows: readonly ReceiptRow[], withPosition: boolean): Write {
  const sorted = rows
    .flatMap(({ context: { receipt }, outcome }) => (receipt === undefined ? [] : [{ ...receipt, outcome }]))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    name: withPosition ? 'receipts_of_events' : 'receipts',
    text: `INSERT INTO portolan.receipts (tenant, position, ${RECEIPTS.names})
      SELECT $1, ${withPosition ? LAST_POSITION : 'NULL::bigint'}, row.* FROM ${RECEIPTS.text}
      ON CONFLICT (id) DO NOTHING RETURNING 1`,
    values: [tenant, ...RECEIPTS.values(sorted)],
    counted: { by: 'cardinality($2::uuid[])', otherwise: 'a receipt of this batch was stored by somebody else' },
  };
}
