import { createServer, type AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { SmtpMessage, SmtpMode } from './smtp-server.ts';

/** A mail server in a process of its own; the name of the recipient tells how it treats a mail. */

const REFUSALS: { readonly [name: string]: readonly [code: number, text: string] } = {
  unknown: [550, '5.1.1 <unknown@example.com> no such user'],
  full: [452, '4.2.2 the mailbox of full@example.com is full'],
  closing: [421, '4.3.2 going down'],
};

const tell = (message: SmtpMessage): void => void process.send?.(message);

const refusal = (code: number, text: string): Error => Object.assign(new Error(text), { responseCode: code });

const nameOf = (address: string): string => /^[a-z]+/.exec(address)?.[0] ?? '';

const greylisted = new Set<string>();

const handlers: SMTPServerOptions = {
  onConnect(_session, callback) {
    tell({ kind: 'connected' });
    callback();
  },
  onAuth({ username, password }, _session, callback) {
    if (username === 'shop' && password === 'right') callback(null, { user: 'shop' });
    else callback(refusal(535, '5.7.8 wrong password for shop'));
  },
  onRcptTo({ address }, _session, callback) {
    const name = nameOf(address);
    const [code, text] = REFUSALS[name] ?? [];
    if (name === 'slow') return;
    if (code !== undefined && text !== undefined) return callback(refusal(code, text));
    if (name === 'greylisted' && !greylisted.has(address)) {
      greylisted.add(address);
      return callback(refusal(451, '4.7.1 come back later'));
    }
    callback();
  },
  onData(stream, session, callback) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      const name = nameOf(recipients[0] ?? '');
      if (name === 'dropped') return process.exit(0);
      if (name === 'spam') return callback(refusal(554, '5.7.1 spam from shop@example.com'));
      const raw = Buffer.concat(chunks).toString('latin1');
      tell({ kind: 'received', mail: { recipients, raw, secure: session.secure } });
      callback();
    });
  },
};

const OPTIONS: { readonly [M in Exclude<SmtpMode, 'silent'>]: SMTPServerOptions } = {
  plain: { disabledCommands: ['STARTTLS', 'AUTH'] },
  starttls: { disabledCommands: ['AUTH'] },
  tls: { disabledCommands: ['AUTH'], secure: true },
  login: { disabledCommands: ['STARTTLS'], allowInsecureAuth: true, authOptional: false },
};

const mode = process.argv[2] as SmtpMode;
const server =
  mode === 'silent'
    ? createServer(() => tell({ kind: 'connected' })).listen(0, '127.0.0.1')
    : new SMTPServer({ logger: false, authOptional: true, ...OPTIONS[mode], ...handlers }).listen(0, '127.0.0.1');
server.once('listening', () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }));
process.on('message', () => tell({ kind: 'settled' }));
process.once('disconnect', () => process.exit(0));
