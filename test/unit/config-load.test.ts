import { expect } from 'chai';
import { ConfigurationError, loadConfig } from '../../src/composition/config.ts';
import { SETTINGS, type Setting } from '../../src/composition/config-settings.ts';
import { faultsOf } from '../support/config-faults.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64');

describe('Configuration', () => {
  it('has a default for all that a developer needs', () => {
    const config = loadConfig({});
    expect(config).to.deep.include({
      nodeEnv: 'development',
      port: 3000,
      host: '127.0.0.1',
      dataFolder: './data',
      logLevel: 'info',
      requestTimeoutMs: 10_000,
      shutdownDelayMs: 0,
      shutdownTimeoutMs: 10_000,
      receiptRetentionHours: 24,
      giftCardExpiryAccount: 'breakage',
      giftCardCodePrefix: 'GIFT',
      giftCardCodeLengths: [16],
      roles: {},
    });
    expect(config.databaseUrl).to.equal(undefined);
    expect(config.peppers).to.equal(undefined);
    expect(config.anonymousPermissions).to.equal(undefined);
  });

  it('takes an empty variable for a missing one', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: '' })).to.deep.equal(loadConfig({}));
  });

  it('reads each form of value', () => {
    const config = loadConfig({
      PORT: '8080',
      PUBLIC_URL: 'https://cards.example.com/api/',
      TRUST_PROXY: '10.0.0.0/8, ::1, loopback',
      ROLES: '{"cashier": ["gift-cards:redeem", "gift-cards:get-card:own"]}',
      ANONYMOUS_PERMISSIONS: 'gift-cards:check-balance, gift-cards:redeem',
      PEPPERS: `new:${SECRET},old:${SECRET}`,
      GIFT_CARD_CODE_LENGTHS: '20,16',
      GIFT_CARD_EXPIRY_DAYS: '0',
      MAIL_FROM: 'Shop <shop@example.com>',
    });
    expect(config.port).to.equal(8080);
    expect(config.publicUrl).to.equal('https://cards.example.com/api');
    expect(config.trustProxy).to.deep.equal(['10.0.0.0/8', '::1', 'loopback']);
    expect(config.roles).to.deep.equal({ cashier: ['gift-cards:redeem', 'gift-cards:get-card:own'] });
    expect(config.anonymousPermissions).to.deep.equal(['gift-cards:check-balance', 'gift-cards:redeem']);
    expect(config.peppers?.map(({ id, secret }) => [id, secret.length])).to.deep.equal([
      ['new', 32],
      ['old', 32],
    ]);
    expect(config.giftCardCodeLengths).to.deep.equal([20, 16]);
    expect(config.giftCardExpiryDays).to.equal(0);
  });

  it('uses the application role for migrations unless the owner has an address of its own', () => {
    const DATABASE_URL = 'postgres://app@localhost/shop';
    const DATABASE_OWNER_URL = 'postgres://owner@localhost/shop';
    expect(loadConfig({ DATABASE_URL }).databaseOwnerUrl).to.equal(DATABASE_URL);
    expect(loadConfig({ DATABASE_URL, DATABASE_OWNER_URL }).databaseOwnerUrl).to.equal(DATABASE_OWNER_URL);
  });

  it('reads an address of PostgreSQL that is a socket', () => {
    const DATABASE_URL = 'postgresql:///shop?host=/run/postgresql';
    expect(loadConfig({ DATABASE_URL }).databaseUrl).to.equal(DATABASE_URL);
  });

  it('cannot be changed afterwards, in depth', () => {
    const config = loadConfig({ ROLES: '{"cashier": ["gift-cards:redeem"]}' });
    expect(Object.isFrozen(config)).to.equal(true);
    expect(Object.isFrozen(config.roles)).to.equal(true);
    expect(Object.isFrozen(config.roles['cashier'])).to.equal(true);
    expect(() => Object.assign(config, { port: 1 })).to.throw(TypeError);
  });

  it('reports all faults at once, a line for each, with the value that is wrong', () => {
    const lines = faultsOf({ PORT: 'http', LOG_LEVEL: 'loud', REQUEST_TIMEOUT_MS: '1e3', GIFT_CARD_CODE_LENGTHS: '8' });
    expect(lines).to.deep.equal([
      'PORT="http" must be a whole number from 0 to 65535',
      'REQUEST_TIMEOUT_MS="1e3" must be a whole number from 100 to 600000',
      'GIFT_CARD_CODE_LENGTHS="8" must be different whole numbers from 12 to 31, separated by commas',
      'LOG_LEVEL="loud" must be one of error, warn, info, debug',
    ]);
    for (const line of lines) expect(line).to.not.match(/[\r\n]/);
  });

  it('makes one message of the faults', () => {
    expect(() => loadConfig({ PORT: 'a', HOST: 'b c' })).to.throw(ConfigurationError, /^PORT=.*\nHOST=.*$/);
  });

  const REFUSED: { readonly [name: string]: readonly string[] } = {
    PORT: ['-1', '65536', '0x50', ' 80', '80.0', '+80', '1e3', 'NaN'],
    HOST: ['a b', 'http://localhost', 'local/host'],
    PUBLIC_URL: [
      'cards.example.com',
      'ftp://cards.example.com',
      'https://a@cards.example.com',
      'https://:b@cards.example.com',
      'https://a.b/?x=1',
    ],
    TRUST_PROXY: ['true', '11', '10.0.0.0/33', '::1/129', '10.0.0', '10.0.0.0/8/8', 'everyone', '1,,'],
    BODY_LIMIT_BYTES: ['0', '1mb'],
    DATABASE_URL: ['mysql://localhost/shop', 'localhost', 'postgres://', 'postgres:'],
    JWKS_URL: ['keys.example.com', 'file:///etc/keys'],
    ADMIN_TOKEN_SHA256: ['abc', 'A'.repeat(64), 'g'.repeat(64)],
    ROLES: [
      'cashier',
      '[]',
      '{"cashier": "gift-cards:redeem"}',
      '{"Cashier": []}',
      '{"admin": []}',
      '{"a": ["redeem"]}',
    ],
    ANONYMOUS_PERMISSIONS: ['redeem', 'gift-cards:redeem;gift-cards:hold', 'gift-cards:', ','],
    LOST_PEPPERS: [SECRET, `1:${SECRET}`, '1,', '1;2'],
    GIFT_CARD_CODE_PREFIX: ['gift', 'A-B', 'ABCDEFGHIJKLM'],
    GIFT_CARD_CODE_LENGTHS: ['11', '32', '16,16', '16,x', '1e1', ','],
    GIFT_CARD_EXPIRY_ACCOUNT: ['card:1', 'Breakage'],
    MAIL_FROM: [
      'shop',
      'shop@example.com, b@example.com',
      'Shop <shop@example.com>\r\nBcc: x@example.com',
      'a <b> <c@d>',
    ],
    SMTP_URL: ['mail.example.com', 'http://mail.example.com'],
    OTEL_EXPORTER_OTLP_ENDPOINT: ['collector:4318'],
    NODE_ENV: ['prod', 'Production'],
  };

  for (const [name, values] of Object.entries(REFUSED)) {
    it(`refuses values that ${name} cannot have`, () => {
      for (const value of values) {
        const lines = faultsOf({ [name]: value }).filter((line) => line.startsWith(name));
        expect(lines, value).to.have.length(1);
      }
    });
  }

  it('refuses peppers that are short, nameless or named twice, and repeats no part of them', () => {
    const short = Buffer.alloc(31, 7).toString('base64');
    for (const value of [
      SECRET,
      `1:${short}`,
      `:${SECRET}`,
      `1:${SECRET},1:${SECRET}`,
      `${SECRET}:1`,
      '1:',
      `1:${SECRET},`,
    ]) {
      const lines = faultsOf({ PEPPERS: value });
      expect(lines, value).to.have.length(1);
      expect(lines[0]).to.match(/^PEPPERS must be /);
      expect(lines[0]).to.not.include(SECRET.slice(0, 8)).and.not.include(short.slice(0, 8));
    }
  });

  it('repeats no secret and no password in a fault', () => {
    const lines = faultsOf({
      DATABASE_URL: 'mysql://app:hunter2@localhost/shop',
      SMTP_URL: 'http://shop:hunter2@mail.example.com',
      REDIS_URL: 'redis://:hunter2@cache',
      ADMIN_TOKEN_SHA256: 'hunter2',
      PEPPERS: '1:hunter2',
      JWKS_URL: 'gopher://a:hunter2@keys.example.com',
    });
    expect(lines.length).to.be.at.least(6);
    expect(lines.join('\n')).to.not.include('hunter2');
  });

  it('marks every setting that may hold a password or key as secret', () => {
    const names = Object.values<Setting>(SETTINGS)
      .filter(({ secret }) => secret === true)
      .map(({ name }) => name);
    expect(names).to.include.members(['DATABASE_URL', 'DATABASE_OWNER_URL', 'PEPPERS', 'SMTP_URL', 'REDIS_URL']);
  });

  it('refuses Redis and Kafka as long as there is nothing that would use them', () => {
    expect(faultsOf({ REDIS_URL: 'redis://cache', KAFKA_BROKERS: 'kafka:9092' })).to.deep.equal([
      'REDIS_URL must not be set: this version has no adapter for Redis',
      'KAFKA_BROKERS="kafka:9092" must not be set: this version has no adapter for Kafka',
    ]);
  });

  it('refuses variables with its own prefix that it does not know', () => {
    expect(faultsOf({ PORTOLAN_PORT: '3000', PORTOLAN_COLOUR: 'red', OTHER_PORT: '1' })).to.deep.equal([
      'PORTOLAN_PORT is no setting; this one is called PORT',
      'PORTOLAN_COLOUR is no setting',
    ]);
  });

  it('bears with the variables that Kubernetes sets for a service called portolan', () => {
    const lines = faultsOf({
      PORTOLAN_SERVICE_HOST: '10.0.0.1',
      PORTOLAN_SERVICE_PORT: '3000',
      PORTOLAN_SERVICE_PORT_HTTP: '3000',
      PORTOLAN_PORT: 'tcp://10.0.0.1:3000',
      PORTOLAN_PORT_3000_TCP: 'tcp://10.0.0.1:3000',
      PORTOLAN_PORT_3000_TCP_PROTO: 'tcp',
      PORTOLAN_PORT_3000_TCP_PORT: '3000',
      PORTOLAN_PORT_3000_TCP_ADDR: '10.0.0.1',
      PORTOLAN_CARDS_SERVICE_HOST: '10.0.0.2',
    });
    expect(lines).to.deep.equal([]);
  });

  it('refuses permissions of callers without credentials that ask whose a row is', () => {
    expect(faultsOf({ ANONYMOUS_PERMISSIONS: 'gift-cards:redeem,gift-cards:list-cards:own' })).to.deep.equal([
      'ANONYMOUS_PERMISSIONS must not end in :own: nobody owns anything without credentials',
    ]);
  });

  it('wants settings that belong together to be given together', () => {
    expect(faultsOf({ DATABASE_OWNER_URL: 'postgres://o@h/d' })).to.deep.equal([
      'DATABASE_URL is required with DATABASE_OWNER_URL',
    ]);
    expect(faultsOf({ JWKS_URL: 'https://keys.example.com' })).to.deep.equal([
      'JWT_ISSUER is required with JWKS_URL',
      'JWT_AUDIENCE is required with JWKS_URL',
    ]);
    expect(faultsOf({ SMTP_URL: 'smtp://mail.example.com' })).to.deep.equal(['MAIL_FROM is required with SMTP_URL']);
    expect(faultsOf({ METRICS_PORT: '3000' })).to.deep.equal(['METRICS_PORT="3000" must not be the same as PORT']);
    expect(faultsOf({ METRICS_PORT: '0', PORT: '0' })).to.deep.equal([]);
  });

  it('says nothing about how settings go together where one of them has a fault of its own', () => {
    const lines = faultsOf({ DATABASE_URL: 'nowhere', DATABASE_OWNER_URL: 'postgres://o@h/d' });
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^DATABASE_URL must be an address/);
  });
});
