import { z } from 'zod';
import {
  ApiTokenNotFound,
  CreatorNoLongerActive,
  InvalidTokenExpiry,
  PermissionNotHeld,
  UnknownPermission,
  UnknownRole,
} from '../../domain/access/errors.ts';
import { ACROSS_TENANTS } from '../../domain/shared/permission.ts';
import { command, context, event, query, sampled, secret } from '../shared/contract.ts';
import { instant, instantAhead, paging, text, textLike } from '../shared/schemas.ts';

const tokenId = z
  .string()
  .regex(/^[0-9a-f]{24}$/, 'must be 24 hexadecimal digits')
  .meta({ examples: ['0199a3c47c1b7e2d9a415b6c'] });
const tenant = z
  .string()
  .regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters without blanks')
  .meta({ examples: ['default'] });
const permissions = z
  .array(text(200).meta({ examples: ['gift-cards:redeem'] }))
  .max(200)
  .meta({ examples: [['gift-cards:redeem']] });
const roles = z.array(text(100).meta({ examples: ['cashier'] })).max(50);

const otherTenant = tenant
  .optional()
  .describe(`The caller's own if left out; another one needs the permission ${ACROSS_TENANTS}.`);

const details = {
  id: tokenId,
  tenant,
  name: textLike('Till 7'),
  permissions,
  roles,
  createdBy: textLike('token:admin'),
  createdAt: instant,
  expiresAt: instant.nullable(),
};

/** API tokens: credentials for programs. */
export const apiTokens = context({
  name: 'api-tokens',
  noun: 'ApiToken',
  operations: {
    create: command({
      summary: 'Create an API token; it is shown this once',
      idempotency: 'required',
      input: z.strictObject({
        name: text(100).meta({ description: 'What the token is for', examples: ['Till 7'] }),
        permissions: sampled(permissions).default([]),
        roles: roles.default([]),
        expiresAt: instantAhead.optional().describe('Never if left out'),
        tenant: otherTenant,
      }),
      output: z.object({ ...details, token: secret(textLike('the token, this once')) }),
      errors: [UnknownPermission, UnknownRole, PermissionNotHeld, InvalidTokenExpiry, CreatorNoLongerActive],
      rateLimit: { max: 30 },
    }),
    list: query({
      summary: 'List API tokens, revoked and expired ones included',
      own: true,
      input: z.strictObject({ tenant: otherTenant, ...paging }),
      output: z.object({
        tokens: z.array(
          z.object({
            ...details,
            revokedAt: instant.nullable(),
            revokedBy: textLike('token:admin').nullable(),
            lastUsedAt: instant.nullable().describe('To the minute'),
          }),
        ),
      }),
      errors: [],
    }),
    revoke: command({
      summary: 'End an API token for good; revoking it again changes nothing',
      own: true,
      idempotency: 'none',
      input: z.strictObject({ id: tokenId, tenant: otherTenant }),
      output: z.object({ id: tokenId, revokedAt: instant }),
      errors: [ApiTokenNotFound],
    }),
  },
  events: {
    'api_token.created': event({
      summary: 'An API token was created',
      version: 1,
      key: 'tokenId',
      payload: z.object({
        tokenId,
        createdBy: z.string(),
        permissions,
        roles,
        expiresAt: instant.nullable(),
      }),
    }),
    'api_token.revoked': event({
      summary: 'An API token was revoked',
      version: 1,
      key: 'tokenId',
      payload: z.object({ tokenId, revokedBy: z.string() }),
    }),
  },
  permissions: {
    [ACROSS_TENANTS]: 'Manage API tokens of every tenant; no wildcard includes it',
  },
});
