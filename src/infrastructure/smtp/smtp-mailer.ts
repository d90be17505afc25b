import { hash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { type Mail, type Mailer, MailUnavailable, type SendMailOptions } from '../../application/shared/mailer.ts';
import { requireSendable } from '../../application/shared/sendable-mail.ts';
import { isLoopback } from '../system/loopback.ts';
import { mailFailure } from './smtp-failure.ts';

export interface SmtpMailerOptions {
  /**
   * `smtps://user:password@host:465`, or `smtp://…` with STARTTLS, which is then required unless the server is on this
   * machine. nodemailer's options can follow as a query: `?requireTLS=false`, `?tls.rejectUnauthorized=false`.
   */
  readonly url: string;
  /** Sender, `Shop <shop@example.com>`. */
  readonly from: string;
  /** Time for one mail, waiting for a connection included; 30,000 if left out. */
  readonly timeoutMs?: number;
  /** Most connections at the same time; 4 if left out. */
  readonly maxConnections?: number;
}

export interface SmtpMailer extends Mailer {
  /** Takes no more mails, waits for those under way and closes the connections. Can be called again. */
  close(): Promise<void>;
}

/** Sends mails over SMTP, on connections that are kept for the next one. */
export function createSmtpMailer(options: SmtpMailerOptions): SmtpMailer {
  const { url, from, timeoutMs = 30_000, maxConnections = 4 } = options;
  const sender = addressOf(from);
  const transport = createTransport({
    url,
    pool: true,
    maxConnections,
    // Password and codes must not travel in the clear; to this machine nothing travels.
    requireTLS: !isLoopback(new URL(url).hostname),
    dnsTimeout: timeoutMs,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // A mail is text, never something that has to be fetched for it.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const underWay = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;

  const send = async (
    { to, subject, text, html }: Mail,
    { signal, idempotencyKey }: SendMailOptions,
  ): Promise<void> => {
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      await transport.sendMail({
        from,
        to: { name: '', address: to },
        envelope: { from: sender, to: [to] },
        subject,
        text,
        ...(html === undefined ? {} : { html }),
        ...(idempotencyKey === undefined ? {} : { messageId: messageId(idempotencyKey, sender) }),
        // Keeps holiday notices and the like from answering.
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
    } catch (error) {
      throw mailFailure(error);
    }
  };

  return {
    async send(mail, sendOptions = {}) {
      requireSendable(mail);
      if (closed !== undefined) throw new MailUnavailable('The mailer is closed.');
      const sending = send(mail, sendOptions);
      underWay.add(sending);
      try {
        await sending;
      } finally {
        underWay.delete(sending);
      }
    },
    close() {
      closed ??= Promise.allSettled(underWay).then(() => transport.close());
      return closed;
    },
  };
}

function addressOf(from: string): string {
  return /<([^<>]+)>$/.exec(from)?.[1] ?? from;
}

/** The same for each try, so that a receiver who got a mail twice can drop one; tells nothing of the key. */
function messageId(idempotencyKey: string, sender: string): string {
  return `<${hash('sha256', idempotencyKey).slice(0, 32)}${sender.slice(sender.lastIndexOf('@'))}>`;
}
