import { z } from 'zod';
import { command, context, query } from '../shared/contract.ts';
import { JobNotDead, JobNotFound } from '../shared/job-errors.ts';
import { instant, json, paging, text, textLike, uuid } from '../shared/schemas.ts';

const state = z.enum(['scheduled', 'queued', 'running', 'completed', 'cancelled', 'dead']);

const jobView = z.object({
  id: uuid,
  type: textLike('gift-cards.deliver-code'),
  state,
  priority: z.enum(['critical', 'high_priority', 'default', 'low_priority']),
  attempt: z.int(),
  progress: z.object({ done: z.number(), total: z.number().nullable(), note: z.string().nullable() }).nullable(),
  failures: z.array(z.object({ attempt: z.int(), at: instant, code: z.string(), message: z.string() })),
  createdAt: instant,
  runAt: instant,
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  result: json.nullable(),
});

/** Background work as operators see it. */
export const jobs = context({
  name: 'jobs',
  noun: 'Job',
  operations: {
    get: query({
      summary: 'One job and how far it has come',
      input: z.strictObject({ jobId: uuid }),
      output: jobView,
      errors: [JobNotFound],
    }),
    list: query({
      summary: 'Jobs by type and state, newest first',
      input: z.strictObject({
        type: text(100)
          .meta({ examples: ['gift-cards.deliver-code'] })
          .optional(),
        state: state.optional(),
        ...paging,
      }),
      output: z.array(jobView),
      errors: [],
    }),
    cancel: command({
      summary: 'Cancel a job, waiting or running',
      input: z.strictObject({ jobId: uuid }),
      output: z.object({ outcome: z.enum(['cancelled', 'cancelling', 'finished']) }),
      errors: [JobNotFound],
      idempotency: 'none',
    }),
    redrive: command({
      summary: 'Run a dead job again',
      input: z.strictObject({ jobId: uuid }),
      output: z.object({ queued: z.boolean() }),
      errors: [JobNotFound, JobNotDead],
      idempotency: 'none',
    }),
    statistics: query({
      summary: 'Jobs by type and state, and how long the oldest waits',
      input: z.strictObject({}),
      output: z.array(
        z.object({ type: z.string(), counts: z.record(z.string(), z.int()), oldestWaitingMs: z.number() }),
      ),
      errors: [],
    }),
  },
  events: {},
});
