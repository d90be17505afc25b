import type { NewEvent } from '../shared/decision.ts';
import { InvalidTokenExpiry } from './errors.ts';

/** All that is stored of a token. */
export interface ApiTokenSnapshot {
  /** Stands in the token's text and is no secret. */
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly permissions: readonly string[];
  readonly roles: readonly string[];
  /** SHA-256 of the token's text, 64 hexadecimal digits. */
  readonly hash: string;
  /** Id of the principal that created it. */
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Null for a token without end. */
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  /** Number of events in the token's stream. */
  readonly version: number;
}

/** What a new token is made from. */
export type NewApiToken = Omit<ApiTokenSnapshot, 'createdAt' | 'revokedAt' | 'revokedBy' | 'version'>;

/** A credential for programs. Immutable; its permissions never change, so that whoever wants others creates another. */
export class ApiToken {
  readonly #state: ApiTokenSnapshot;
  /** What happened since the token was loaded. */
  readonly events: readonly NewEvent[];

  private constructor(state: ApiTokenSnapshot, events: readonly NewEvent[]) {
    this.#state = state;
    this.events = events;
  }

  /** Throws `InvalidTokenExpiry` unless the token expires after `now` or never. */
  static create(from: NewApiToken, now: Date): ApiToken {
    if (from.expiresAt !== null && from.expiresAt <= now) {
      throw new InvalidTokenExpiry('A token must expire in the future.');
    }
    const blank = { ...from, createdAt: now, revokedAt: null, revokedBy: null, version: 0 };
    // The name stays out of the log: people write their own names into it.
    return new ApiToken(blank, []).#next({}, 'api_token.created', {
      createdBy: from.createdBy,
      permissions: from.permissions,
      roles: from.roles,
      expiresAt: from.expiresAt?.toISOString() ?? null,
    });
  }

  static restore(snapshot: ApiTokenSnapshot): ApiToken {
    return new ApiToken(snapshot, []);
  }

  toSnapshot(): ApiTokenSnapshot {
    return this.#state;
  }

  get id(): string {
    return this.#state.id;
  }

  get tenant(): string {
    return this.#state.tenant;
  }

  get expiresAt(): Date | null {
    return this.#state.expiresAt;
  }

  get revokedAt(): Date | null {
    return this.#state.revokedAt;
  }

  /** The id that the token's bearer has as a principal. */
  get principalId(): string {
    return `token:${this.id}`;
  }

  /** Neither revoked nor expired; `nowMs` in milliseconds since the epoch. */
  isActive(nowMs: number): boolean {
    const { revokedAt, expiresAt } = this.#state;
    return revokedAt === null && (expiresAt === null || nowMs < expiresAt.getTime());
  }

  /** A token is its creator's, and its own: a leaked token can be used to revoke it. */
  belongsTo(principalId: string): boolean {
    return principalId === this.#state.createdBy || principalId === this.principalId;
  }

  /** Ends the token for good. Revoking it again changes nothing. */
  revoke(by: string, now: Date): ApiToken {
    if (this.#state.revokedAt !== null) return this;
    return this.#next({ revokedAt: now, revokedBy: by }, 'api_token.revoked', { revokedBy: by });
  }

  #next(change: Partial<ApiTokenSnapshot>, type: string, facts: NewEvent['payload']): ApiToken {
    const state = { ...this.#state, ...change, version: this.#state.version + 1 };
    const event: NewEvent = {
      stream: `api_token:${state.id}`,
      streamVersion: state.version,
      type,
      payload: { tokenId: state.id, ...facts },
    };
    return new ApiToken(state, [...this.events, event]);
  }
}
