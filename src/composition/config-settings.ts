import type { z } from 'zod';
import { HOUSE_ACCOUNTS } from '../domain/gift-cards/journal.ts';
import * as schemas from './config-schemas.ts';

/** One environment variable: the one place that knows it. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** The variable, `REQUEST_TIMEOUT_MS`. */
  readonly name: string;
  /** Reads the variable's text. */
  readonly schema: Schema;
  /** What holds where the variable is missing or empty, as text; without it the value is then undefined. */
  readonly default?: string;
  /** What it is for, in a line or two of Markdown. */
  readonly description: string;
  readonly requiredInProduction?: boolean;
  /** Its value is never repeated in a message. */
  readonly secret?: boolean;
}

const setting = <const S extends Setting>(definition: S): S => definition;

const days = (count: number): number => count * 24;

const server = {
  nodeEnv: setting({
    name: 'NODE_ENV',
    schema: schemas.oneOf(['development', 'production', 'test']),
    default: 'development',
    description: '`production` refuses to start where something that protects data or access is missing.',
  }),
  port: setting({
    name: 'PORT',
    schema: schemas.wholeNumber(0, 65_535),
    default: '3000',
    description: 'Port of the HTTP interface; 0 lets the system choose.',
  }),
  host: setting({
    name: 'HOST',
    schema: schemas.host,
    default: '127.0.0.1',
    description: 'Address to listen on; `0.0.0.0` for all of IPv4, `::` for all.',
  }),
  publicUrl: setting({
    name: 'PUBLIC_URL',
    schema: schemas.publicAddress,
    description:
      'Address under which clients reach the service: the server of the OpenAPI document, and what the links at `/` and the `type` of problem details begin with. If it has a path, the proxy in front has to take that off.',
  }),
  trustProxy: setting({
    name: 'TRUST_PROXY',
    schema: schemas.trustedProxies,
    description:
      'Proxies whose `X-Forwarded-For` is believed: how many stand in front, or their addresses, separated by commas (`10.0.0.0/8`, `loopback`, `linklocal`, `uniquelocal`). None if left out.',
  }),
  bodyLimitBytes: setting({
    name: 'BODY_LIMIT_BYTES',
    schema: schemas.wholeNumber(1_024, 104_857_600),
    default: '102400',
    description: 'Longest body of a request.',
  }),
  requestTimeoutMs: setting({
    name: 'REQUEST_TIMEOUT_MS',
    schema: schemas.wholeNumber(100, 600_000),
    default: '10000',
    description: 'Time within which a request is answered; for a stream, each of its items.',
  }),
  shutdownDelayMs: setting({
    name: 'SHUTDOWN_DELAY_MS',
    schema: schemas.wholeNumber(0, 60_000),
    default: '0',
    description:
      'Time for which a server that is told to stop still takes requests, while `/readyz` answers 503 already: as long as load balancers need to look away. `SHUTDOWN_TIMEOUT_MS` begins after it.',
  }),
  shutdownTimeoutMs: setting({
    name: 'SHUTDOWN_TIMEOUT_MS',
    schema: schemas.wholeNumber(0, 600_000),
    default: '10000',
    description: 'Time that requests and jobs have to finish when the server stops.',
  }),
};

const storage = {
  databaseUrl: setting({
    name: 'DATABASE_URL',
    schema: schemas.databaseAddress,
    description:
      'PostgreSQL database, with the application role. If left out, the server brings its own PostgreSQL in the data folder.',
    requiredInProduction: true,
    secret: true,
  }),
  databaseOwnerUrl: setting({
    name: 'DATABASE_OWNER_URL',
    schema: schemas.databaseAddress,
    description:
      "The same database with the role that owns it, for migrations and the log's next partitions. `DATABASE_URL` if left out: a server that has only the application role's address starts where nothing is to be migrated, and leaves both to `portolan migrate`.",
    secret: true,
  }),
  databasePoolMax: setting({
    name: 'DATABASE_POOL_MAX',
    schema: schemas.wholeNumber(16, 1_000),
    default: '30',
    description: 'Most connections to the database that one process opens, besides the one that it listens on.',
  }),
  dataFolder: setting({
    name: 'DATA_FOLDER',
    schema: schemas.folder,
    default: './data',
    description: 'Folder of the embedded database and of generated secrets.',
  }),
  redisUrl: setting({
    name: 'REDIS_URL',
    schema: schemas.unsupported('Redis'),
    description: 'Refused: there is no adapter for Redis.',
    secret: true,
  }),
  kafkaBrokers: setting({
    name: 'KAFKA_BROKERS',
    schema: schemas.unsupported('Kafka'),
    description: 'Refused: there is no adapter for Kafka.',
  }),
};

const access = {
  jwksUrl: setting({
    name: 'JWKS_URL',
    schema: schemas.address('https', 'http'),
    description: 'Where the public keys of the JWT issuer are (RS256, ES256); by https, unless it is this machine.',
  }),
  jwtIssuer: setting({ name: 'JWT_ISSUER', schema: schemas.line, description: 'The `iss` that JWTs must have.' }),
  jwtAudience: setting({ name: 'JWT_AUDIENCE', schema: schemas.line, description: 'The `aud` that JWTs must have.' }),
  adminTokenSha256: setting({
    name: 'ADMIN_TOKEN_SHA256',
    schema: schemas.sha256,
    description: 'SHA-256 of a token that may do everything, to create the first API tokens with.',
    secret: true,
  }),
  roles: setting({
    name: 'ROLES',
    schema: schemas.roles,
    default: '{}',
    description: 'Permissions of each role as JSON, `{"cashier": ["gift-cards:redeem"]}`. `admin` is built in.',
  }),
  anonymousPermissions: setting({
    name: 'ANONYMOUS_PERMISSIONS',
    schema: schemas.permissions,
    description:
      'What callers without credentials may do, separated by commas; none that ends in `:own`. Nothing if left out.',
  }),
  peppers: setting({
    name: 'PEPPERS',
    schema: schemas.peppers,
    description:
      'Secrets under which codes are looked up and other secrets kept: `id:base64` of at least 32 random bytes, separated by commas, the newest first; `1:$(openssl rand -base64 32)` makes one. Outside production one is generated into the file `peppers` of the data folder. No backup holds them: keep a copy beside it, for without them no code works.',
    requiredInProduction: true,
    secret: true,
  }),
  lostPeppers: setting({
    name: 'LOST_PEPPERS',
    // No secret, but one may have been put here instead of its id.
    schema: schemas.pepperIds,
    description:
      'Ids of peppers that are lost for good, separated by commas: the server, which refuses to start where cards name a pepper that `PEPPERS` lacks, starts without these. Codes made under them are dead until they are reissued.',
    secret: true,
  }),
  rateLimitPerMinute: setting({
    name: 'RATE_LIMIT_PER_MINUTE',
    schema: schemas.wholeNumber(0, 10_000_000),
    default: '600',
    description:
      'Calls of one operation by one caller in a minute, and five times as many of all operations together; 0: neither limit. Two operations have a limit of their own in place of the first, whatever is set: `gift-cards:check-balance` 60 a minute, `api-tokens:create` 30.',
  }),
  guessLimitPerMinute: setting({
    name: 'GUESS_LIMIT_PER_MINUTE',
    schema: schemas.wholeNumber(1, 1_000_000),
    default: '10',
    description: 'Refused gift card codes in a minute after which one client has to wait.',
  }),
  guessLimitTotalPerMinute: setting({
    name: 'GUESS_LIMIT_TOTAL_PER_MINUTE',
    schema: schemas.wholeNumber(1, 10_000_000),
    default: '600',
    description:
      'Refused gift card codes in a minute, all clients together, after which those who are not trusted wait.',
  }),
};

const giftCards = {
  receiptRetentionHours: setting({
    name: 'RECEIPT_RETENTION_HOURS',
    schema: schemas.wholeNumber(1, days(366)),
    default: '24',
    description: 'How long a command can be repeated with its idempotency key.',
  }),
  giftCardExpiryDays: setting({
    name: 'GIFT_CARD_EXPIRY_DAYS',
    schema: schemas.wholeNumber(0, 36_500),
    description: 'Life of a card whose issuer states none; 0: without end. A year, by the calendar, if left out.',
  }),
  giftCardExpiryAccount: setting({
    name: 'GIFT_CARD_EXPIRY_ACCOUNT',
    schema: schemas.oneOf(HOUSE_ACCOUNTS),
    default: 'breakage',
    description: `Account that takes what is left on expired cards: ${HOUSE_ACCOUNTS.map((name) => `\`${name}\``).join(', ')}.`,
  }),
  giftCardCodePrefix: setting({
    name: 'GIFT_CARD_CODE_PREFIX',
    schema: schemas.codePrefix,
    default: 'GIFT',
    description: 'What codes begin with: 1 to 12 of A-Z and 0-9.',
  }),
  giftCardCodeLengths: setting({
    name: 'GIFT_CARD_CODE_LENGTHS',
    schema: schemas.codeLengths,
    default: '16',
    description:
      'Symbols of a code, 12 to 31. The first is for new codes; those of older codes follow, separated by commas.',
  }),
  giftCardBatchCodesHours: setting({
    name: 'GIFT_CARD_BATCH_CODES_HOURS',
    schema: schemas.wholeNumber(1, days(366)),
    default: String(days(7)),
    description: 'How long the codes of a batch can be downloaded.',
  }),
  giftCardMailCodesHours: setting({
    name: 'GIFT_CARD_MAIL_CODES_HOURS',
    // A mail is tried again for some hours.
    schema: schemas.wholeNumber(24, days(366)),
    default: String(days(7)),
    description:
      'How long the code of a mail that cannot be delivered is kept, sealed, for another try. After that the card needs another code: `portolan gift-cards reissue-code`.',
  }),
  giftCardCancelMarkHours: setting({
    name: 'GIFT_CARD_CANCEL_MARK_HOURS',
    schema: schemas.wholeNumber(1, days(3_660)),
    default: String(days(30)),
    description: 'How long payments for a cancelled order are refused.',
  }),
};

const mail = {
  smtpUrl: setting({
    name: 'SMTP_URL',
    schema: schemas.address('smtps', 'smtp'),
    description:
      'Mail server, `smtps://user:password@host`. With `smtp://` it must offer STARTTLS, unless it is on this machine or `?requireTLS=false` is given. If left out, mails are only noted in the log; in production they fail, so that their codes are kept: jobs `gift-cards.deliver-code` that died of that are run again with `portolan jobs redrive`.',
    secret: true,
  }),
  mailFrom: setting({
    name: 'MAIL_FROM',
    schema: schemas.sender,
    description: 'Sender of mails, `Shop <shop@example.com>`.',
  }),
};

const observation = {
  logLevel: setting({
    name: 'LOG_LEVEL',
    schema: schemas.oneOf(['error', 'warn', 'info', 'debug']),
    default: 'info',
    description: 'Least important lines that are logged; `info` has one line for each request.',
  }),
  metricsPort: setting({
    name: 'METRICS_PORT',
    schema: schemas.wholeNumber(0, 65_535),
    description:
      'Port of its own for `/metrics`, which then asks nobody for credentials. If left out, `/metrics` is on the main port, for callers with the permission `metrics:read` and, unless `TRUST_PROXY` or `NODE_ENV=production` is set, for those on this machine.',
  }),
  otlpEndpoint: setting({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    schema: schemas.address('https', 'http'),
    description:
      'Where traces are sent to; needs the package `@opentelemetry/sdk-node`, which reads the other `OTEL_` variables. No tracing if left out.',
  }),
};

/** All settings, in the order and under the headings of the documentation. */
export const SETTING_GROUPS = {
  Server: server,
  'Database and storage': storage,
  Access: access,
  'Gift cards': giftCards,
  Mail: mail,
  Observation: observation,
} as const;

/** All settings by the names that they have in the program. */
export const SETTINGS = { ...server, ...storage, ...access, ...giftCards, ...mail, ...observation } as const;

type Settings = typeof SETTINGS;

/** The settings as the program uses them; one that has no default and isn't given is undefined. */
export type Config = {
  readonly [K in keyof Settings]:
    z.output<Settings[K]['schema']> | (Settings[K] extends { readonly default: string } ? never : undefined);
};
