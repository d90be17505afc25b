import { ACROSS_TENANTS } from '../../domain/shared/permission.ts';
import type { Call } from '../shared/call.ts';
import { PermissionDenied } from '../shared/errors.ts';

/**
 * Whose tokens a call is about: the caller's tenant unless it asks for another. Throws `PermissionDenied` where it
 * may not; the permission has to be held by name, see `ACROSS_TENANTS`.
 */
export function tenantOf(call: Call, wanted: string | undefined): string {
  const { tenant, permissions } = call.principal;
  if (wanted === undefined || wanted === tenant) return tenant;
  if (call.reach !== 'own' && permissions.has(ACROSS_TENANTS)) return wanted;
  const details = { permission: ACROSS_TENANTS };
  throw new PermissionDenied(`Another tenant's tokens need the permission ${ACROSS_TENANTS}.`, details);
}
