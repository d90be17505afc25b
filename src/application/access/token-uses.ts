import type { ApiTokenRepository } from '../../domain/access/api-token-repository.ts';
import { RecentMap } from '../shared/recent-map.ts';

/** How exactly it is known when a token was last used. */
export const USE_RESOLUTION_MS = 60_000;
const MAX_TOKENS = 10_000;

/** Remembers when tokens were used until somebody stores it. */
export interface TokenUses {
  /** Costs a look-up in memory. */
  note(tokenId: string, atMs: number): void;
  /** Stores what was noted; to be called every few seconds and once before the end. Keeps it where that fails. */
  flush(): Promise<void>;
}

/** Buffers uses: each token is written at most once a minute by each instance, however often it is presented. */
export function createTokenUses(repository: Pick<ApiTokenRepository, 'recordUses'>): TokenUses {
  const noted = new RecentMap<string, number>(MAX_TOKENS);
  let pending = new Map<string, Date>();
  return {
    note(tokenId, atMs) {
      if (atMs < (noted.get(tokenId) ?? -Infinity) + USE_RESOLUTION_MS) return;
      noted.set(tokenId, atMs);
      if (pending.size < MAX_TOKENS) pending.set(tokenId, new Date(atMs));
    },
    async flush() {
      if (pending.size === 0) return;
      const uses = pending;
      pending = new Map();
      try {
        await repository.recordUses(uses);
      } catch (error) {
        pending = new Map([...uses, ...pending]);
        throw error;
      }
    },
  };
}
