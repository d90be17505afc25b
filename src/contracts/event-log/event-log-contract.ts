import { declareContract, type ContractRunner } from '../shared/contract-runner.ts';
import { consumerCases } from './consumer-cases.ts';
import type { EventLogCapability, EventLogSite } from './event-log-site.ts';
import { ingestCases } from './ingest-cases.ts';
import { liveCases } from './live-cases.ts';
import { readingCases } from './reading-cases.ts';

/**
 * Everything that an `EventLog` promises, as tests of one adapter, called `name`. Failed tries of its consumers have to
 * be repeated quickly, within 50 ms at first.
 */
export function eventLogContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<EventLogSite>,
  lacks: readonly EventLogCapability[] = [],
): void {
  const cases = [...readingCases, ...ingestCases, ...liveCases, ...consumerCases];
  declareContract(runner, `The event log of ${name}`, open, cases, lacks);
}
