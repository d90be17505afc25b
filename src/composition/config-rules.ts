import { isTrustworthy } from '../infrastructure/jwt/key-address.ts';
import type { Config } from './config-settings.ts';

type Values = Partial<Config>;

/** How settings have to stand to each other. */
interface Rule {
  /** The settings that it looks at. */
  readonly of: readonly (keyof Config)[];
  /** Says in one line what is wrong, if anything is. */
  readonly fault: (values: Values) => string | undefined;
}

/** One line for each rule that is broken; a rule about a setting that has a fault of its own says nothing. */
export function brokenRules(values: Values, faulty: ReadonlySet<string>): readonly string[] {
  return RULES.filter(({ of }) => !of.some((key) => faulty.has(key))).flatMap(({ fault }) => fault(values) ?? []);
}

const RULES: readonly Rule[] = [
  needs('databaseOwnerUrl', 'databaseUrl', 'DATABASE_URL is required with DATABASE_OWNER_URL'),
  needs('jwksUrl', 'jwtIssuer', 'JWT_ISSUER is required with JWKS_URL'),
  // Without it a token that the same issuer made for another service would be good here.
  needs('jwksUrl', 'jwtAudience', 'JWT_AUDIENCE is required with JWKS_URL'),
  needs('smtpUrl', 'mailFrom', 'MAIL_FROM is required with SMTP_URL'),
  {
    of: ['port', 'metricsPort'],
    fault: ({ port, metricsPort }) =>
      metricsPort !== undefined && metricsPort !== 0 && metricsPort === port
        ? `METRICS_PORT="${metricsPort}" must not be the same as PORT`
        : undefined,
  },
  inProduction({
    of: ['jwksUrl', 'adminTokenSha256'],
    fault: ({ jwksUrl, adminTokenSha256 }) =>
      jwksUrl === undefined && adminTokenSha256 === undefined
        ? 'JWKS_URL or ADMIN_TOKEN_SHA256 is required with NODE_ENV=production: without them nobody can call'
        : undefined,
  }),
  {
    of: ['jwksUrl'],
    fault: ({ jwksUrl }) =>
      jwksUrl !== undefined && !isTrustworthy(new URL(jwksUrl))
        ? 'JWKS_URL must begin with https://, unless it is on this machine'
        : undefined,
  },
  {
    of: ['anonymousPermissions'],
    // They all look alike: the rows of one would be those of everybody, or of a buyer who was called `anonymous`.
    fault: ({ anonymousPermissions }) =>
      anonymousPermissions?.some((permission) => permission.endsWith(':own')) === true
        ? 'ANONYMOUS_PERMISSIONS must not end in :own: nobody owns anything without credentials'
        : undefined,
  },
  inProduction({
    of: ['anonymousPermissions'],
    fault: ({ anonymousPermissions }) =>
      anonymousPermissions?.includes('*') === true
        ? 'ANONYMOUS_PERMISSIONS must not be * with NODE_ENV=production'
        : undefined,
  }),
];

function needs(one: keyof Config, other: keyof Config, line: string): Rule {
  return {
    of: [one, other],
    fault: (values) => (values[one] !== undefined && values[other] === undefined ? line : undefined),
  };
}

function inProduction({ of, fault }: Rule): Rule {
  return { of: [...of, 'nodeEnv'], fault: (values) => (values.nodeEnv === 'production' ? fault(values) : undefined) };
}
