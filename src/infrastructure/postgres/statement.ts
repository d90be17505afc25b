import { hash } from 'node:crypto';
import type { ClientBase, QueryResult, QueryResultRow } from 'pg';

/**
 * One parameterised statement. A `name` lets the server keep its plan: not in a transaction of a caller's, and only one
 * made by `named`.
 */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
  /** Rows as arrays of the text that came over the wire: half the cost of parsing wide rows by type. */
  readonly raw?: boolean;
}

/** A statement's text, and the name under which the server keeps its plan. */
export type NamedText = Required<Pick<Statement, 'name' | 'text'>>;

const known = new Map<string, NamedText>();

/**
 * A statement's text with a name for its plan, which follows from the text: no two texts can meet under one name on a
 * connection that several versions or copies of this package share. For texts of which there are few: they are kept.
 */
export function named(text: string): NamedText {
  let statement = known.get(text);
  if (statement === undefined) {
    known.set(text, (statement = { name: `portolan-${hash('sha256', text).slice(0, 16)}`, text }));
  }
  return statement;
}

const AS_TEXT = { getTypeParser: () => (text: string) => text };

/** A statement as the driver takes it, unnamed; given up when it isn't answered within so many milliseconds. */
export const queryOf = ({ text, values, raw }: Statement, unansweredMs?: number) => ({
  text,
  values: [...values],
  ...(raw === true && { rowMode: 'array', types: AS_TEXT }),
  ...(unansweredMs !== undefined && { query_timeout: unansweredMs }),
});

/** Sends statements in order and resolves to their results; rejects with the first error once all have ended. */
export type Send = (statements: readonly Statement[]) => Promise<readonly QueryResult<QueryResultRow>[]>;

/**
 * The way of sending that a connection allows: all at once in pipeline mode, else one after another. What isn't answered
 * within so many milliseconds counts as a lost connection.
 */
export function sendOn(client: ClientBase, unansweredMs: number): Send {
  return 'pipeline' in client && client.pipeline === true
    ? pipelined(client, unansweredMs)
    : sequential(client, unansweredMs);
}

const turns = new WeakMap<ClientBase, Promise<unknown>>();

/** Runs `work` when all that was to be done on this connection in turn has ended, well or not. */
export function inTurn<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  const done = (turns.get(client) ?? Promise.resolve()).then(work);
  turns.set(
    client,
    done.catch(() => undefined),
  );
  return done;
}

/** All statements at once, in one round trip; the connection has to be in pipeline mode. */
function pipelined(client: ClientBase, unansweredMs: number): Send {
  return async (statements) => {
    const settled = await Promise.allSettled(
      statements.map((statement) =>
        client.query({
          ...queryOf(statement, unansweredMs),
          ...(statement.name !== undefined && { name: statement.name }),
        }),
      ),
    );
    return settled.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  };
}

/**
 * One statement after another, unnamed: fits any connection, a pooler's included. What is sent while other statements
 * are under way through the same `Send` waits for them, and fails with them.
 */
export function sequential(client: ClientBase, unansweredMs?: number): Send {
  let before: Promise<unknown> = Promise.resolve();
  return (statements) => {
    const sent = before.then(async () => {
      const results: QueryResult<QueryResultRow>[] = [];
      for (const statement of statements) {
        results.push(await client.query(queryOf(statement, unansweredMs)));
      }
      return results;
    });
    before = sent;
    return sent;
  };
}

/** The SQLSTATE of a server's error; undefined for anything else, such as a lost connection. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const LOST = /terminated|not queryable|closed|timeout exceeded when trying to connect|timeout expired|read timeout/i;

/** Whether the connection is gone (or the server is going), so that nothing is known about what was under way. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const state = sqlState(error);
  if (state !== undefined) return /^(08|57P0[1-3])/.test(state);
  // What the driver and the socket throw: a system error has a code such as ECONNRESET, the driver's own only a text.
  return (
    ('code' in error && typeof error.code === 'string' && /^E[A-Z_]+$/.test(error.code)) || LOST.test(error.message)
  );
}

/**
 * The condition that a row found by its id belongs to the tenant `$1`, in a form that no index serves: with a plain
 * `tenant = $1` the planner, as long as it has no statistics, may walk all of a tenant's rows to find one id.
 */
export const ofTenant = (table = ''): string => `${table}tenant IS NOT DISTINCT FROM $1`;

/**
 * The order of UUIDs in a column `id`, in a form that no index serves: as long as a table is small, or thought to be,
 * the planner would rather walk all of its primary key in order than look up some ids and sort them.
 */
export const BY_ID_UNINDEXED = 'id::text COLLATE "C"';
