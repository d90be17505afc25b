import type { ClientBase, Pool, QueryArrayConfig } from 'pg';
import type { EventFilter, LoggedEvent } from '../../application/shared/event-log.ts';
import { named } from './statement.ts';

/** One event as the database sends it: every column as text, the time in microseconds since 1970. */
export type EventCells = [
  position: string,
  tenant: string,
  stream: string,
  streamVersion: string,
  eventId: string,
  type: string,
  schemaVersion: string,
  actor: string,
  correlationId: string,
  causationId: string | null,
  traceParent: string | null,
  occurredAtMicros: string,
  payload: string,
];

/** The columns of `EventCells`, in their order. */
const COLUMNS = `position, tenant, stream, stream_version, event_id, type, schema_version, actor, correlation_id,
  causation_id, trace_parent, (date_part('epoch', occurred_at) * 1000000)::bigint, payload`;

/** A filter that lets few events pass makes one read look at no more than so many positions. */
const SCAN_LIMIT = 20_000n;

const MAX_POSITION = 2n ** 63n - 1n;

/** Leaves every value as the text that came over the wire: parsing thirteen columns by type halves the reading rate. */
const AS_TEXT: NonNullable<QueryArrayConfig['types']> = { getTypeParser: () => (text: string) => text };

/** Which part of the log to read: positions above `after`, up to and including `upTo`. */
export interface Range {
  readonly after: bigint;
  readonly upTo?: bigint;
  readonly limit: number;
}

export interface CellPage {
  readonly rows: readonly EventCells[];
  /** Every event up to here has been looked at; `upTo` when the range is exhausted. */
  readonly position: bigint;
}

/** Reads a range in order of position. With a filter it may stop before its limit is reached; `position` says where. */
export async function readCells(db: ClientBase | Pool, range: Range, filter: EventFilter = {}): Promise<CellPage> {
  const { after, limit } = range;
  const filtered = filter.tenant !== undefined || filter.types !== undefined;
  const wanted = range.upTo ?? MAX_POSITION;
  const upTo = filtered && wanted - after > SCAN_LIMIT ? after + SCAN_LIMIT : wanted;
  const values: unknown[] = [after, upTo, limit];
  let condition = '';
  if (filter.tenant !== undefined) condition += ` AND tenant = $${values.push(filter.tenant)}`;
  if (filter.types !== undefined) condition += ` AND type = ANY ($${values.push(filter.types)}::text[])`;
  const rows = await queryCells(db, {
    ...named(`SELECT ${COLUMNS} FROM portolan.events
            WHERE position > $1 AND position <= $2${condition} ORDER BY position LIMIT $3`),
    values,
  });
  const last = rows.length < limit ? undefined : rows.at(-1);
  return { rows, position: last === undefined ? upTo : BigInt(last[0]) };
}

/** Reads one stream in order of version. */
export async function readStreamCells(
  db: ClientBase | Pool,
  stream: { readonly tenant: string; readonly stream: string; readonly fromVersion: number; readonly limit: number },
): Promise<readonly EventCells[]> {
  return queryCells(db, {
    ...named(`SELECT ${COLUMNS} FROM portolan.events
            WHERE tenant = $1 AND stream = $2 AND stream_version >= $3 ORDER BY stream_version LIMIT $4`),
    values: [stream.tenant, stream.stream, stream.fromVersion, stream.limit],
  });
}

async function queryCells(
  db: ClientBase | Pool,
  query: { readonly name: string; readonly text: string; readonly values: unknown[] },
): Promise<readonly EventCells[]> {
  return (await db.query<EventCells>({ ...query, rowMode: 'array', types: AS_TEXT })).rows;
}

/** Turns cells into an event. */
export function decodeEvent(cells: EventCells): LoggedEvent {
  return {
    position: BigInt(cells[0]),
    tenant: cells[1],
    stream: cells[2],
    streamVersion: Number(cells[3]),
    eventId: cells[4],
    type: cells[5],
    schemaVersion: Number(cells[6]),
    actor: cells[7],
    correlationId: cells[8],
    causationId: cells[9],
    traceParent: cells[10],
    occurredAt: new Date(Number(cells[11]) / 1000),
    payload: JSON.parse(cells[12]) as LoggedEvent['payload'],
  };
}
