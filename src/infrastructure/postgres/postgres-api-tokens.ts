import type { Pool } from 'pg';
import type {
  ApiTokenBook,
  ApiTokenChanges,
  ApiTokenFilter as Filter,
  ApiTokenKeys,
  ApiTokenRepository,
  ListedApiToken,
} from '../../domain/access/api-token-repository.ts';
import { ApiToken, type ApiTokenSnapshot } from '../../domain/access/api-token.ts';
import { API_TOKEN_ERRORS } from '../../domain/access/errors.ts';
import type { CommandContext, Committed, Decision } from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import type { BatchStore, Held } from './batch-store.ts';
import type { GroupCommitOptions } from './group-commit-options.ts';
import { GroupCommit } from './group-commit.ts';
import type { Write } from './merged-statement.ts';

interface TokenRow extends Omit<ApiTokenSnapshot, 'version'> {
  readonly version: string;
  readonly lastUsedAt: Date | null;
}

/** What a lock returns of a token that somebody else holds. */
interface HeldRow {
  readonly id: string;
  readonly tenant: null;
}

/** The book of one batch; what one decision changes, the next one sees. */
interface TokenBook extends ApiTokenBook {
  readonly tokens: Map<string, ApiToken>;
}

const COLUMNS = `id, tenant, name, permissions, roles, encode(hash, 'hex') AS hash, created_by AS "createdBy",
  created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt", revoked_by AS "revokedBy",
  version, last_used_at AS "lastUsedAt"`;

/** Locks tokens in order of id. Of those that somebody else holds it returns the id alone. */
const lockSql = (wait: boolean): string => `
  WITH locked AS MATERIALIZED (
    SELECT * FROM access.api_tokens WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE ${wait ? '' : 'SKIP LOCKED'})
  SELECT ${COLUMNS} FROM (SELECT id FROM access.api_tokens WHERE id = ANY ($1)) AS found LEFT JOIN locked USING (id)`;

const INSERT = `
  INSERT INTO access.api_tokens (id, tenant, name, permissions, roles, hash, created_by, created_at, expires_at,
                                 revoked_at, revoked_by, version)
  SELECT id, tenant, name, permissions, roles, decode(hash, 'hex'), "createdBy", "createdAt", "expiresAt",
         "revokedAt", "revokedBy", version
  FROM json_to_recordset($1::json) AS token
    (id text, tenant text, name text, permissions text[], roles text[], hash text, "createdBy" text,
     "createdAt" timestamptz, "expiresAt" timestamptz, "revokedAt" timestamptz, "revokedBy" text, version bigint)
  ON CONFLICT (id) DO NOTHING RETURNING 1`;

/** The ids are named besides the join, which alone would read all tokens: plans look rows up by keys that are given. */
const UPDATE = `
  UPDATE access.api_tokens AS token
  SET version = given.version, revoked_at = given."revokedAt", revoked_by = given."revokedBy"
  FROM json_to_recordset($1::json) AS given
    (id text, loaded bigint, version bigint, "revokedAt" timestamptz, "revokedBy" text)
  WHERE token.id = given.id AND token.version = given.loaded
    AND token.id = ANY (ARRAY (SELECT id FROM json_to_recordset($1::json) AS named (id text))) RETURNING 1`;

const LIST = `
  SELECT ${COLUMNS} FROM access.api_tokens
  WHERE tenant = $1 AND ($2::text IS NULL OR created_by = $2 OR 'token:' || id = $2) AND id > $3
  ORDER BY id LIMIT $4`;

const RECORD_USES = `
  WITH used AS (
    SELECT id, at FROM unnest($1::text[], $2::timestamptz[]) AS use (id, at) JOIN access.api_tokens USING (id)
    WHERE last_used_at IS NULL OR last_used_at < at
    ORDER BY id FOR NO KEY UPDATE OF api_tokens)
  UPDATE access.api_tokens AS token SET last_used_at = greatest(token.last_used_at, used.at)
  FROM used WHERE token.id = used.id`;

/** API tokens in PostgreSQL, by group commit. */
export class PostgresApiTokens implements ApiTokenRepository {
  readonly #commands: GroupCommit<ApiTokenKeys, TokenBook, ApiTokenChanges>;
  readonly #pool: Pool;

  /** `pool`: for everything that is no command. */
  constructor(pool: Pool, options: GroupCommitOptions) {
    this.#pool = pool;
    this.#commands = new GroupCommit(apiTokenStore, options);
  }

  update<Answer extends Json>(
    context: CommandContext,
    keys: ApiTokenKeys,
    decide: (book: ApiTokenBook) => Decision<Answer, ApiTokenChanges>,
  ): Promise<Committed<Answer>> {
    return this.#commands.submit(context, keys, decide);
  }

  async find(id: string): Promise<ApiToken | undefined> {
    const { rows } = await this.#pool.query<TokenRow>(`SELECT ${COLUMNS} FROM access.api_tokens WHERE id = $1`, [id]);
    return rows[0] && tokenOf(rows[0]);
  }

  async list({ tenant, belongingTo, after = '', limit }: Filter): Promise<readonly ListedApiToken[]> {
    const { rows } = await this.#pool.query<TokenRow>(LIST, [tenant, belongingTo ?? null, after, limit]);
    return rows.map((row) => ({ token: tokenOf(row), lastUsedAt: row.lastUsedAt }));
  }

  async recordUses(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.#pool.query(RECORD_USES, [[...uses.keys()], [...uses.values()]]);
  }

  /** Takes no more commands and resolves when those under way have ended; closing twice is harmless. */
  close(): Promise<void> {
    return this.#commands.close();
  }
}

const apiTokenStore: BatchStore<ApiTokenKeys, TokenBook, ApiTokenChanges> = {
  errors: API_TOKEN_ERRORS,
  names: (_tenant, { tokens }) => tokens.map(nameOf),
  locks: (_tenant, keys, wait) => [{ text: lockSql(wait), values: [idsOf(keys)] }],
  open(_tenant, keys, { now, locks }) {
    const rows = (locks[0] ?? []) as readonly (TokenRow | HeldRow)[];
    const tokens = new Map(rows.flatMap((row) => (row.tenant === null ? [] : [[row.id, tokenOf(row)]])));
    const held = new Set(rows.flatMap((row) => (row.tenant === null ? [row.id] : [])));
    const busy = keys.map((each) => each.tokens.filter((id) => held.has(id)).map(heldToken)[0]);
    return { book: { now, tokens, token: (id) => tokens.get(id) }, busy };
  },
  apply(book, changes) {
    for (const token of changes.tokens) book.tokens.set(token.id, ApiToken.restore(token.toSnapshot()));
  },
  writes(_tenant, changes) {
    const states = finalStates(changes.flatMap(({ tokens }) => tokens));
    const [created, revoked] = [states.filter(({ loaded }) => loaded === 0), states.filter(({ loaded }) => loaded > 0)];
    return [
      ...write('tokens_new', INSERT, created, 'an API token with this id is there already'),
      ...write('tokens_changed', UPDATE, revoked, 'an API token is not as it was loaded'),
    ];
  },
};

const heldToken = (id: string): Held => ({
  name: nameOf(id),
  wait: { text: 'SELECT FROM access.api_tokens WHERE id = $1 FOR NO KEY UPDATE', values: [id] },
});
const nameOf = (id: string): string => `api_token:${id}`;
const idsOf = (keys: readonly ApiTokenKeys[]): readonly string[] => keys.flatMap(({ tokens }) => tokens);

function tokenOf({ lastUsedAt: _, version, ...row }: TokenRow): ApiToken {
  return ApiToken.restore({ ...row, version: Number(version) });
}

interface FinalState extends ApiTokenSnapshot {
  /** The version in the database before the batch; 0 for a new token. */
  readonly loaded: number;
}

/** The last state of each token that the batch changes. */
function finalStates(tokens: readonly ApiToken[]): readonly FinalState[] {
  const states = new Map<string, FinalState>();
  for (const token of tokens) {
    const state = token.toSnapshot();
    const loaded = states.get(token.id)?.loaded ?? state.version - token.events.length;
    states.set(token.id, { ...state, loaded });
  }
  return [...states.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

const write = (name: string, text: string, states: readonly FinalState[], otherwise: string): readonly Write[] => {
  if (states.length === 0) return [];
  const counted = { by: 'json_array_length($1::json)', otherwise };
  return [{ name, text, values: [JSON.stringify(states)], counted }];
};
