import type { Logger } from '../../application/shared/logger.ts';
import type { Mailer } from '../../application/shared/mailer.ts';
import { MailUnavailable } from '../../application/shared/mailer.ts';
import { requireSendable } from '../../application/shared/sendable-mail.ts';

/**
 * Sends nothing: it notes that a mail would have gone out. No part of address, subject or text gets into the log, all
 * of which may hold a code or belong to a person.
 */
export function createLogMailer(logger: Logger): Mailer {
  return {
    async send(mail, { signal } = {}) {
      requireSendable(mail);
      if (signal?.aborted === true) throw new MailUnavailable('The mail was not taken over: ABORTED.');
      logger.info('a mail would have been sent; set SMTP_URL to send mails', {
        recipient: '***',
        textLength: mail.text.length,
      });
    },
  };
}
