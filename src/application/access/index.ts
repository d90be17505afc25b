import type { ApiTokenRepository } from '../../domain/access/api-token-repository.ts';
import type { Handlers, MustNotBeKept } from '../shared/pipeline.ts';
import type { Sealer } from '../shared/sealer.ts';
import type { apiTokens } from './contract.ts';
import { createApiToken } from './create-api-token.ts';
import { listApiTokens } from './list-api-tokens.ts';
import type { PermissionManifest } from './permission-manifest.ts';
import { revokeApiToken } from './revoke-api-token.ts';
import type { Roles } from './roles.ts';
import type { TokenSecrets } from './token-secrets.ts';

export { createAuthenticator, type Authenticator, type AuthenticatorPorts, type StaticToken } from './authenticate.ts';
export { apiTokens } from './contract.ts';
export { CLAIM_NAMES, type ClaimNames, type JwtClaims, type JwtVerifier } from './jwt-principal.ts';
export { permissionManifest, type PermissionEntry, type PermissionManifest } from './permission-manifest.ts';
export { createRoles, type Roles } from './roles.ts';
export { forgetRevoked } from './token-cache.ts';
export type { IssuedToken, TokenSecrets } from './token-secrets.ts';
export { createTokenUses, type TokenUses } from './token-uses.ts';

export interface ApiTokenPorts {
  readonly repository: ApiTokenRepository;
  readonly secrets: TokenSecrets;
  readonly sealer: Sealer;
  readonly roles: Roles;
  readonly manifest: PermissionManifest;
  readonly mustNotBeKept: MustNotBeKept;
  /** The authenticator's. */
  readonly forget: (tokenId: string) => void;
}

/** What carries out the operations on API tokens. */
export const apiTokenHandlers = (ports: ApiTokenPorts): Handlers<typeof apiTokens> => ({
  create: createApiToken(ports),
  list: listApiTokens(ports),
  revoke: revokeApiToken(ports),
});
