import { UnknownPermission, UnknownRole } from '../../domain/access/errors.ts';
import { EVERYTHING } from '../../domain/shared/permission.ts';
import type { PermissionManifest } from './permission-manifest.ts';

/** Named sets of permissions, from configuration. */
export interface Roles {
  readonly names: readonly string[];
  /** The permissions of these roles taken together; a role that doesn't exist (any more) gives none. */
  permissionsOf(roles: readonly string[]): readonly string[];
  /** Throws `UnknownRole` naming those that don't exist. */
  requireKnown(roles: readonly string[]): void;
}

/**
 * The role table: `admin` holds everything, all others come from configuration.
 * Throws `UnknownPermission`, naming each role and permission that no contract has, and `TypeError` where `admin` is
 * given another meaning.
 */
export function createRoles(
  table: { readonly [role: string]: readonly string[] },
  manifest: PermissionManifest,
): Roles {
  const configured = Object.entries(table);
  if (configured.some(([role]) => role === 'admin')) throw new TypeError('The role admin is built in.');
  const unknown = configured.flatMap(([role, permissions]) =>
    permissions.filter((permission) => !manifest.has(permission)).map((permission) => `${permission} in role ${role}`),
  );
  if (unknown.length > 0) {
    throw new UnknownPermission(`There is no permission ${unknown.join(', ')}.`, { permissions: unknown });
  }
  const roles = new Map<string, readonly string[]>([['admin', [EVERYTHING]], ...configured]);
  return {
    names: [...roles.keys()],
    permissionsOf: (names) => [...new Set(names.flatMap((name) => roles.get(name) ?? []))],
    requireKnown(names) {
      const missing = names.filter((name) => !roles.has(name));
      if (missing.length > 0) throw new UnknownRole(`There is no role ${missing.join(', ')}.`, { roles: missing });
    },
  };
}

/** Throws `UnknownPermission` naming those that no contract has. */
export function requireKnownPermissions(permissions: readonly string[], manifest: PermissionManifest): void {
  const unknown = permissions.filter((permission) => !manifest.has(permission));
  if (unknown.length > 0) {
    throw new UnknownPermission(`There is no permission ${unknown.join(', ')}.`, { permissions: unknown });
  }
}
