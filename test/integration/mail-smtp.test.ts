import { expect } from 'chai';
import { MailRefused, MailUnavailable, type Mailer } from '../../src/application/shared/mailer.ts';
import { ERROR_TABLE } from '../../src/application/shared/error-table.ts';
import type { DomainError } from '../../src/domain/shared/domain-error.ts';
import { createSmtpMailer, type SmtpMailer } from '../../src/infrastructure/smtp/smtp-mailer.ts';
import { startSmtpServer, type SmtpMode, type TestSmtpServer } from '../support/smtp-server.ts';

const CODE = 'GIFT-ABCD-EFGH-JKMN-PQRS';

async function failureOf(mailer: Mailer, to: string): Promise<DomainError> {
  try {
    await mailer.send({ to, subject: 'A card', text: CODE });
  } catch (error) {
    return error as DomainError;
  }
  throw new Error(`The mail to ${to} was taken over.`);
}

const seen = (error: Error): string => `${error.message} ${error.stack} ${JSON.stringify(error)}`;

describe('SMTP mailer', () => {
  const open: { close(): Promise<void> }[] = [];

  async function start(mode: SmtpMode = 'plain', options: { query?: string; user?: string; timeoutMs?: number } = {}) {
    const server: TestSmtpServer = await startSmtpServer(mode);
    const { query = '', user = '', timeoutMs = 5_000 } = options;
    const scheme = mode === 'tls' ? 'smtps' : 'smtp';
    const url = `${scheme}://${user}127.0.0.1:${server.port}${query}`;
    const mailer: SmtpMailer = createSmtpMailer({ url, from: 'Shop <shop@example.com>', timeoutMs, maxConnections: 2 });
    open.push(mailer, server);
    return { server, mailer };
  }

  afterEach(async () => {
    for (const { close } of open.splice(0)) await close();
  });

  it('says that a mail will never be taken when the server does not know the recipient', async () => {
    const { mailer } = await start();
    const error = await failureOf(mailer, 'unknown-1@example.com');
    expect(error).to.be.instanceOf(MailRefused);
    expect(error.details).to.include({ replyCode: 550, statusCode: '5.1.1', command: 'RCPT TO' });
    expect(ERROR_TABLE[error.kind].retry).to.equal(false);
  });

  it('says that a mail will never be taken when the server refuses its text', async () => {
    const { mailer } = await start();
    const error = await failureOf(mailer, 'spam-1@example.com');
    expect(error).to.be.instanceOf(MailRefused);
    expect(error.details).to.include({ replyCode: 554, statusCode: '5.7.1' });
  });

  it('says that a mail can be tried again when the server asks for it, and gets it through then', async () => {
    const { mailer, server } = await start();
    const to = 'greylisted-1@example.com';
    const error = await failureOf(mailer, to);
    expect(error).to.be.instanceOf(MailUnavailable);
    expect(error.details).to.include({ replyCode: 451, statusCode: '4.7.1' });
    expect(ERROR_TABLE[error.kind].retry).to.equal(true);
    await mailer.send({ to, subject: 'A card', text: CODE });
    expect(await server.deliveredTo(to)).to.have.length(1);
  });

  for (const [name, replyCode] of [
    ['full', 452],
    ['closing', 421],
  ] as const) {
    it(`says that a mail can be tried again after the reply ${replyCode}`, async () => {
      const { mailer } = await start();
      const error = await failureOf(mailer, `${name}-1@example.com`);
      expect(error).to.be.instanceOf(MailUnavailable);
      expect(error.details).to.include({ replyCode });
    });
  }

  it('says that a mail can be tried again when the connection breaks before the server has answered', async () => {
    const { mailer } = await start();
    expect(await failureOf(mailer, 'dropped-1@example.com')).to.be.instanceOf(MailUnavailable);
  });

  it('says that a mail can be tried again when nobody listens', async () => {
    const { mailer, server } = await start();
    await server.close();
    expect(await failureOf(mailer, 'someone@example.com')).to.be.instanceOf(MailUnavailable);
  });

  it('gives up on a server that does not answer a command', async () => {
    const { mailer } = await start('plain', { timeoutMs: 300 });
    const startedAt = performance.now();
    expect(await failureOf(mailer, 'slow-1@example.com')).to.be.instanceOf(MailUnavailable);
    expect(performance.now() - startedAt).to.be.within(250, 3_000);
  });

  it('gives up on a server that never greets, for mails that wait for a connection too', async () => {
    const { mailer } = await start('silent', { timeoutMs: 300 });
    const startedAt = performance.now();
    const mails = Array.from({ length: 20 }, (_, n) => failureOf(mailer, `someone-${n}@example.com`));
    const failures = await Promise.all(mails);
    for (const error of failures) expect(error).to.be.instanceOf(MailUnavailable);
    expect(performance.now() - startedAt).to.be.within(250, 2_000);
  });

  it('stops waiting when its caller gives up', async () => {
    const { mailer } = await start();
    const caller = new AbortController();
    setTimeout(() => caller.abort(), 100);
    const startedAt = performance.now();
    const sending = mailer.send({ to: 'slow-1@example.com', subject: 'A card', text: CODE }, { signal: caller.signal });
    const error = await sending.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(MailUnavailable);
    expect(performance.now() - startedAt).to.be.below(3_000);
  });

  it('goes on with other mails after each kind of failure', async () => {
    const { mailer, server } = await start();
    for (const name of ['unknown', 'spam', 'full', 'closing']) await failureOf(mailer, `${name}-1@example.com`);
    await mailer.send({ to: 'someone@example.com', subject: 'A card', text: CODE });
    expect(await server.deliveredTo('someone@example.com')).to.have.length(1);
  });

  it('tells neither address nor text of a mail in any error', async () => {
    const { mailer } = await start();
    for (const name of ['unknown', 'spam', 'full', 'closing', 'greylisted', 'dropped']) {
      const text = seen(await failureOf(mailer, `${name}-1@example.com`));
      expect(text, name).to.not.include('example.com');
      expect(text, name).to.not.include('ABCD');
    }
  });

  it('keeps its connections for the next mails', async () => {
    const { mailer, server } = await start();
    for (let n = 0; n < 20; n += 1) await mailer.send({ to: `a${n}@example.com`, subject: 'A card', text: CODE });
    expect(await server.received()).to.have.length(20);
    expect(await server.connections()).to.be.at.most(2);
  });

  it('finishes what is under way when it is closed, and takes nothing more', async () => {
    const { mailer, server } = await start();
    const sending = Promise.all(
      [1, 2, 3].map((n) => mailer.send({ to: `a${n}@example.com`, subject: 'x', text: CODE })),
    );
    const closing = mailer.close();
    expect(await failureOf(mailer, 'someone@example.com')).to.be.instanceOf(MailUnavailable);
    await Promise.all([sending, closing]);
    expect(await server.received()).to.have.length(3);
  });

  it('uses TLS where the server offers it', async () => {
    for (const mode of ['starttls', 'tls'] as const) {
      const { mailer, server } = await start(mode, { query: '?tls.rejectUnauthorized=false' });
      await mailer.send({ to: 'someone@example.com', subject: 'A card', text: CODE });
      const [mail] = await server.received();
      expect(mail?.secure, mode).to.equal(true);
    }
  });

  it('sends nothing to a server whose certificate nobody vouches for', async () => {
    const { mailer } = await start('tls');
    const error = await failureOf(mailer, 'someone@example.com');
    expect(error).to.be.instanceOf(MailUnavailable);
    // It ended while connecting: nothing of the mail had been sent.
    expect(error.details).to.include({ command: 'CONN' });
  });

  it('sends nothing in the clear where TLS is required', async () => {
    const { mailer, server } = await start('plain', { query: '?requireTLS=true' });
    expect(await failureOf(mailer, 'someone@example.com')).to.be.instanceOf(MailUnavailable);
    expect(await server.received()).to.deep.equal([]);
  });

  it('requires TLS of every server that is not on this machine', async () => {
    const server = await startSmtpServer();
    // The same server by a name that does not look like this machine.
    const url = `smtp://0.0.0.0:${server.port}`;
    const mailer = createSmtpMailer({ url, from: 'shop@example.com', timeoutMs: 5_000 });
    open.push(mailer, server);
    const error = await failureOf(mailer, 'someone@example.com');
    expect(error).to.be.instanceOf(MailUnavailable);
    expect(await server.received()).to.deep.equal([]);
    expect(error.details).to.include({ fault: 'ETLS' });
  });

  it('logs in, and takes a wrong password for a fault of the service, not of the mail', async () => {
    const right = await start('login', { user: 'shop:right@' });
    await right.mailer.send({ to: 'someone@example.com', subject: 'A card', text: CODE });
    expect(await right.server.received()).to.have.length(1);
    const wrong = await start('login', { user: 'shop:wrong@' });
    const error = await failureOf(wrong.mailer, 'someone@example.com');
    expect(error).to.be.instanceOf(MailUnavailable);
    expect(error.details).to.include({ replyCode: 535 });
    expect(seen(error)).to.not.include('wrong@').and.not.include(Buffer.from('wrong').toString('base64'));
    const none = await start('login');
    expect(await failureOf(none.mailer, 'someone@example.com')).to.be.instanceOf(MailUnavailable);
  });

  it('marks its mails as written by a program, from the configured sender', async () => {
    const { mailer, server } = await start();
    await mailer.send({ to: 'someone@example.com', subject: 'A card', text: CODE });
    const [mail] = await server.received();
    expect(mail?.raw).to.include('Auto-Submitted: auto-generated').and.include('From: Shop <shop@example.com>');
  });
});
