import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DeliveredMail } from '../../src/contracts/mail/mailer-contract.ts';
import { parseMail } from './mime.ts';

/** `silent` takes connections and never says a word; `login` wants user `shop` with password `right`. */
export type SmtpMode = 'plain' | 'starttls' | 'tls' | 'login' | 'silent';

export interface ReceivedMail {
  readonly recipients: readonly string[];
  /** As it was sent, a character for each byte. */
  readonly raw: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
}

export type SmtpMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'connected' }
  | { readonly kind: 'received'; readonly mail: ReceivedMail }
  | { readonly kind: 'settled' };

/** A mail server in a process of its own. */
export interface TestSmtpServer {
  readonly port: number;
  /** All mails that were taken until now. */
  received(): Promise<readonly ReceivedMail[]>;
  /** How many connections clients have made until now. */
  connections(): Promise<number>;
  /** What was taken for one address, as its reader sees it. */
  deliveredTo(address: string): Promise<readonly DeliveredMail[]>;
  close(): Promise<void>;
}

/**
 * Starts a server that takes every mail, except those to `unknown` (550), `full` (452), `closing` (421), `greylisted`
 * (451 the first time), `spam` (554 once it has the text), `slow` (no reply) and `dropped` (it dies once it has the
 * text); more letters and digits may follow the name after a character that is no letter.
 */
export async function startSmtpServer(mode: SmtpMode = 'plain'): Promise<TestSmtpServer> {
  const child = fork(fileURLToPath(new URL('smtp-process.ts', import.meta.url)), [mode], {
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  const exited = once(child, 'exit');
  const mails: ReceivedMail[] = [];
  let connections = 0;
  let settled = (): void => undefined;
  const port = await new Promise<number>((resolve, reject) => {
    void exited.then(() => reject(new Error('The mail server of the test did not start.')));
    child.on('message', (message: SmtpMessage) => {
      if (message.kind === 'listening') resolve(message.port);
      else if (message.kind === 'connected') connections += 1;
      else if (message.kind === 'received') mails.push(message.mail);
      else settled();
    });
  });
  // Messages keep their order: when the answer is here, so is all that was told before.
  const settle = (): Promise<void> =>
    new Promise((resolve, reject) => {
      settled = resolve;
      void exited.then(() => reject(new Error('The mail server of the test has ended.')));
      child.send('settle');
    });
  return {
    port,
    async received() {
      await settle();
      return [...mails];
    },
    async connections() {
      await settle();
      return connections;
    },
    async deliveredTo(address) {
      await settle();
      return mails.filter(({ recipients }) => recipients.includes(address)).map(parseMail);
    },
    async close() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
