import { JobNotFound } from '../shared/job-errors.ts';
import type { Job, JobQueue } from '../shared/job-queue.ts';
import type { Handlers } from '../shared/pipeline.ts';
import { jobs } from './contract.ts';

export { jobs };

/** The handlers of the `jobs` contract; a job of another tenant is not there. */
export function jobHandlers(queue: JobQueue): Handlers<typeof jobs> {
  const own = async (jobId: string, tenant: string): Promise<Job> => {
    const job = await queue.get(jobId);
    if (job === undefined || job.tenant !== tenant) throw new JobNotFound('There is no such job.', { jobId });
    return job;
  };
  return {
    async get({ jobId }, { principal }) {
      return { data: jobView(await own(jobId, principal.tenant)) };
    },
    async list({ type, state, limit, cursor }, { principal: { tenant } }) {
      const filter = { tenant, limit, ...(type && { type }), ...(state && { state }), ...(cursor && { cursor }) };
      const page = await queue.list(filter);
      return { data: page.jobs.map(jobView), nextCursor: page.nextCursor };
    },
    async cancel({ jobId }, { principal }) {
      await own(jobId, principal.tenant);
      return { data: { outcome: await queue.cancel(jobId) } };
    },
    async redrive({ jobId }, { principal }) {
      await own(jobId, principal.tenant);
      await queue.redrive(jobId);
      return { data: { queued: true } };
    },
    async statistics(_input, { principal }) {
      const statistics = await queue.statistics(principal.tenant);
      return { data: statistics.map((each) => ({ ...each, counts: { ...each.counts } })) };
    },
  };
}

const iso = (date: Date | undefined): string | null => date?.toISOString() ?? null;

function jobView(job: Job) {
  const { id, type, state, priority, attempt, progress } = job;
  return {
    ...{ id, type, state, priority, attempt },
    progress:
      progress === undefined
        ? null
        : { done: progress.done, total: progress.total ?? null, note: progress.note ?? null },
    failures: job.failures.map((failure) => ({ ...failure, at: failure.at.toISOString() })),
    createdAt: job.createdAt.toISOString(),
    runAt: job.runAt.toISOString(),
    startedAt: iso(job.startedAt),
    finishedAt: iso(job.finishedAt),
    result: job.result ?? null,
  };
}
