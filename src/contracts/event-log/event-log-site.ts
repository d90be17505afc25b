import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, LoggedEvent, Running } from '../../application/shared/event-log.ts';
import type { ContractCase } from '../shared/contract-runner.ts';

/** An event that the suite wants to have in the log: all but what the log gives. */
export type EventToAppend = Omit<LoggedEvent, 'position' | 'occurredAt'>;

/** One event log, opened for the suite. It may hold events of other tenants. */
export interface EventLogSite {
  readonly log: EventLog;
  /** Appends events in one commit, as a repository does, and resolves to the position of the last. */
  append(events: readonly EventToAppend[]): Promise<bigint>;
  /** The same, but rolls back. */
  appendAndRollBack?(events: readonly EventToAppend[]): Promise<void>;
  /** Opens the same log as a further instance of the application would. Closed by the site. */
  openAnother?(): Promise<EventLog>;
  /**
   * Appends events in the transaction of a consumer's effect, for adapters whose effects have one.
   */
  appendWithin?(unit: unknown, events: readonly EventToAppend[]): Promise<void>;
  /** Closes every log that it has opened. Harmless when called again. */
  close(): Promise<void>;
}

/**
 * `rollback`: appending joins a transaction (`appendAndRollBack`, `appendWithin`).
 * `instances`: the log can be opened more than once (`openAnother`).
 */
export type EventLogCapability = 'rollback' | 'instances';

export type EventLogCase = ContractCase<EventLogSite, EventLogCapability>;

/** An event with everything that a case does not care about. */
export function eventOf(tenant: string, differing: Partial<EventToAppend> = {}): EventToAppend {
  return {
    tenant,
    stream: `thing:${randomUUID()}`,
    streamVersion: 1,
    eventId: randomUUID(),
    type: 'thing.happened',
    schemaVersion: 1,
    actor: 'user:contract',
    correlationId: 'contract',
    causationId: null,
    traceParent: null,
    payload: {},
    ...differing,
  };
}

/** Events 1 to `count` of one stream, each with its version in the payload. */
export function streamOf(tenant: string, count: number, differing: Partial<EventToAppend> = {}): EventToAppend[] {
  const stream = differing.stream ?? `thing:${randomUUID()}`;
  return Array.from({ length: count }, (_, index) =>
    eventOf(tenant, { ...differing, stream, streamVersion: index + 1, payload: { number: index + 1 } }),
  );
}

/** A name that no other case uses. */
export const unique = (word: string): string => `${word}-${randomUUID().slice(0, 8)}`;

export const idsOf = (events: readonly { readonly eventId: string }[]): string[] =>
  events.map(({ eventId }) => eventId);

/** Everything that a tenant has in the log above a position, page by page. */
export async function readAll(log: EventLog, tenant: string, after = 0n, limit = 100): Promise<LoggedEvent[]> {
  const found: LoggedEvent[] = [];
  for (let position = after; ;) {
    const page = await log.read(position, limit, { tenant });
    assert.ok(page.events.length <= limit, 'A page is no longer than its limit');
    found.push(...page.events);
    if (page.position === position) return found;
    position = page.position;
  }
}

/** Waits until something holds; fails after ten seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `In vain waited until ${what}`);
    await sleep(5);
  }
}

/** Runs a case's body and closes its readers whatever happens. */
export async function closing(readers: readonly Running[], body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

/** The other instance of a site whose adapter has the capability `instances`. */
export async function anotherOf(site: EventLogSite): Promise<EventLog> {
  assert.ok(site.openAnother !== undefined, 'An adapter with several instances opens another one');
  return site.openAnother();
}
