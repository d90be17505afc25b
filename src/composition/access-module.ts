import {
  apiTokenHandlers,
  apiTokens,
  createAuthenticator,
  createRoles,
  createTokenUses,
  forgetRevoked,
  permissionManifest,
  type TokenUses,
} from '../application/access/index.ts';
import type { Principal } from '../application/shared/call.ts';
import type { Logger } from '../application/shared/logger.ts';
import type { ApiTokenRepository } from '../domain/access/api-token-repository.ts';
import { tokenSecrets } from '../infrastructure/access/token-secrets.ts';
import { createJwksVerifier } from '../infrastructure/jwt/jwks-verifier.ts';
import { explainOutage } from '../infrastructure/postgres/batch-failure.ts';
import { PostgresApiTokens } from '../infrastructure/postgres/postgres-api-tokens.ts';
import { limitFailedLogins } from '../infrastructure/rate-limit/failed-logins.ts';
import { METRICS_PERMISSION } from '../interfaces/http/metrics.ts';
import type { Config } from './config.ts';
import { contextModule, type ContextModule } from './context-module.ts';
import { mustNotBeKept } from './must-not-be-kept.ts';
import type { Resources } from './resources.ts';
import { token, type Wiring } from './token.ts';
import * as tokens from './tokens.ts';

export const API_TOKENS = token<ContextModule>('api tokens');
const REPOSITORY = token<ApiTokenRepository>('api token repository');

/** Who may do what: API tokens, JSON Web Tokens, roles. */
export function bindAccess(wiring: Wiring): void {
  const { CONFIG, CONTRACTS, MANIFEST, ROLES, RESOURCES, LOGGER, AUTHENTICATOR } = tokens;
  wiring.single(MANIFEST, [CONTRACTS], (contracts) => permissionManifest(contracts, [METRICS_PERMISSION]));
  wiring.single(ROLES, [CONFIG, MANIFEST], ({ roles }, manifest) => createRoles(roles, manifest));
  wiring.single(REPOSITORY, [tokens.QUERY_POOL, tokens.GROUP_COMMIT, RESOURCES], (pool, groupCommit, resources) => {
    const repository = new PostgresApiTokens(pool, groupCommit('api-tokens'));
    return resources.own('api tokens', repository, () => repository.close());
  });
  wiring.single(
    AUTHENTICATOR,
    [REPOSITORY, ROLES, MANIFEST, CONFIG, tokens.STATIC_TOKENS, RESOURCES, LOGGER, tokens.EVENT_LOG],
    (repository, roles, manifest, config, staticTokens, resources, logger, log) => {
      const uses = createTokenUses(repository);
      const onError = (error: unknown): void => logger.warn('uses of API tokens were not stored', { error });
      storeUses(uses, resources, onError);
      const jwt = jwtOf(config, logger);
      const authenticator = createAuthenticator({
        ...{ tokens: { repository, secrets: tokenSecrets }, uses, roles, manifest, staticTokens, now: Date.now },
        ...(jwt && { jwt }),
        ...(config.anonymousPermissions && { anonymousPermissions: config.anonymousPermissions }),
      });
      const revoked = log.live(forgetRevoked(authenticator), { filter: { types: ['api_token.revoked'] } });
      resources.own('revocations', revoked, () => revoked.close());
      return authenticator;
    },
  );
  wiring.single(tokens.AUTHENTICATE, [AUTHENTICATOR, tokens.COUNTERS], (authenticator, counters) =>
    limitFailedLogins((authorization) => explaining(authenticator.authenticate(authorization)), {
      counters,
      now: Date.now,
    }),
  );
  wiring.single(
    API_TOKENS,
    [REPOSITORY, tokens.SEALER, ROLES, MANIFEST, AUTHENTICATOR],
    (repository, sealer, roles, manifest, { forget }) =>
      contextModule(
        apiTokens,
        apiTokenHandlers({ repository, secrets: tokenSecrets, sealer, roles, manifest, forget, mustNotBeKept }),
      ),
  );
}

/** Most callers are known at once; where tokens are looked up, the database may be out of reach. */
function explaining(principal: Principal | Promise<Principal>): Principal | Promise<Principal> {
  if (!(principal instanceof Promise)) return principal;
  return principal.catch((error: unknown) => {
    throw explainOutage(error);
  });
}

/** Stores uses every few seconds, and those of the last seconds at the end. */
export function storeUses(
  { flush }: Pick<TokenUses, 'flush'>,
  resources: Resources,
  onError: (error: unknown) => void,
): void {
  // Closed after the timer, which stands above it.
  resources.own('last token uses', flush, () => flush().catch(onError));
  resources.every('token uses', 5_000, flush, onError);
}

function jwtOf({ jwksUrl, jwtIssuer, jwtAudience }: Config, logger: Logger) {
  if (jwksUrl === undefined || jwtIssuer === undefined || jwtAudience === undefined) return undefined;
  const onFault = (error: unknown): void => logger.warn('the keys for JSON Web Tokens could not be renewed', { error });
  return {
    verifier: createJwksVerifier({ keys: new URL(jwksUrl), issuer: jwtIssuer, audience: jwtAudience, onFault }),
  };
}
