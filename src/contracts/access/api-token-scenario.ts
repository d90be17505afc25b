import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import type { ApiTokenChanges, ApiTokenRepository } from '../../domain/access/api-token-repository.ts';
import { ApiToken, type NewApiToken } from '../../domain/access/api-token.ts';
import type { Accepted, CommandContext, ReceiptKey } from '../../domain/shared/decision.ts';
import type { ContractCase } from '../shared/contract-runner.ts';

/** An event of a token as the adapter's log has it. */
export interface TokenEvent {
  readonly tenant: string;
  readonly type: string;
  readonly streamVersion: number;
}

/** One adapter, opened for the suite. It may hold tokens of other tenants. */
export interface ApiTokenSite {
  readonly repository: ApiTokenRepository;
  /** All events of one token, in order. */
  events(tokenId: string): Promise<readonly TokenEvent[]>;
  /** Runs `work` with a transaction of the caller's as `unit`: commits when it resolves, else rolls back and throws. */
  transaction?(work: (unit: unknown) => Promise<void>): Promise<void>;
  /** Harmless when called again. */
  close(): Promise<void>;
}

export type ApiTokenCase = ContractCase<ApiTokenSite, 'transaction'>;

export const newReceipt = (change: Partial<ReceiptKey> = {}): ReceiptKey => ({
  id: randomUUID(),
  fingerprint: randomUUID(),
  operation: 'ApiToken.create',
  ...change,
});

export const newToken = (change: Partial<NewApiToken> = {}): NewApiToken => ({
  id: randomBytes(12).toString('hex'),
  tenant: 'default',
  name: 'Tills of shop 7',
  permissions: ['gift-cards:redeem'],
  roles: [],
  hash: randomBytes(32).toString('hex'),
  createdBy: 'user:1',
  expiresAt: null,
  ...change,
});

export const contextOf = (change: Partial<CommandContext> = {}): CommandContext => ({
  tenant: 'default',
  actor: 'user:1',
  correlationId: 'contract',
  ...change,
});

/** Stores these tokens with their events and answers with the first one's version. */
export function accept(...tokens: readonly ApiToken[]): Accepted<number, ApiTokenChanges> {
  const events = tokens.flatMap((token) => token.events);
  return { kind: 'accepted', answer: tokens[0]?.toSnapshot().version ?? 0, changes: { tokens }, events };
}

/** Creates one token and returns it as it was stored. */
export async function created({ repository }: ApiTokenSite, change: Partial<NewApiToken> = {}): Promise<ApiToken> {
  const from = newToken(change);
  const context = contextOf({ tenant: from.tenant, actor: from.createdBy });
  await repository.update(context, { tokens: [from.id] }, (book) => accept(ApiToken.create(from, book.now)));
  return found(await repository.find(from.id));
}

export function found(token: ApiToken | undefined): ApiToken {
  assert.ok(token !== undefined, 'the token is there');
  return token;
}

/** Revokes a token as `by`. */
export function revoke(
  { repository }: ApiTokenSite,
  id: string,
  { by = 'user:1', ...change }: Partial<CommandContext> & { readonly by?: string } = {},
) {
  return repository.update(contextOf(change), { tokens: [id] }, (book) =>
    accept(found(book.token(id)).revoke(by, book.now)),
  );
}

/** The error of an update whose decision is expected to fail. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  assert.fail('the update was expected to fail');
}

/** The codes of those that were refused, and how many were not. */
export async function outcomes(works: readonly Promise<unknown>[]): Promise<{ accepted: number; codes: unknown[] }> {
  const settled = await Promise.allSettled(works);
  const codes = settled.flatMap((result) =>
    result.status === 'rejected' ? [(result.reason as { code?: unknown }).code ?? result.reason] : [],
  );
  return { accepted: settled.length - codes.length, codes };
}
