import type { ClientBase } from 'pg';
import type { LoggedEvent } from '../application/shared/event-log.ts';
import type { JobDefinition, JobSchedule, JobWorkerEvent, NewJob } from '../application/shared/job-queue.ts';
import { purgeConsumed, purgeReceipts } from '../infrastructure/postgres/log-retention.ts';
import type { Wiring } from './token.ts';
import * as tokens from './tokens.ts';

const PURGE = 'portolan.purge';
const PURGE_SCHEDULE: JobSchedule = { name: PURGE, type: PURGE, cron: '7 * * * *', timezone: 'UTC', payload: {} };
const WEEK_HOURS = 7 * 24;

/** Starts what runs by itself: seals, consumers, jobs and their schedules. All of it ends with the resources. */
export async function startBackgroundWork(wiring: Wiring, stopDeadlineMs: number): Promise<void> {
  const resources = wiring.get(tokens.RESOURCES);
  const log = wiring.get(tokens.EVENT_LOG);
  const queue = wiring.get(tokens.JOB_QUEUE);
  const modules = wiring.get(tokens.MODULES);
  resources.own('job queue', queue, () => queue.close({ deadlineMs: stopDeadlineMs }));
  const definitions = [...modules.flatMap(({ jobs }) => jobs), purgeJob(wiring)];
  queue.work(definitions, { onEvent: jobLog(wiring) });
  for (const schedule of [...modules.flatMap(({ schedules }) => schedules), PURGE_SCHEDULE]) {
    await queue.schedule(schedule);
  }
  const starter = {
    name: 'portolan.jobs',
    filter: { types: ['job.requested'] },
    handle: async (event: LoggedEvent, effect: { readonly unit: unknown }): Promise<void> => {
      await queue.enqueueWithin(effect.unit as ClientBase, requestedJob(event));
    },
  };
  for (const consumer of [starter, ...modules.flatMap(({ consumers }) => consumers)]) {
    const running = log.exclusive(consumer);
    resources.own(`consumer ${consumer.name}`, running, () => running.close());
  }
  const seals = wiring.get(tokens.EVENT_SEALS).run();
  resources.own('event seals', seals, () => seals.close());
}

/** The job that a `job.requested` event asks for; its id is the event's, so that a repeat is harmless. */
function requestedJob(event: LoggedEvent): NewJob {
  const { type, payload, priority, runAt } = event.payload as unknown as {
    readonly type: string;
    readonly payload: NewJob['payload'];
    readonly priority: NonNullable<NewJob['priority']>;
    readonly runAt: string | null;
  };
  return {
    ...{ id: event.eventId, type, payload, priority, tenant: event.tenant, actor: event.actor },
    correlationId: event.correlationId,
    ...(event.traceParent !== null && { traceParent: event.traceParent }),
    ...(runAt !== null && { runAt: new Date(runAt) }),
  };
}

/** Forgets what was only kept for repeats: receipts, marks of consumed events, jobs that ended long ago. */
function purgeJob(wiring: Wiring): JobDefinition {
  const pool = wiring.get(tokens.QUERY_POOL);
  const queue = wiring.get(tokens.JOB_QUEUE);
  const { receiptRetentionHours } = wiring.get(tokens.CONFIG);
  return {
    type: PURGE,
    handler: async () => ({
      receipts: await purgeReceipts(pool, receiptRetentionHours),
      consumed: await purgeConsumed(pool, WEEK_HOURS),
      jobs: await queue.purge({ olderThanMs: WEEK_HOURS * 3_600_000 }),
    }),
  };
}

function jobLog(wiring: Wiring) {
  const logger = wiring.get(tokens.LOGGER);
  return (event: JobWorkerEvent): void => {
    if (event.kind !== 'ended') return;
    const { job, outcome, durationMs, error } = event;
    const fields = { job: job.id, type: job.type, outcome, ms: Math.round(durationMs), attempt: job.attempt };
    if (outcome === 'dead') logger.error('job is dead', { ...fields, error });
    else if (outcome === 'retried' || outcome === 'lost') logger.warn('job will be run again', { ...fields, error });
    else logger.debug('job ended', fields);
  };
}
