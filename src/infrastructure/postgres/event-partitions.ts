import type { ClientBase } from 'pg';

/** How far ahead of the log's head partitions exist, and how many positions each one holds. */
export interface PartitionPlan {
  readonly ahead: number;
  readonly size: bigint;
}

export const PARTITION_PLAN: PartitionPlan = { ahead: 4, size: 10_000_000n };

/**
 * Creates the log's next partitions, as the owner, outside a transaction; running it again is harmless. Returns the
 * names of the new ones. Events beyond the last partition go to the default one and stay there: partitions start
 * after them.
 */
export async function ensurePartitions(owner: ClientBase, plan: PartitionPlan = PARTITION_PLAN): Promise<string[]> {
  const { head, next } = await state(owner);
  const goal = head + BigInt(plan.ahead) * plan.size;
  const created: string[] = [];
  for (let from = roundUp(next, plan.size); from < goal; from += plan.size) {
    const name = `events_from_${from}`;
    // The trigger that refuses TRUNCATE is one for statements, which partitions do not inherit.
    await owner.query(`
      BEGIN;
      CREATE TABLE portolan.${name} PARTITION OF portolan.events
        FOR VALUES FROM (${from}) TO (${from + plan.size});
      CREATE TRIGGER never_truncated BEFORE TRUNCATE ON portolan.${name}
        FOR EACH STATEMENT EXECUTE FUNCTION portolan.refuse_change();
      COMMIT`);
    created.push(name);
  }
  return created;
}

/** The last position drawn, and the first one that neither a partition nor the default one's events claim. */
async function state(owner: ClientBase): Promise<{ head: bigint; next: bigint }> {
  const { rows } = await owner.query<{ head: string; next: string }>(`
    SELECT coalesce(pg_sequence_last_value('portolan.event_position'), 0) AS head,
           greatest((SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''(\\d+)''\\)')::bigint)
                       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                      WHERE i.inhparent = 'portolan.events'::regclass),
                    (SELECT max(position) + 1 FROM portolan.events_default), 0) AS next`);
  const [row] = rows;
  if (row === undefined) throw new Error('The state of the log is not readable.');
  return { head: BigInt(row.head), next: BigInt(row.next) };
}

function roundUp(value: bigint, size: bigint): bigint {
  return ((value + size - 1n) / size) * size;
}
