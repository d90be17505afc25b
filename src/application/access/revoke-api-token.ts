import type { ApiTokenRepository } from '../../domain/access/api-token-repository.ts';
import { ApiTokenNotFound } from '../../domain/access/errors.ts';
import { commandContext } from '../shared/call.ts';
import type { Handler } from '../shared/pipeline.ts';
import type { apiTokens } from './contract.ts';
import { tenantOf } from './tenant-of.ts';

export interface RevokeApiTokenPorts {
  readonly repository: ApiTokenRepository;
  /** Makes this instance look the token up again. */
  readonly forget: (tokenId: string) => void;
}

/** Ends a token: at once on this instance, within a second on the others. */
export function revokeApiToken(ports: RevokeApiTokenPorts): Handler<(typeof apiTokens)['operations']['revoke']> {
  return async ({ id, tenant: wanted }, call) => {
    const tenant = tenantOf(call, wanted);
    const { answer, position, replayed } = await ports.repository.update(
      { ...commandContext(call), tenant },
      { tokens: [id] },
      (book) => {
        const token = book.token(id);
        const within = token?.tenant === tenant && (call.reach !== 'own' || token.belongsTo(call.principal.id));
        if (token === undefined || !within) throw new ApiTokenNotFound('There is no such API token.');
        const revoked = token.revoke(call.principal.id, book.now);
        return {
          kind: 'accepted',
          answer: { id, revokedAt: (revoked.revokedAt ?? book.now).toISOString() },
          changes: { tokens: revoked === token ? [] : [revoked] },
          events: revoked.events,
        };
      },
    );
    ports.forget(id);
    return { data: answer, position, replayed };
  };
}
