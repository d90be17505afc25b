import type { CommandContext, Committed, Decision } from '../shared/decision.ts';
import type { Json } from '../shared/domain-error.ts';
import type { ApiToken } from './api-token.ts';

/** Names what a decision reads and changes. */
export interface ApiTokenKeys {
  /** Ids of tokens, whether they exist or are to be created. */
  readonly tokens: readonly string[];
}

/** What a decision sees: the named tokens, locked, and the time at which they were. */
export interface ApiTokenBook {
  readonly now: Date;
  /** Of any tenant: the decision compares. */
  token(id: string): ApiToken | undefined;
}

export interface ApiTokenChanges {
  /** New tokens and revoked ones; their events are appended with them. */
  readonly tokens: readonly ApiToken[];
}

export interface ApiTokenFilter {
  readonly tenant: string;
  /** Only tokens that belong to this principal, as `ApiToken.belongsTo` has it. */
  readonly belongingTo?: string | undefined;
  /** Id of the last token of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A token with what isn't part of its history. */
export interface ListedApiToken {
  readonly token: ApiToken;
  readonly lastUsedAt: Date | null;
}

/** Where API tokens are kept. */
export interface ApiTokenRepository {
  /**
   * Loads the named tokens under lock, decides, and stores changes, events and receipt in one commit. A `DomainError`
   * that `decide` throws is a refusal: it is rethrown and only its receipt stored. A repeat of a command with the same
   * receipt key gets the first outcome, and `decide` isn't asked.
   */
  update<Answer extends Json>(
    context: CommandContext,
    keys: ApiTokenKeys,
    decide: (book: ApiTokenBook) => Decision<Answer, ApiTokenChanges>,
  ): Promise<Committed<Answer>>;
  /** The token with this id, of any tenant, as last committed. */
  find(id: string): Promise<ApiToken | undefined>;
  /** A page of a tenant's tokens, revoked ones included, ordered by id. */
  list(filter: ApiTokenFilter): Promise<readonly ListedApiToken[]>;
  /** Notes when tokens were last used; an earlier time never replaces a later one, unknown ids are passed over. */
  recordUses(uses: ReadonlyMap<string, Date>): Promise<void>;
}
