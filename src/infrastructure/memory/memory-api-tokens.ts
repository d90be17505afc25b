import type {
  ApiTokenBook,
  ApiTokenChanges,
  ApiTokenKeys,
  ApiTokenRepository,
} from '../../domain/access/api-token-repository.ts';
import { ApiToken } from '../../domain/access/api-token.ts';
import {
  judge,
  type CommandContext,
  type Committed,
  type Decision,
  type NewEvent,
} from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import { MemoryReceipts } from './memory-receipts.ts';

export interface MemoryApiTokensOptions {
  /** The store's clock, which decisions go by. */
  readonly now: () => Date;
  /** Appends to an event log and answers with the position of the last event. */
  readonly append?: (events: readonly NewEvent[], context: CommandContext) => bigint;
}

type Decide<Answer extends Json> = (book: ApiTokenBook) => Decision<Answer, ApiTokenChanges>;

/** API tokens that live as long as this object. */
export function createMemoryApiTokens({ now, append }: MemoryApiTokensOptions): ApiTokenRepository {
  const tokens = new Map<string, ApiToken>();
  const lastUses = new Map<string, Date>();
  const receipts = new MemoryReceipts();
  const log = (events: readonly NewEvent[], context: CommandContext): bigint | undefined =>
    events.length === 0 ? undefined : append?.(events, context);

  return {
    // Nothing is awaited in here: that alone makes a command atomic.
    async update<Answer extends Json>(context: CommandContext, keys: ApiTokenKeys, decide: Decide<Answer>) {
      const replayed = receipts.replay<Answer>(context.receipt);
      if (replayed !== undefined) return replayed;
      const named = (id: string): ApiToken | undefined => (keys.tokens.includes(id) ? tokens.get(id) : undefined);
      const decision = judge(() => decide({ now: now(), token: named }));
      const position = log(decision.events ?? [], context);
      if (decision.kind === 'refused') {
        receipts.keepRefusal(context.receipt, decision.error);
        throw decision.error;
      }
      for (const token of decision.changes.tokens) tokens.set(token.id, ApiToken.restore(token.toSnapshot()));
      const { answer, sealed } = decision;
      const committed: Committed<Answer> = { answer, sealed, position, replayed: false };
      receipts.keepAnswer(context.receipt, committed);
      return committed;
    },
    find: (id) => Promise.resolve(tokens.get(id)),
    list({ tenant, belongingTo, after = '', limit }) {
      const page = [...tokens.values()]
        .filter((token) => token.tenant === tenant && token.id > after)
        .filter((token) => belongingTo === undefined || token.belongsTo(belongingTo))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit);
      return Promise.resolve(page.map((token) => ({ token, lastUsedAt: lastUses.get(token.id) ?? null })));
    },
    recordUses(uses) {
      for (const [id, at] of uses) {
        if (tokens.has(id) && at > (lastUses.get(id) ?? new Date(0))) lastUses.set(id, at);
      }
      return Promise.resolve();
    },
  };
}
