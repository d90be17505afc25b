import type { ContextContract } from '../shared/contract.ts';

/** Types that no foreign event may have, since contexts of these contracts publish them or the frame does. */
export function ownEventTypes(contracts: readonly ContextContract[]): ReadonlySet<string> {
  return new Set(['job.requested', ...contracts.flatMap((contract) => Object.keys(contract.events))]);
}
