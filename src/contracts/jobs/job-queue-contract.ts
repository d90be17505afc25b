import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import { controlCases } from './control-cases.ts';
import { deathCases } from './death-cases.ts';
import { enqueueCases } from './enqueue-cases.ts';
import type { JobQueueCapability, JobQueueSite } from './job-queue-site.ts';
import { orderCases } from './order-cases.ts';
import { runCases } from './run-cases.ts';
import { scheduleCases } from './schedule-cases.ts';
import { takeoverCases } from './takeover-cases.ts';

const CASES = [
  ...enqueueCases,
  ...orderCases,
  ...runCases,
  ...deathCases,
  ...controlCases,
  ...scheduleCases,
  ...takeoverCases,
];

/**
 * Everything that a `JobQueue` promises, as tests of one adapter, called `name`. `open` answers with a store that may
 * hold jobs of other types. Some cases take six seconds: allow ten.
 */
export function jobQueueContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<JobQueueSite>,
  lacks: readonly JobQueueCapability[] = [],
): void {
  declareContract(runner, `The job queue of ${name}`, open, CASES, lacks);
}
