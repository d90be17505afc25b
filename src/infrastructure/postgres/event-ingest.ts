import type { ClientBase, Pool } from 'pg';
import { foreignPayload } from '../../application/shared/event-log-rules.ts';
import type { EventLog, ForeignEvent } from '../../application/shared/event-log.ts';
import { appendEvents } from './append-events.ts';
import type { DecidedEvent } from '../../application/shared/decided-events.ts';
import { inTransaction } from './log-transaction.ts';

const LIMITS = { statementMs: 30_000, idleMs: 30_000 };

type Origin = Parameters<EventLog['ingest']>[1];

/**
 * Stores foreign events once by (tenant, source, id), in one transaction. Each source is a stream of its own, whose
 * row is locked first, so that of two callers with the same event the second one finds it stored.
 */
export async function ingestEvents(
  pool: Pool,
  events: readonly ForeignEvent[],
  by: Origin,
  newId: () => string,
): Promise<Awaited<ReturnType<EventLog['ingest']>>> {
  if (events.length === 0) return { accepted: [], position: undefined };
  return inTransaction(pool, LIMITS, async (client) => {
    const versions = await lockSources(client, by.tenant, events);
    const fresh = await storeIds(client, by.tenant, events);
    const accepted = events.map(({ source, id }) => fresh.delete(keyOf(source, id)));
    const rows = events
      .filter((_, index) => accepted[index])
      .map((event) => {
        const version = (versions.get(event.source) ?? 0) + 1;
        versions.set(event.source, version);
        return foreignRow(event, version, newId(), by);
      });
    if (rows.length === 0) return { accepted, position: undefined };
    const position = await append(client, rows);
    await client.query(
      `UPDATE portolan.sources s SET version = v.version
         FROM unnest($2::text[], $3::bigint[]) AS v (source, version) WHERE s.tenant = $1 AND s.source = v.source`,
      [by.tenant, [...versions.keys()], [...versions.values()]],
    );
    return { accepted, position };
  });
}

/** Locks the streams in a fixed order and returns their versions. */
async function lockSources(
  client: ClientBase,
  tenant: string,
  events: readonly ForeignEvent[],
): Promise<Map<string, number>> {
  const sources = [...new Set(events.map(({ source }) => source))].sort();
  await client.query(
    `INSERT INTO portolan.sources (tenant, source) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`,
    [tenant, sources],
  );
  const { rows } = await client.query<{ source: string; version: string }>(
    `SELECT source, version FROM portolan.sources WHERE tenant = $1 AND source = ANY ($2::text[])
      ORDER BY source FOR UPDATE`,
    [tenant, sources],
  );
  return new Map(rows.map(({ source, version }) => [source, Number(version)]));
}

/** Stores those ids that are new and returns their keys. */
async function storeIds(client: ClientBase, tenant: string, events: readonly ForeignEvent[]): Promise<Set<string>> {
  const { rows } = await client.query<{ source: string; id: string }>(
    `INSERT INTO portolan.ingested (tenant, source, id) SELECT $1, * FROM unnest($2::text[], $3::text[])
     ON CONFLICT DO NOTHING RETURNING source, id`,
    [tenant, events.map(({ source }) => source), events.map(({ id }) => id)],
  );
  return new Set(rows.map(({ source, id }) => keyOf(source, id)));
}

const keyOf = (source: string, id: string): string => JSON.stringify([source, id]);

/** A foreign event as one of ours. */
function foreignRow(event: ForeignEvent, streamVersion: number, eventId: string, by: Origin): DecidedEvent {
  return {
    tenant: by.tenant,
    stream: `source:${event.source}`,
    streamVersion,
    eventId,
    type: event.type,
    schemaVersion: 1,
    actor: by.actor,
    correlationId: by.correlationId,
    causationId: null,
    traceParent: by.traceParent ?? null,
    payload: foreignPayload(event),
  };
}

async function append(client: ClientBase, rows: readonly DecidedEvent[]): Promise<bigint> {
  const result = await client.query<{ position: string }>(appendEvents(rows));
  const last = result.rows.at(-1);
  if (last === undefined) throw new Error('The log gave no position.');
  return BigInt(last.position);
}
