import { expect } from 'chai';
import type pg from 'pg';

/** Fails unless the query gives these ids with these amounts, each once, and nothing else. */
export async function expectSame(
  client: pg.Client,
  what: string,
  answered: ReadonlyMap<string, number>,
  sql: string,
): Promise<void> {
  const { rows } = await client.query<{ id: string; amount: string }>({ text: sql });
  const stored = new Map(rows.map(({ id, amount }) => [id, Number(amount)]));
  expect(stored.size, `${what} stored twice`).to.equal(rows.length);
  const differing = (one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): string[] =>
    [...one].filter(([id, amount]) => other.get(id) !== amount).map(([id, amount]) => `${id} ${amount}`);
  expect(differing(answered, stored).slice(0, 5), `${what} answered but not stored`).to.deep.equal([]);
  expect(differing(stored, answered).slice(0, 5), `${what} stored but not answered`).to.deep.equal([]);
}

/** Fails where a query finds a row. */
export async function expectNone(client: pg.Client, queries: { readonly [what: string]: string }): Promise<void> {
  for (const [what, sql] of Object.entries(queries)) {
    expect((await client.query(`${sql} LIMIT 5`)).rows, what).to.deep.equal([]);
  }
}

export async function one(client: pg.Client, sql: string): Promise<Record<string, unknown>> {
  const { rows } = await client.query<Record<string, unknown>>(sql);
  return rows[0] ?? {};
}
