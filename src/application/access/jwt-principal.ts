import { EVERYTHING, narrow } from '../../domain/shared/permission.ts';
import type { Principal } from '../shared/call.ts';
import { Unauthenticated } from '../shared/errors.ts';
import type { PermissionManifest } from './permission-manifest.ts';
import type { Roles } from './roles.ts';

export type JwtClaims = { readonly [claim: string]: unknown };

/** Tells whether a JSON Web Token is genuine, meant for this service, and in force. */
export interface JwtVerifier {
  /**
   * The token's claims, `exp` among them. Throws `Unauthenticated` for a token that doesn't hold, and
   * `ServiceUnavailable` where that can't be told now.
   */
  verify(text: string): Promise<JwtClaims>;
}

/** Which claims say what; these are the defaults. */
export const CLAIM_NAMES = { tenant: 'tenant', roles: 'roles', permissions: 'permissions', scope: 'scope' } as const;

export type ClaimNames = { readonly [K in keyof typeof CLAIM_NAMES]: string };

const SUBJECT = /^[\x21-\x7e]{1,255}$/;
const TENANT = /^[\x21-\x7e]{1,64}$/;

/**
 * The principal that verified claims stand for. Its permissions are those of its roles and of the permissions claim;
 * names that this service doesn't know give nothing, since a provider's tokens carry other services' as well.
 * A scope never adds: where it names permissions (has a word with a colon, or `*`), it narrows to them.
 * Throws `Unauthenticated` for claims of the wrong type.
 */
export function principalOf(
  claims: JwtClaims,
  roles: Roles,
  manifest: PermissionManifest,
  names: ClaimNames = CLAIM_NAMES,
): Principal {
  const subject = claims['sub'];
  const tenant = claims[names.tenant] ?? 'default';
  if (typeof subject !== 'string' || !SUBJECT.test(subject)) throw wrongClaim('sub');
  if (typeof tenant !== 'string' || !TENANT.test(tenant)) throw wrongClaim(names.tenant);
  const granted = new Set([
    ...roles.permissionsOf(wordsOf(claims, names.roles)),
    ...wordsOf(claims, names.permissions).filter((permission) => manifest.has(permission)),
  ]);
  const scope = wordsOf(claims, names.scope).filter((word) => word.includes(':') || word === EVERYTHING);
  const known = scope.filter((permission) => manifest.has(permission));
  const permissions = scope.length === 0 ? granted : narrow(granted, known);
  return { id: `user:${subject}`, kind: 'user', tenant, permissions };
}

/** A claim that is a list: an array of strings, or one string with blanks between words. */
function wordsOf(claims: JwtClaims, name: string): readonly string[] {
  const value = claims[name];
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return value.split(' ').filter((word) => word !== '');
  if (Array.isArray(value) && value.every((word) => typeof word === 'string')) return value;
  throw wrongClaim(name);
}

const wrongClaim = (name: string): Unauthenticated =>
  new Unauthenticated(`The claim ${name} of the token is missing or has the wrong form.`);
