import { isHeld } from '../../domain/shared/permission.ts';
import type { CommandContext, ReceiptKey } from '../../domain/shared/decision.ts';

/** The longest id of a principal, as logged events, receipts and jobs keep it; 255 characters of a JWT's subject fit. */
export const MAX_ACTOR_LENGTH = 300;

/** Who calls: a person, a token, a part of the program itself, or nobody known. */
export interface Principal {
  /**
   * Stable and not personal, for example `user:42`, `token:018f…`, `system:sweeper`, `anonymous`; at most
   * `MAX_ACTOR_LENGTH` characters.
   */
  readonly id: string;
  readonly kind: 'user' | 'token' | 'system' | 'anonymous';
  readonly tenant: string;
  /** Holds `*`, `<context>:*`, `<context>:<operation>` and `<context>:<operation>:own` entries. */
  readonly permissions: ReadonlySet<string>;
}

/** True when the principal holds the permission itself or one that includes it. */
export function isPermitted({ permissions }: Principal, permission: string): boolean {
  return isHeld(permissions, permission);
}

/** One call of one operation, whatever transport brought it. */
export interface Call {
  readonly principal: Principal;
  readonly correlationId: string;
  readonly causationId?: string | undefined;
  readonly traceParent?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Log position that a query has to have seen before it answers (read your writes). */
  readonly after?: bigint | undefined;
  /** Aborts at the deadline, when the client hangs up and when the server stops draining. */
  readonly signal?: AbortSignal | undefined;
  /** True for a caller in the same process: `libraryInput` holds for it. */
  readonly inProcess?: boolean | undefined;
  /** A caller's own transaction to join; library use only. */
  readonly unit?: unknown;
  /** Rate-limit key of a caller who is not known: the network address over HTTP. */
  readonly address?: string | undefined;
  /** Filled by the pipeline for commands. */
  readonly receipt?: ReceiptKey | undefined;
  /** `own` when only the `:own` permission is held: the use case then checks the row. Filled by the pipeline. */
  readonly reach?: 'all' | 'own' | undefined;
}

/** What an operation's handler returns; `position` and `replayed` travel in `meta`. */
export interface Reply<Data> {
  readonly data: Data;
  /** One line for people, where the data doesn't speak for itself. */
  readonly message?: string | undefined;
  readonly position?: bigint | undefined;
  readonly replayed?: boolean | undefined;
  /** Cursor of the next page of a list. */
  readonly nextCursor?: string | undefined;
}

/** The part of a call that a repository needs. */
export function commandContext(call: Call): CommandContext {
  return {
    tenant: call.principal.tenant,
    actor: call.principal.id,
    correlationId: call.correlationId,
    causationId: call.causationId,
    traceParent: call.traceParent,
    receipt: call.receipt,
    signal: call.signal,
    unit: call.unit,
  };
}

/** The name by which a context knows the caller as a person, `42` of `user:42`: what `:own` compares rows with. */
export function subjectOf(principal: Principal): string {
  return principal.id.slice(principal.id.indexOf(':') + 1);
}
