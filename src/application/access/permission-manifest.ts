import { ACROSS_TENANTS, EVERYTHING } from '../../domain/shared/permission.ts';
import type { ContextContract } from '../shared/contract.ts';
import { spell } from '../shared/spelling.ts';

export interface PermissionEntry {
  readonly permission: string;
  /** What it allows, in one line. */
  readonly summary: string;
}

/** Every permission that can be given. */
export interface PermissionManifest {
  readonly entries: readonly PermissionEntry[];
  has(permission: string): boolean;
}

type Contract = Pick<ContextContract, 'name' | 'noun' | 'operations' | 'permissions'>;

/**
 * Lists all permissions of the contracts with their summaries: wildcards, operations, `:own`, and the other ones; then
 * `more`, those of what is no context.
 */
export function permissionManifest(
  contracts: readonly Contract[],
  more: readonly PermissionEntry[] = [],
): PermissionManifest {
  const summaries = new Map([[EVERYTHING, `Everything, except ${ACROSS_TENANTS}`]]);
  for (const contract of contracts) {
    summaries.set(`${contract.name}:*`, `Everything in ${contract.name}`);
    for (const [verb, operation] of Object.entries(contract.operations)) {
      const { permission } = spell(contract, verb);
      summaries.set(permission, operation.summary);
      if (operation.own === true) summaries.set(`${permission}:own`, `${operation.summary}: the caller's own only`);
    }
    for (const [permission, summary] of Object.entries(contract.permissions ?? {})) summaries.set(permission, summary);
  }
  for (const { permission, summary } of more) summaries.set(permission, summary);
  return {
    entries: [...summaries].map(([permission, summary]) => ({ permission, summary })),
    has: (permission) => summaries.has(permission),
  };
}
