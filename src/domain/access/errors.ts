import { DomainError } from '../shared/domain-error.ts';

/** Permissions that no contract defines; `details.permissions` lists them. */
export class UnknownPermission extends DomainError {
  static readonly code = 'api_tokens.unknown_permission';
  static readonly kind = 'invalid';
}

/** Roles that the configuration doesn't define; `details.roles` lists them. */
export class UnknownRole extends DomainError {
  static readonly code = 'api_tokens.unknown_role';
  static readonly kind = 'invalid';
}

/** The caller would give away permissions that it lacks; `details.permissions` lists them. */
export class PermissionNotHeld extends DomainError {
  static readonly code = 'api_tokens.permission_not_held';
  static readonly kind = 'forbidden';
}

/** A token must expire in the future, and no later than the token that creates it. */
export class InvalidTokenExpiry extends DomainError {
  static readonly code = 'api_tokens.invalid_expiry';
  static readonly kind = 'invalid';
}

/** The tenant has no such token, or none that the caller may touch. */
export class ApiTokenNotFound extends DomainError {
  static readonly code = 'api_tokens.not_found';
  static readonly kind = 'not_found';
}

/** The caller's own token was revoked or expired while it was creating another. */
export class CreatorNoLongerActive extends DomainError {
  static readonly code = 'api_tokens.creator_no_longer_active';
  static readonly kind = 'forbidden';
}

/** All of them, by which stored refusals are rebuilt. */
export const API_TOKEN_ERRORS = [
  UnknownPermission,
  UnknownRole,
  PermissionNotHeld,
  InvalidTokenExpiry,
  ApiTokenNotFound,
  CreatorNoLongerActive,
] as const;
