import type { JobWorkerEvent } from '../application/shared/job-queue.ts';
import { jobStarter } from './job-starter.ts';
import { PURGE_SCHEDULE, purgeJob } from './purge-job.ts';
import type { Wiring } from './token.ts';
import * as tokens from './tokens.ts';

/** Starts what runs by itself: seals, consumers, jobs and their schedules. All of it ends with the resources. */
export async function startBackgroundWork(wiring: Wiring, stopDeadlineMs: number): Promise<void> {
  const resources = wiring.get(tokens.RESOURCES);
  const log = wiring.get(tokens.EVENT_LOG);
  const queue = wiring.get(tokens.JOB_QUEUE);
  const modules = wiring.get(tokens.MODULES);
  resources.own('job queue', queue, () => queue.close({ deadlineMs: stopDeadlineMs }));
  const purge = purgeJob(wiring.get(tokens.QUERY_POOL), queue, wiring.get(tokens.CONFIG).receiptRetentionHours);
  queue.work([...modules.flatMap(({ jobs }) => jobs), purge], { onEvent: jobLog(wiring) });
  for (const schedule of [...modules.flatMap(({ schedules }) => schedules), PURGE_SCHEDULE]) {
    await queue.schedule(schedule);
  }
  for (const consumer of [jobStarter(queue), ...modules.flatMap(({ consumers }) => consumers)]) {
    const running = log.exclusive(consumer);
    resources.own(`consumer ${consumer.name}`, running, () => running.close());
  }
  const seals = wiring.get(tokens.EVENT_SEALS).run();
  resources.own('event seals', seals, () => seals.close());
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
