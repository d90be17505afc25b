import type { ApiTokenRepository, ListedApiToken } from '../../domain/access/api-token-repository.ts';
import type { Handler } from '../shared/pipeline.ts';
import type { apiTokens } from './contract.ts';
import { tenantOf } from './tenant-of.ts';

export interface ListApiTokensPorts {
  readonly repository: ApiTokenRepository;
}

/** Lists a tenant's tokens, or only the caller's own where it may see no others; never their texts or hashes. */
export function listApiTokens(ports: ListApiTokensPorts): Handler<(typeof apiTokens)['operations']['list']> {
  return async ({ tenant: wanted, cursor, limit }, call) => {
    const listed = await ports.repository.list({
      tenant: tenantOf(call, wanted),
      belongingTo: call.reach === 'own' ? call.principal.id : undefined,
      after: cursor,
      limit: limit + 1,
    });
    const page = listed.slice(0, limit);
    const nextCursor = listed.length > limit ? page.at(-1)?.token.id : undefined;
    return { data: { tokens: page.map(describe) }, nextCursor };
  };
}

function describe({ token, lastUsedAt }: ListedApiToken) {
  const { hash: _, version: __, ...shown } = token.toSnapshot();
  return {
    ...shown,
    permissions: [...shown.permissions],
    roles: [...shown.roles],
    createdAt: shown.createdAt.toISOString(),
    expiresAt: shown.expiresAt?.toISOString() ?? null,
    revokedAt: shown.revokedAt?.toISOString() ?? null,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  };
}
