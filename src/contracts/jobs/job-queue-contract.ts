import { controlCases } from './control-cases.ts';
import { enqueueCases } from './enqueue-cases.ts';
import type { JobQueueSite } from './job-queue-site.ts';
import { orderCases } from './order-cases.ts';
import { runCases } from './run-cases.ts';
import { scheduleCases } from './schedule-cases.ts';
import { takeoverCases } from './takeover-cases.ts';

/**
 * A test framework, reduced to what is needed: `{describe, it, before, after}` of mocha or node:test, and
 * `{describe, it, before: beforeAll, after: afterAll}` of vitest. Some cases take six seconds: allow ten.
 */
export interface ContractRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  before(body: () => Promise<void>): void;
  after(body: () => Promise<void>): void;
}

/** What an adapter can't do, so that it is not asked to. */
export interface JobQueueGaps {
  /** It has no `openSilent`. */
  readonly takeover?: boolean;
}

/**
 * Everything that a `JobQueue` promises, as tests of one adapter. `open` is called once and answers with a store
 * that may hold jobs of other types.
 */
export function jobQueueContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<JobQueueSite>,
  gaps: JobQueueGaps = {},
): void {
  runner.describe(`The job queue of ${name}`, () => {
    let site: JobQueueSite | undefined;
    const opened = (): JobQueueSite => {
      if (site === undefined) throw new Error('The store was not opened');
      return site;
    };
    runner.before(async () => void (site = await open()));
    runner.after(async () => site?.close());
    for (const { title, silent = false, run } of allCases) {
      if (silent && gaps.takeover === true) runner.it(`(skipped: no openSilent) ${title}`, async () => undefined);
      else runner.it(title, () => run(opened()));
    }
  });
}

const allCases = [...enqueueCases, ...orderCases, ...runCases, ...controlCases, ...scheduleCases, ...takeoverCases];
