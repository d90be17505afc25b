import { InvalidMail, type Mail } from './mailer.ts';

/** One mailbox: no name, no list, no quoting, nothing that a header or an SMTP command could take for its end. */
const ADDRESS = /^[^\s\p{Cc}@<>()[\]\\,;:"]{1,64}@[^\s\p{Cc}@<>()[\]\\,;:"]{1,189}$/u;
const LINE_BREAKING = /[\p{Cc}\u2028\u2029]/u;

/** What every adapter checks first. Throws `InvalidMail`, which repeats neither address nor subject. */
export function requireSendable({ to, subject }: Mail): void {
  if (!ADDRESS.test(to)) throw new InvalidMail('The recipient must be exactly one e-mail address without a name.');
  if (LINE_BREAKING.test(subject)) throw new InvalidMail('The subject must be one line without control characters.');
}
