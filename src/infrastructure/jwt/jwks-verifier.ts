import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { JwtClaims, JwtVerifier } from '../../application/access/jwt-principal.ts';
import { ServiceUnavailable, Unauthenticated } from '../../application/shared/errors.ts';
import { isTrustworthy } from './key-address.ts';

/** Both are signatures with a key pair: nothing that this service holds lets anybody sign. */
const ALGORITHMS = ['RS256', 'ES256'];
/** Keys that could not be renewed for so long are believed no more. */
const MAX_AGE_MS = 24 * 3_600_000;

export interface JwksVerifierOptions {
  /** Where the provider publishes its keys (https, or http on loopback), or the keys themselves. */
  readonly keys: URL | JSONWebKeySet;
  readonly issuer: string;
  readonly audience: string;
  /** By how much clocks may differ; 5 if left out. */
  readonly clockToleranceSeconds?: number;
  /** Refuses tokens issued longer ago, however far their expiry; no limit if left out. */
  readonly maxAgeSeconds?: number;
  /** How long a call waits for the provider; 2,000 if left out. */
  readonly timeoutMs?: number;
  /** How often at most an unknown key id makes this service ask the provider; 30,000 if left out. */
  readonly cooldownMs?: number;
  /** After how long keys are fetched again, beside the calls: then withdrawn ones end. 600,000 if left out. */
  readonly renewAfterMs?: number;
  /** Told when keys could not be renewed while the known ones are still believed. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Verifies JSON Web Tokens with the keys of one provider: RS256 and ES256 only, with `exp` and `sub`, for this
 * audience. Throws `TypeError` for an address of keys that anybody on the way could change.
 */
export function createJwksVerifier(options: JwksVerifierOptions): JwtVerifier {
  const { keys, issuer, audience, clockToleranceSeconds = 5, maxAgeSeconds } = options;
  const getKey = keys instanceof URL ? remoteKeys(keys, options) : createLocalJWKSet(keys);
  const findKey: JWTVerifyGetKey = async (header, token) => {
    try {
      return await getKey(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      const outage = new ServiceUnavailable('The keys for JSON Web Tokens cannot be fetched now.');
      outage.cause = error;
      throw outage;
    }
  };
  return {
    async verify(text): Promise<JwtClaims> {
      try {
        const { payload } = await jwtVerify(text, findKey, {
          algorithms: ALGORITHMS,
          issuer,
          audience,
          clockTolerance: clockToleranceSeconds,
          requiredClaims: ['exp', 'sub'],
          ...(maxAgeSeconds === undefined ? {} : { maxTokenAge: maxAgeSeconds }),
        });
        return payload;
      } catch (error) {
        if (error instanceof ServiceUnavailable) throw error;
        // Neither jose's message nor the error itself goes on: they hold claims.
        const expired = error instanceof errors.JWTExpired;
        throw new Unauthenticated(expired ? 'The token has expired.' : 'The token does not hold.');
      }
    },
  };
}

function remoteKeys(url: URL, options: JwksVerifierOptions): JWTVerifyGetKey {
  if (!isTrustworthy(url)) throw new TypeError('The keys for JSON Web Tokens must be fetched by https.');
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: options.timeoutMs ?? 2000,
    cooldownDuration: options.cooldownMs ?? 30_000,
    cacheMaxAge: MAX_AGE_MS,
  });
  const renewAfterMs = options.renewAfterMs ?? 600_000;
  let renewAt = performance.now() + renewAfterMs;
  return (header, token) => {
    if (performance.now() >= renewAt) {
      // Beside the call, so that a provider that is down stops nobody whose key is known.
      renewAt = performance.now() + renewAfterMs;
      keys.reload().catch((error: unknown) => options.onFault?.(error));
    }
    return keys(header, token);
  };
}
