import type { Money } from '../../domain/shared/money.ts';
import type { Mail } from '../shared/mailer.ts';

/** What the e-mail with a code tells. */
export interface CodeMail {
  readonly to: string;
  readonly code: string;
  readonly amount: Money;
  readonly message: string | null;
  readonly expiresAt: Date | null;
}

/** The e-mail that brings a gift card to its recipient, as plain text and as HTML. */
export function codeMail({ to, code, amount, message, expiresAt }: CodeMail): Mail {
  const greeting = `You have received a gift card worth ${amount.toString()}.`;
  const expiry = expiresAt === null ? 'It does not expire.' : `It can be used until ${minuteOf(expiresAt)} (UTC).`;
  const advice = 'Keep the code to yourself: whoever has it can spend the card.';
  const text = [greeting, ...(message === null ? [] : [message]), `Your code: ${code}`, expiry, advice].join('\n\n');
  const quote = message === null ? '' : `<blockquote style="white-space: pre-line">${escapeHtml(message)}</blockquote>`;
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Your gift card</title></head>
<body>
<p>${escapeHtml(greeting)}</p>
${quote}
<p>Your code: <strong>${escapeHtml(code)}</strong></p>
<p>${escapeHtml(expiry)}</p>
<p>${advice}</p>
</body>
</html>
`;
  return { to, subject: 'Your gift card', text: `${text}\n`, html };
}

const minuteOf = (date: Date): string => date.toISOString().slice(0, 16).replace('T', ' ');

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
