import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { InvalidMail, MailUnavailable, type Mail, type Mailer } from '../../application/shared/mailer.ts';
import { declareContract, type ContractCase, type ContractRunner } from '../shared/contract-runner.ts';

/** A mail as its recipient has it. */
export interface DeliveredMail {
  /** Everybody it was delivered to. */
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | undefined;
  readonly messageId: string;
}

/** One mailer, opened for the suite. */
export interface MailerSite {
  readonly mailer: Mailer;
  /** The mails to this address, oldest first; of no use to an adapter that lacks `delivers`. */
  deliveredTo(address: string): Promise<readonly DeliveredMail[]>;
  /** Harmless when called again. */
  close(): Promise<void>;
}

/** `delivers`: mails arrive somewhere and can be read there. */
export type MailerCapability = 'delivers';

const someone = (): string => `someone-${randomUUID()}@example.com`;

const mailTo = (to: string): Mail => ({ to, subject: 'A card for you', text: 'GIFT-0000-0000-0000-0000' });

const HOSTILE = ['\r\nBcc: victim@example.com', '\nBcc: victim@example.com', '\r', '\0', '\u2028x'];

const refusals: readonly ContractCase<MailerSite>[] = [
  {
    title: 'takes a mail over',
    run: ({ mailer }) => mailer.send(mailTo(someone())),
  },
  {
    title: 'takes fifty mails over at the same time',
    async run({ mailer }) {
      await Promise.all(Array.from({ length: 50 }, () => mailer.send(mailTo(someone()))));
    },
  },
  {
    title: 'refuses what is not exactly one address',
    async run({ mailer }) {
      const faulty = [
        '',
        'someone',
        'a@example.com, b@example.com',
        'A <a@example.com>',
        'a@b@example.com',
        ' a@example.com',
      ];
      for (const to of faulty) await assert.rejects(mailer.send(mailTo(to)), InvalidMail, to);
    },
  },
  {
    title: 'refuses an address with control characters',
    async run({ mailer }) {
      for (const end of HOSTILE) await assert.rejects(mailer.send(mailTo(`${someone()}${end}`)), InvalidMail);
    },
  },
  {
    title: 'refuses a subject with control characters',
    async run({ mailer }) {
      for (const end of HOSTILE) {
        await assert.rejects(mailer.send({ ...mailTo(someone()), subject: `A card${end}` }), InvalidMail);
      }
    },
  },
  {
    title: 'repeats no address in an error',
    async run({ mailer }) {
      const to = `${someone()}, ${someone()}`;
      await assert.rejects(
        mailer.send(mailTo(to)),
        (error: Error) => !`${error.message} ${error.stack}`.includes('someone-'),
      );
    },
  },
  {
    title: 'takes nothing over once its caller has given up',
    async run({ mailer }) {
      await assert.rejects(mailer.send(mailTo(someone()), { signal: AbortSignal.abort() }), MailUnavailable);
    },
  },
];

const deliveries: readonly ContractCase<MailerSite, MailerCapability>[] = [
  {
    title: 'delivers subject and text as they are',
    needs: 'delivers',
    async run({ mailer, deliveredTo }) {
      const to = someone();
      const subject = 'Grüße, 你好, 🎁 — a subject that is much too long for one line of a header, and so goes on';
      const text = `.\n..dots\nFrom me\n${'long '.repeat(400)}\nund Straße 🎁\n=3D=\ntab\tend`;
      await mailer.send({ to, subject, text });
      const [mail] = await deliveredTo(to);
      assert.equal(mail?.subject, subject);
      assert.equal(mail?.text.trimEnd(), text);
      assert.equal(mail?.html, undefined);
    },
  },
  {
    title: 'delivers text and HTML side by side',
    needs: 'delivers',
    async run({ mailer, deliveredTo }) {
      const to = someone();
      await mailer.send({ ...mailTo(to), html: '<p style="color: red">Für &amp; dich</p>' });
      const [mail] = await deliveredTo(to);
      assert.equal(mail?.text.trimEnd(), mailTo(to).text);
      assert.equal(mail?.html?.trimEnd(), '<p style="color: red">Für &amp; dich</p>');
    },
  },
  {
    title: 'delivers to its one recipient, whatever the text looks like',
    needs: 'delivers',
    async run({ mailer, deliveredTo }) {
      const to = someone();
      await mailer.send({ ...mailTo(to), text: 'Bcc: victim@example.com\r\n.\r\nRCPT TO:<victim@example.com>\r\n' });
      const delivered = await deliveredTo(to);
      assert.deepEqual(
        delivered.map(({ recipients }) => recipients),
        [[to]],
      );
      assert.deepEqual(await deliveredTo('victim@example.com'), []);
    },
  },
  {
    title: 'gives a repeated mail the message id of the first, and another mail another',
    needs: 'delivers',
    async run({ mailer, deliveredTo }) {
      const to = someone();
      const idempotencyKey = randomUUID();
      await mailer.send(mailTo(to), { idempotencyKey });
      await mailer.send(mailTo(to), { idempotencyKey });
      await mailer.send(mailTo(to), { idempotencyKey: randomUUID() });
      const [first, repeated, other] = (await deliveredTo(to)).map(({ messageId }) => messageId);
      assert.equal(first, repeated);
      assert.notEqual(first, other);
      assert.ok(first !== undefined && !first.includes(idempotencyKey));
    },
  },
];

/** The promises of `Mailer`, for an adapter that `open` opens. */
export function mailerContract(
  runner: ContractRunner,
  name: string,
  open: () => Promise<MailerSite>,
  lacks: readonly MailerCapability[] = [],
): void {
  declareContract<MailerSite, MailerCapability>(runner, name, open, [...refusals, ...deliveries], lacks);
}
