import type { ClientBase } from 'pg';
import type { ExclusiveConsumer, LoggedEvent } from '../application/shared/event-log.ts';
import type { NewJob } from '../application/shared/job-queue.ts';
import type { PostgresJobQueue } from '../infrastructure/jobs/postgres-job-queue.ts';

/** Enqueues the jobs that decisions asked for, in the transaction that notes their events as done. */
export const jobStarter = (queue: PostgresJobQueue): ExclusiveConsumer => ({
  name: 'portolan.jobs',
  filter: { types: ['job.requested'] },
  handle: async (event, { unit }) => void (await queue.enqueueWithin(unit as ClientBase, requestedJob(event))),
});

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
