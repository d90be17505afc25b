import { expect } from 'chai';
import { InvalidMail } from '../../src/application/shared/mailer.ts';
import { generateCode } from '../../src/domain/gift-cards/code.ts';
import { logBook } from '../support/log-lines.ts';

const TAINT = 'tainted-value-7391';

async function logged(fields: { readonly [name: string]: unknown }): Promise<string> {
  const { logger, text } = logBook();
  logger.info('something happened', fields);
  logger.child(fields).error('again');
  return text();
}

const databaseError = (code: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { severity: 'ERROR', code, ...more });

describe('Redaction of the log', () => {
  const names = [
    'authorization',
    'Authorization',
    'proxy-authorization',
    'token',
    'accessToken',
    'access_token',
    'refresh-tokens',
    'code',
    'giftCardCode',
    'gift_card_code',
    'codes',
    'password',
    'passwordHash',
    'secret',
    'clientSecret',
    'SECRET_KEY',
    'email',
    'recipientEmail',
    'e-mail',
    'emailAddress',
    'cookie',
    'set-cookie',
    'peppers',
    'apiKey',
    'x-api-key',
    'idempotencyKey',
    'Idempotency-Key',
    'credentials',
  ];

  for (const name of names) {
    it(`masks what is called ${name}, at every depth and of every type`, async () => {
      const text = await logged({
        [name]: TAINT,
        deep: { list: [{ [name]: TAINT }, { [name]: { nested: TAINT } }, { [name]: [TAINT] }] },
      });
      expect(text).to.not.include(TAINT);
      expect(text).to.include('[redacted]');
    });
  }

  it('leaves harmless names alone', async () => {
    const { logger, lines } = logBook();
    const fields = {
      statusCode: 404,
      exitCode: 1,
      errorCode: 'x',
      replyCode: 550,
      tokenId: 'a',
      codec: 'b',
      lastFour: 'ABCD',
    };
    logger.info('x', fields);
    expect((await lines())[0]).to.include(fields);
  });

  it('masks tokens and passwords by their form, in texts and messages', async () => {
    const apiToken = `ptl_${'a'.repeat(24)}_${'B'.repeat(43)}1234567`;
    const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl';
    const { logger, text } = logBook();
    logger.info(`got ${apiToken}`, {
      header: `Bearer ${jwt}`,
      note: `jwt=${jwt}`,
      url: 'postgres://app:hunter2@db/shop',
    });
    const written = await text();
    for (const secret of [apiToken, 'B'.repeat(43), jwt, 'hunter2']) expect(written).to.not.include(secret);
    expect(written).to.include('postgres://app:[redacted]@db/shop');
  });

  it('shows a gift card code masked even where its field has a harmless name', async () => {
    const code = generateCode((count) => new Uint8Array(count).map((_, index) => index * 7));
    const text = await logged({ card: code, list: [code] });
    expect(text).to.not.include(code.reveal()).and.not.include(code.body.slice(0, 8));
    expect(text).to.include('****');
  });

  it('describes errors by name, code and stack, without a message that quotes input', async () => {
    const thrown: Error[] = [];
    for (const fail of [() => JSON.parse(`{"a": ${TAINT}`), () => BigInt(TAINT), () => new URL(TAINT)]) {
      try {
        fail();
      } catch (error) {
        thrown.push(error as Error);
      }
    }
    expect(thrown).to.have.length(3);
    const { logger, text, lines } = logBook();
    for (const error of thrown) logger.error('failed', { error });
    expect(await text()).to.not.include(TAINT);
    for (const { error } of await lines()) {
      expect(error).to.have.property('name').that.is.oneOf(['SyntaxError', 'TypeError']);
      expect(error)
        .to.have.property('stack')
        .that.matches(/^ {4}at /);
    }
  });

  it('is not fooled by a message that looks like a stack', async () => {
    const error = new Error(`first\n    at ${TAINT} (file.ts:1:1)\n    at ${TAINT}:2:2`);
    const later = new Error('x');
    later.message = `changed\n${TAINT}`;
    later.stack = `Error: changed\n${TAINT}\n    at run (file.ts:1:1)`;
    expect(await logged({ error, later })).to.not.include(TAINT);
  });

  it('leaves out causes, aggregated errors and own fields that quote input', async () => {
    const cause = Object.assign(new Error(TAINT, { cause: new Error(TAINT) }), {
      input: TAINT,
      issues: [{ input: TAINT }],
    });
    const error = new AggregateError([cause, new Error(TAINT, { cause })], TAINT, { cause });
    const text = await logged({ error, list: [error] });
    expect(text).to.not.include(TAINT);
    expect(text).to.include('"cause"').and.include('"errors"');
  });

  it('keeps the message of an error of the business, and of a failed system call', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    const text = await logged({ error: new InvalidMail('The recipient is odd.'), other: refused });
    expect(text).to.include('The recipient is odd.').and.include('"code":"mail.invalid"');
    expect(text).to.include('connect ECONNREFUSED 127.0.0.1:5432');
  });

  it('keeps of a database error what names parts of the database, never a value', async () => {
    const more = {
      table: 'cards',
      constraint: 'cards_pkey',
      detail: `Key (code)=(${TAINT}) already exists.`,
      where: TAINT,
    };
    const duplicate = await logged({ error: databaseError('23505', 'duplicate key value', more) });
    expect(duplicate).to.include('duplicate key value').and.include('cards_pkey').and.include('23505');
    expect(duplicate).to.not.include(TAINT);
    const invalid = await logged({ error: databaseError('22P02', `invalid input syntax for type uuid: "${TAINT}"`) });
    expect(invalid).to.include('22P02').and.not.include(TAINT);
  });

  it('shows a developer at a terminal the messages of all errors, and masks names there too', async () => {
    const { logger, text } = logBook({ format: 'text' });
    logger.error('failed', { error: new Error('undefined is not a function'), password: TAINT });
    const written = await text();
    expect(written).to.include('undefined is not a function').and.not.include(TAINT);
  });
});
