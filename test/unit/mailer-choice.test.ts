import { expect } from 'chai';
import { MailUnavailable } from '../../src/application/shared/mailer.ts';
import { loadConfig } from '../../src/composition/config.ts';
import { mailerOf } from '../../src/composition/gift-cards-module.ts';
import { Resources } from '../../src/composition/resources.ts';
import { logBook } from '../support/log-lines.ts';

const MAIL = { to: 'mathilda@mailbox.example', subject: 'A card', text: 'Your code: …' };
const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://app:secret@db/shop',
  PEPPERS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
  ADMIN_TOKEN_SHA256: 'a'.repeat(64),
};

describe('Choice of a mailer without SMTP_URL', () => {
  it('fails each mail in production, so that no code counts as delivered', async () => {
    const { logger } = logBook();
    const mailer = mailerOf(loadConfig(PRODUCTION), logger, new Resources());
    const failure: unknown = await mailer.send(MAIL).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(MailUnavailable).with.property('message').that.includes('SMTP_URL');
  });

  it('notes mails in the log elsewhere', async () => {
    const { logger, lines } = logBook();
    await mailerOf(loadConfig({}), logger, new Resources()).send(MAIL);
    expect(await lines()).to.have.length(1);
  });
});
