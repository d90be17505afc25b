import type { DeliveredMail } from '../../src/contracts/mail/mailer-contract.ts';

/** Reads as much of MIME as nodemailer writes for text and HTML. */
export function parseMail({ recipients, raw }: { recipients: readonly string[]; raw: string }): DeliveredMail {
  const { headers, parts } = parsePart(raw);
  return {
    recipients,
    subject: decodeWords(headers.get('subject') ?? ''),
    messageId: headers.get('message-id') ?? '',
    text: parts.get('text/plain') ?? '',
    html: parts.get('text/html'),
  };
}

interface Part {
  readonly headers: ReadonlyMap<string, string>;
  /** Text by type, of this part and those within. */
  readonly parts: ReadonlyMap<string, string>;
}

function parsePart(raw: string): Part {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  const body = raw.slice(end + 4);
  const type = headers.get('content-type') ?? 'text/plain';
  const boundary = /boundary="([^"]+)"/.exec(type)?.[1];
  if (boundary !== undefined) {
    const inner = body
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part) => parsePart(part.replace(/^\r\n/, '')));
    return { headers, parts: new Map(inner.flatMap(({ parts }) => [...parts])) };
  }
  const bytes = decodeBody(body, headers.get('content-transfer-encoding') ?? '7bit');
  return { headers, parts: new Map([[type.split(';')[0] ?? '', bytes.toString('utf8').replaceAll('\r\n', '\n')]]) };
}

function decodeBody(body: string, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body, 'base64');
  if (encoding === 'quoted-printable') return decodeQuoted(body.replace(/[ \t]*=\r\n/g, (end) => end.slice(0, -3)));
  return Buffer.from(body, 'latin1');
}

const decodeQuoted = (text: string): Buffer =>
  Buffer.from(
    text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );

/** Encoded words of RFC 2047. */
function decodeWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?UTF-8\?([BQ])\?([^?]*)\?=/gi, (_, kind: string, word: string) => {
      const bytes = kind.toUpperCase() === 'B' ? Buffer.from(word, 'base64') : decodeQuoted(word.replaceAll('_', ' '));
      return bytes.toString('utf8');
    });
}
