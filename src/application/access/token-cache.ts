import type { ApiTokenRepository } from '../../domain/access/api-token-repository.ts';
import type { ApiToken } from '../../domain/access/api-token.ts';
import type { LoggedEvent } from '../shared/event-log.ts';
import { RecentMap } from '../shared/recent-map.ts';

/** How old what this instance believes about a token may be: a revocation elsewhere is in force after this time. */
export const TOKEN_TTL_MS = 1000;
const MAX_TOKENS = 10_000;

/** The tokens in use on this instance. */
export interface TokenCache<Value extends object> {
  /** Synchronous for a token in use; otherwise reads it, once for all who ask meanwhile. */
  find(tokenId: string): Value | undefined | Promise<Value | undefined>;
  /** The next `find` reads the token again, even when a read is already under way. */
  forget(tokenId: string): void;
}

/** Caches what `derive` makes of tokens, such as the principals they stand for; `now` in milliseconds. */
export function createTokenCache<Value extends object>(
  repository: Pick<ApiTokenRepository, 'find'>,
  derive: (token: ApiToken) => Value,
  now: () => number,
): TokenCache<Value> {
  const known = new RecentMap<string, { readonly value: Value; readonly until: number }>(MAX_TOKENS);
  const loading = new Map<string, Promise<Value | undefined>>();

  const load = (tokenId: string): Promise<Value | undefined> => {
    // Counted from before the read: what is committed during it may be missing from it.
    const until = now() + TOKEN_TTL_MS;
    const reading = repository.find(tokenId).then((token) => token && derive(token));
    const settle = (value?: Value): void => {
      if (loading.get(tokenId) !== reading) return; // Forgotten meanwhile.
      loading.delete(tokenId);
      if (value !== undefined) known.set(tokenId, { value, until });
    };
    loading.set(tokenId, reading);
    reading.then(settle, () => settle());
    return reading;
  };

  return {
    find(tokenId) {
      const entry = known.get(tokenId);
      if (entry !== undefined && now() < entry.until) return entry.value;
      return loading.get(tokenId) ?? load(tokenId);
    },
    forget(tokenId) {
      known.delete(tokenId);
      loading.delete(tokenId);
    },
  };
}

/** A handler for live events: forgets the tokens that were revoked on other instances. */
export function forgetRevoked(cache: Pick<TokenCache<object>, 'forget'>): (events: readonly LoggedEvent[]) => void {
  return (events) => {
    for (const { type, payload } of events) {
      if (type === 'api_token.revoked' && typeof payload['tokenId'] === 'string') cache.forget(payload['tokenId']);
    }
  };
}
