import { DomainError } from '../../domain/shared/domain-error.ts';

/** One e-mail. It may hold personal data and secrets: adapters neither log nor keep more of it than they must. */
export interface Mail {
  /** One address, without a name. */
  readonly to: string;
  readonly subject: string;
  /** The whole message as plain text. */
  readonly text: string;
  /** The same message for programs that show HTML. */
  readonly html?: string;
}

export interface SendMailOptions {
  /** Ends waiting with `MailUnavailable`; the mail may have been taken over all the same. */
  readonly signal?: AbortSignal | undefined;
  /** The same for each try of one mail, so that receivers can tell a repetition from a second mail. */
  readonly idempotencyKey?: string;
}

/** Sends e-mail. */
export interface Mailer {
  /**
   * Resolves once the mail was taken over for delivery. Throws `InvalidMail` or `MailRefused` where no repetition can
   * succeed, and `MailUnavailable` where one may.
   */
  send(mail: Mail, options?: SendMailOptions): Promise<void>;
}

/** The address is not exactly one address, or address or subject holds control characters. */
export class InvalidMail extends DomainError {
  static readonly code = 'mail.invalid';
  static readonly kind = 'invalid';
}

/** The mail server refuses this mail for good; `details.replyCode` and `details.statusCode` are its own. */
export class MailRefused extends DomainError {
  static readonly code = 'mail.refused';
  static readonly kind = 'rule_violated';
}

/** The mail server can't be reached, asks to be tried again later, or doesn't accept this service. */
export class MailUnavailable extends DomainError {
  static readonly code = 'mail.unavailable';
  static readonly kind = 'unavailable';
}
