import type { ApiToken } from '../../domain/access/api-token.ts';
import type { ApiTokenRepository } from '../../domain/access/api-token-repository.ts';
import type { Principal } from '../shared/call.ts';
import { Unauthenticated } from '../shared/errors.ts';
import { RecentMap } from '../shared/recent-map.ts';
import { principalOf, type ClaimNames, type JwtVerifier } from './jwt-principal.ts';
import type { PermissionManifest } from './permission-manifest.ts';
import { requireKnownPermissions, type Roles } from './roles.ts';
import { createTokenCache } from './token-cache.ts';
import type { TokenSecrets } from './token-secrets.ts';
import type { TokenUses } from './token-uses.ts';

/** How long a verified JSON Web Token is believed without being verified again; never past its `exp`. */
export const JWT_TTL_MS = 30_000;
const MAX_JWTS = 10_000;
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;
const MAX_HEADER_LENGTH = 16_384;
const NONE = 'The credentials are not of a known kind.';

/** A bearer text that configuration knows by its hash, such as the administrator's during development. */
export interface StaticToken {
  /** As `TokenSecrets.hash` makes it. */
  readonly hash: string;
  readonly principal: Principal;
}

export interface AuthenticatorPorts {
  readonly tokens: { readonly repository: Pick<ApiTokenRepository, 'find'>; readonly secrets: TokenSecrets };
  readonly uses?: Pick<TokenUses, 'note'>;
  /** Left out: JSON Web Tokens are refused. */
  readonly jwt?: { readonly verifier: JwtVerifier; readonly claims?: ClaimNames };
  readonly roles: Roles;
  readonly manifest: PermissionManifest;
  /** What callers without credentials may do; nothing if left out. */
  readonly anonymousPermissions?: readonly string[];
  readonly staticTokens?: readonly StaticToken[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Tells who presents an `Authorization` header. */
export interface Authenticator {
  /**
   * The principal; at once for credentials in use, else as a promise. No header at all is the anonymous principal;
   * credentials that don't hold throw or reject with `Unauthenticated`, which never repeats any part of them.
   */
  authenticate(authorization: string | undefined): Principal | Promise<Principal>;
  /** Looks the token up again before it is next accepted. */
  forget(tokenId: string): void;
}

interface KnownToken {
  readonly token: ApiToken;
  readonly hash: string;
  readonly principal: Principal;
}

/**
 * Accepts API tokens, static tokens and JSON Web Tokens, all as bearer credentials.
 * Throws `UnknownPermission` where `anonymousPermissions` names one that no contract has.
 */
export function createAuthenticator(ports: AuthenticatorPorts): Authenticator {
  const { tokens, uses, jwt, roles, manifest, anonymousPermissions = [], staticTokens = [], now } = ports;
  const { repository, secrets } = tokens;
  requireKnownPermissions(anonymousPermissions, manifest);
  const anonymous: Principal = {
    id: 'anonymous',
    kind: 'anonymous',
    tenant: 'default',
    permissions: new Set(anonymousPermissions),
  };
  const cache = createTokenCache<KnownToken>(repository, (token) => knownToken(token, roles), now);
  const byJwt = jwt && jwtAuthenticator(jwt, roles, manifest, now);

  const accept = (known: KnownToken | undefined, hash: string): Principal => {
    if (known === undefined || !secrets.equal(known.hash, hash))
      throw new Unauthenticated('There is no such API token.');
    const at = now();
    if (!known.token.isActive(at)) throw new Unauthenticated('The API token was revoked or has expired.');
    uses?.note(known.token.id, at);
    return known.principal;
  };

  return {
    authenticate(authorization) {
      if (authorization === undefined) return anonymous;
      const text = bearerOf(authorization);
      const hash = secrets.hash(text);
      for (const known of staticTokens) if (secrets.equal(known.hash, hash)) return known.principal;
      const id = secrets.idOf(text);
      if (id !== undefined) {
        const known = cache.find(id);
        return known instanceof Promise ? known.then((loaded) => accept(loaded, hash)) : accept(known, hash);
      }
      if (byJwt === undefined || !isJwt(text)) throw new Unauthenticated(NONE);
      return byJwt(text, hash);
    },
    forget: cache.forget,
  };
}

function knownToken(token: ApiToken, roles: Roles): KnownToken {
  const { hash, tenant, permissions, roles: names } = token.toSnapshot();
  const held = new Set([...permissions, ...roles.permissionsOf(names)]);
  return { token, hash, principal: { id: token.principalId, kind: 'token', tenant, permissions: held } };
}

function jwtAuthenticator(
  { verifier, claims: names }: NonNullable<AuthenticatorPorts['jwt']>,
  roles: Roles,
  manifest: PermissionManifest,
  now: () => number,
): (text: string, hash: string) => Principal | Promise<Principal> {
  // By hash, so that no token stays readable in memory.
  const verified = new RecentMap<string, { readonly principal: Principal; readonly until: number }>(MAX_JWTS);
  const verify = async (text: string, hash: string): Promise<Principal> => {
    const from = now();
    const claims = await verifier.verify(text);
    const principal = principalOf(claims, roles, manifest, names);
    const expiry = typeof claims['exp'] === 'number' ? claims['exp'] * 1000 : from;
    verified.set(hash, { principal, until: Math.min(expiry, from + JWT_TTL_MS) });
    return principal;
  };
  return (text, hash) => {
    const entry = verified.get(hash);
    return entry !== undefined && now() < entry.until ? entry.principal : verify(text, hash);
  };
}

const isJwt = (text: string): boolean => text.split('.', 4).length === 3;

function bearerOf(authorization: string): string {
  const text = authorization.length <= MAX_HEADER_LENGTH ? BEARER.exec(authorization)?.[1] : undefined;
  if (text === undefined) throw new Unauthenticated(NONE);
  return text;
}
