import type { ApiTokenBook, ApiTokenChanges, ApiTokenRepository } from '../../domain/access/api-token-repository.ts';
import { ApiToken, type NewApiToken } from '../../domain/access/api-token.ts';
import {
  CreatorNoLongerActive,
  InvalidTokenExpiry,
  PermissionNotHeld,
  UnknownPermission,
  UnknownRole,
} from '../../domain/access/errors.ts';
import { missingFrom } from '../../domain/shared/permission.ts';
import type { Decision } from '../../domain/shared/decision.ts';
import type { Json } from '../../domain/shared/domain-error.ts';
import { commandContext, type Call, type Principal } from '../shared/call.ts';
import type { OutputOf } from '../shared/contract.ts';
import { InvalidInput } from '../shared/errors.ts';
import { ofField } from '../shared/field-fault.ts';
import type { Handler, MustNotBeKept } from '../shared/pipeline.ts';
import type { Sealer } from '../shared/sealer.ts';
import type { apiTokens } from './contract.ts';
import type { PermissionManifest } from './permission-manifest.ts';
import { requireKnownPermissions, type Roles } from './roles.ts';
import { tenantOf } from './tenant-of.ts';
import type { TokenSecrets } from './token-secrets.ts';

type Create = (typeof apiTokens)['operations']['create'];
/** What the receipt may hold: all but the token itself. */
type Answer = Omit<OutputOf<Create>, 'token'> & { readonly [key: string]: Json };

export interface CreateApiTokenPorts {
  readonly repository: ApiTokenRepository;
  readonly secrets: TokenSecrets;
  readonly sealer: Sealer;
  readonly roles: Roles;
  readonly manifest: PermissionManifest;
  /** Of names, which are stored as they are. */
  readonly mustNotBeKept: MustNotBeKept;
}

/**
 * Creates a token that can do no more and lives no longer than its creator's credential. The token is told in the
 * answer alone: only its hash is stored, and the receipt holds it sealed so that a repeat can tell it once more.
 */
export function createApiToken(ports: CreateApiTokenPorts): Handler<Create> {
  const { repository, secrets, sealer, roles, manifest, mustNotBeKept } = ports;
  return async ({ name, permissions, roles: roleNames, expiresAt, tenant: wanted }, call) => {
    const tenant = tenantOf(call, wanted);
    if (mustNotBeKept(name)) {
      const issues = [{ path: 'name', message: 'must not contain a secret such as a gift card code' }];
      throw new InvalidInput('The input does not fit the operation.', { issues });
    }
    ofField('permissions', [UnknownPermission], () => requireKnownPermissions(permissions, manifest));
    ofField('roles', [UnknownRole], () => roles.requireKnown(roleNames));
    const { id, text, hash } = secrets.issue();
    const token: NewApiToken = {
      id,
      tenant,
      name,
      hash,
      permissions: [...new Set(permissions)],
      roles: [...new Set(roleNames)],
      createdBy: call.principal.id,
      expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
    };
    const given = [...permissions, ...roles.permissionsOf(roleNames)];
    const sealed = sealer.seal(text, sealContext(call, tenant));
    const creatorId = tokenIdOf(call.principal);
    const committed = await repository.update(
      { ...commandContext(call), tenant },
      { tokens: creatorId === undefined ? [id] : [id, creatorId] },
      (book) => decide(book, token, given, call.principal, sealed),
    );
    const { answer, position, replayed } = committed;
    // On a repeat this is the token of the first time: the one issued above was stored nowhere.
    const shown = sealer.open(committed.sealed ?? '', sealContext(call, tenant));
    return { data: { ...answer, token: shown }, position, replayed };
  };
}

/** What it throws is a refusal. */
function decide(
  book: ApiTokenBook,
  from: NewApiToken,
  given: readonly string[],
  creator: Principal,
  sealed: string,
): Decision<Answer, ApiTokenChanges> {
  const missing = [...new Set(missingFrom(creator.permissions, given))];
  if (missing.length > 0) {
    throw new PermissionNotHeld(`You lack the permission ${missing.join(', ')}.`, { permissions: missing });
  }
  const creatorToken = book.token(tokenIdOf(creator) ?? '');
  if (creatorToken?.isActive(book.now.getTime()) === false) {
    throw new CreatorNoLongerActive('The creating token was revoked or has expired.');
  }
  const token = ofField('expiresAt', [InvalidTokenExpiry], () => {
    if (outlives(from.expiresAt, creatorToken?.expiresAt ?? null)) {
      throw new InvalidTokenExpiry('A token cannot outlive the token that creates it.');
    }
    return ApiToken.create(from, book.now);
  });
  return { kind: 'accepted', answer: answerOf(token), sealed, changes: { tokens: [token] }, events: token.events };
}

function answerOf(token: ApiToken): Answer {
  const { id, tenant, name, permissions, roles, createdBy, createdAt, expiresAt } = token.toSnapshot();
  return {
    id,
    tenant,
    name,
    permissions: [...permissions],
    roles: [...roles],
    createdBy,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}

const outlives = (end: Date | null, limit: Date | null): boolean => limit !== null && (end === null || end > limit);

function tokenIdOf(principal: Principal): string | undefined {
  return principal.kind === 'token' ? principal.id.slice('token:'.length) : undefined;
}

function sealContext(call: Call, tenant: string): string {
  return JSON.stringify(['ApiToken.create', tenant, call.principal.id, call.idempotencyKey ?? null]);
}
