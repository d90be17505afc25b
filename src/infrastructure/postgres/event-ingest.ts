import type { ClientBase, Pool } from 'pg';
import { foreignPayload } from '../../application/shared/event-log-rules.ts';
import type { EventLog, ForeignEvent } from '../../application/shared/event-log.ts';
import { appendEvents } from './append-events.ts';
import type { DecidedEvent } from '../../application/shared/decided-events.ts';
import { inTransaction } from './log-transaction.ts';

const LIMITS = { statementMs: 30_000, idleMs: 30_000 };

type Origin = Parameters<EventLog['ingest']>[1];
type Ingested = Awaited<ReturnType<EventLog['ingest']>>;

/** What one caller wants taken in. */
export interface Ingest {
  readonly events: readonly ForeignEvent[];
  readonly by: Origin;
}

/** Calls with the same key lock the same streams: they would wait for each other, or can share a transaction. */
export const ingestKey = ({ events, by }: Ingest): string => JSON.stringify([by.tenant, ...sourcesOf(events)]);

const sourcesOf = (events: readonly ForeignEvent[]): readonly string[] =>
  [...new Set(events.map(({ source }) => source))].sort();

/**
 * Stores foreign events once by (tenant, source, id), in one transaction for calls of the same `ingestKey`. Each source
 * is a stream of its own, whose row is locked first, so that of two callers with the same event the second one finds it
 * stored. Resolves to what each call is told, in order.
 */
export async function ingestEvents(
  pool: Pool,
  calls: readonly Ingest[],
  newId: () => string,
): Promise<readonly Ingested[]> {
  const events = calls.flatMap((call) => call.events);
  const tenant = calls[0]?.by.tenant;
  if (tenant === undefined || events.length === 0) return calls.map(() => ({ accepted: [], position: undefined }));
  return inTransaction(pool, LIMITS, async (client) => {
    const versions = await lockSources(client, tenant, sourcesOf(events));
    const fresh = await storeIds(client, tenant, events);
    const rows: DecidedEvent[] = [];
    const stored = calls.map((call) => {
      const accepted = call.events.map(({ source, id }) => fresh.delete(keyOf(source, id)));
      for (const event of call.events.filter((_, index) => accepted[index])) {
        const version = (versions.get(event.source) ?? 0) + 1;
        versions.set(event.source, version);
        rows.push(foreignRow(event, version, newId(), call.by));
      }
      return { accepted, rowsSoFar: rows.length };
    });
    const positions = rows.length === 0 ? [] : await append(client, tenant, rows, versions);
    return stored.map(({ accepted, rowsSoFar }) => {
      return { accepted, position: accepted.includes(true) ? positions[rowsSoFar - 1] : undefined };
    });
  });
}

/** Locks the streams in a fixed order and returns their versions. */
async function lockSources(
  client: ClientBase,
  tenant: string,
  sources: readonly string[],
): Promise<Map<string, number>> {
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

/** Appends rows, moves their streams to these versions, and returns the rows' positions. */
async function append(
  client: ClientBase,
  tenant: string,
  rows: readonly DecidedEvent[],
  versions: ReadonlyMap<string, number>,
): Promise<readonly bigint[]> {
  const result = await client.query<{ position: string }>(appendEvents(rows));
  await client.query(
    `UPDATE portolan.sources s SET version = v.version
       FROM unnest($2::text[], $3::bigint[]) AS v (source, version) WHERE s.tenant = $1 AND s.source = v.source`,
    [tenant, [...versions.keys()], [...versions.values()]],
  );
  if (result.rows.length !== rows.length) throw new Error('The log gave no position.');
  return result.rows.map(({ position }) => BigInt(position));
}
