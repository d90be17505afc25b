import { InvalidMail, MailRefused, MailUnavailable } from '../../application/shared/mailer.ts';
import type { DomainError, ErrorDetails } from '../../domain/shared/domain-error.ts';

/** What nodemailer tells of a failure. Its message and the server's reply quote addresses and are left behind. */
interface SmtpFault {
  readonly code: string;
  readonly command: string | undefined;
  readonly replyCode: number | undefined;
  /** The extended status of RFC 3463, `5.1.1`. */
  readonly statusCode: string | undefined;
}

/** Codes of nodemailer for an answer to this mail, as opposed to one to the connection or the log-in. */
const ABOUT_THE_MAIL: ReadonlySet<string> = new Set(['EENVELOPE', 'EMESSAGE']);

/** Permanent replies that say something about this service, not about the mail: log in, begin anew. */
const ABOUT_THE_SESSION: ReadonlySet<number> = new Set([503, 530, 534, 535, 538]);

/** Says whether a mail that was not sent can be sent later. */
export function mailFailure(error: unknown): DomainError {
  const fault = faultOf(error);
  const { code, command, replyCode, statusCode } = fault;
  const details: ErrorDetails = {
    fault: code,
    ...(command === undefined ? {} : { command }),
    ...(replyCode === undefined ? {} : { replyCode }),
    ...(statusCode === undefined ? {} : { statusCode }),
  };
  if (replyCode === undefined) {
    if (code === 'EENVELOPE') return new InvalidMail('The address cannot be written to.', details);
    return new MailUnavailable(`The mail was not taken over: ${code}.`, details);
  }
  const answer = [replyCode, statusCode, 'to', command ?? 'the connection']
    .filter((part) => part !== undefined)
    .join(' ');
  const permanent = replyCode >= 500 && !ABOUT_THE_SESSION.has(replyCode) && ABOUT_THE_MAIL.has(code);
  return permanent
    ? new MailRefused(`The mail server refused the mail: ${answer}.`, details)
    : new MailUnavailable(`The mail server did not take the mail: ${answer}.`, details);
}

function faultOf(error: unknown): SmtpFault {
  const read = (name: string): unknown => (error instanceof Error ? Reflect.get(error, name) : undefined);
  const [code, command, replyCode, response] = ['code', 'command', 'responseCode', 'response'].map(read);
  return {
    code: typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : 'UNKNOWN',
    command: typeof command === 'string' ? /^[A-Z]+(?: [A-Z]+)?/.exec(command)?.[0] : undefined,
    replyCode: typeof replyCode === 'number' ? replyCode : undefined,
    statusCode: typeof response === 'string' ? /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] : undefined,
  };
}
