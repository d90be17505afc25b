import { expect } from 'chai';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { giftCardService } from '../../src/composition/gift-card-service.ts';
import { SYMBOLS } from '../../src/domain/gift-cards/code-alphabet.ts';
import { generateCode, parseCode } from '../../src/domain/gift-cards/code.ts';
import { layoutOf, readSecrets } from '../../src/infrastructure/embedded-postgres/cluster.ts';
import { superuserUrl } from '../../src/infrastructure/embedded-postgres/connection.ts';
import { ByteSearch, type Find } from '../support/byte-search.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { ServerProcess, stopDatabase } from '../support/server-process.ts';
import { startSmtpServer, type TestSmtpServer } from '../support/smtp-server.ts';

const usd = (amount: string) => ({ amount, currency: 'USD' });
const CODE = /GIFT(?:-[0-9A-Z]{4}){4}|BULK(?:-[0-9A-Z]{4}){4}/;

/** A code that nobody issued, put where codes must not be: the search has to find it. */
const PLANTED = generateCode(randomBytes).reveal();
const PERSON = {
  email: 'Dorothea.Brooke+gift@middlemarch.example',
  message: 'Für Dorothea, zum 30. Geburtstag: viel Freude!',
};
/** The mail server refuses this one and quotes it. */
const REFUSED_EMAIL = 'unknown@example.com';

interface Card {
  readonly id: string;
  readonly code: string;
}

describe('codes and personal data', function () {
  this.timeout(300_000);
  const codes = new Set<string>();
  let folder: string;
  let smtp: TestSmtpServer;
  let server: ServerProcess;
  let metrics = '';

  before(async () => {
    folder = await temporaryFolder();
    smtp = await startSmtpServer();
    server = await new ServerProcess({
      ...{ DATA_FOLDER: folder, LOG_LEVEL: 'debug', RATE_LIMIT_PER_MINUTE: '1000000' },
      ...{ GUESS_LIMIT_PER_MINUTE: '1000000', GUESS_LIMIT_TOTAL_PER_MINUTE: '1000000' },
      ...{ SMTP_URL: `smtp://127.0.0.1:${smtp.port}`, MAIL_FROM: 'Shop <shop@example.com>' },
    }).ready();
    await livesOfCards();
    metrics = await (await fetch(`${server.url}/metrics`)).text();
  });
  after(async () => {
    await server.end('SIGTERM');
    await stopDatabase(folder);
    await smtp.close();
    await rm(folder, { recursive: true, force: true });
  });

  const note = (code: string): string => {
    if (!CODE.test(code)) throw new Error('This is not the code of a card.');
    codes.add(code);
    return code;
  };

  async function create(input: object = {}): Promise<Card> {
    const card = await server.call<Card>('gift-cards/create', { amount: usd('50.00'), purchaserId: 'buyer', ...input });
    return { id: card.id, code: note(card.code) };
  }

  /** The code in the mail number `count` to an address, waited for. */
  async function mailedCode(address: string, count: number): Promise<string> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(50)) {
      const mails = await smtp.deliveredTo(address);
      const code = CODE.exec(mails[count - 1]?.text ?? '')?.[0];
      if (code !== undefined) return note(code);
    }
    throw new Error(`Mail ${count} has not arrived.`);
  }

  async function livesOfCards(): Promise<void> {
    await lifeOfMailedCards();
    await lifeOfPayments();
    await endsOfCards();
    await lifeOfBatches();
    await attempts();
  }

  async function lifeOfMailedCards(): Promise<void> {
    const { id } = await create({ recipientEmail: PERSON.email, message: PERSON.message });
    await mailedCode(PERSON.email, 1);
    const mailed = { amount: usd('20.00'), purchaserId: 'buyer', recipientEmail: PERSON.email, deliver: 'email' };
    const card = await server.call<{ id: string }>('gift-cards/create', { ...mailed, message: PERSON.message });
    await mailedCode(PERSON.email, 2);
    await server.call('gift-cards/reissue-code', { cardId: card.id, reason: 'lost', deliver: 'email' });
    await mailedCode(PERSON.email, 3);
    const reissued = await server.call<Card>('gift-cards/reissue-code', { cardId: id, reason: 'lost' });
    note(reissued.code);
    // This mail cannot be delivered; its code waits, so that it can be asked for again.
    const waiting = await create({ recipientEmail: REFUSED_EMAIL, message: PERSON.message });
    await server.call('gift-cards/resend-email', { cardId: waiting.id });
  }

  async function lifeOfPayments(): Promise<void> {
    const { code } = await create();
    const other = await create();
    const key = randomUUID();
    const redeem = { code: code.toLowerCase().replaceAll('-', ' '), orderId: 'o1', amount: usd('10.00') };
    const paid = await server.call<{ redemptionId: string }>('gift-cards/redeem', redeem, key);
    await server.call('gift-cards/redeem', redeem, key);
    await server.call('gift-cards/refund-to-card', { redemptionId: paid.redemptionId, amount: usd('4.00') });
    const held = await server.call<{ holdId: string }>('gift-cards/hold', { code, orderId: 'o2', amount: usd('5.00') });
    await server.call('gift-cards/capture', { holdId: held.holdId, amount: usd('3.00') });
    const hold = await server.call<{ holdId: string }>('gift-cards/hold', { code, orderId: 'o3', amount: usd('5.00') });
    await server.call('gift-cards/release-hold', { holdId: hold.holdId });
    const transfer = { fromCode: code, toCode: other.code, amount: usd('1.00'), acceptEarlierExpiry: true };
    await server.call('gift-cards/transfer', transfer);
    for (const operation of ['check-balance', 'get-card', 'list-transactions']) {
      await server.call(`gift-cards/${operation}`, { code: other.code });
    }
  }

  async function endsOfCards(): Promise<void> {
    const { id, code } = await create({ expiresAt: new Date(Date.now() + 500).toISOString() });
    const voided = await create();
    const frozen = await create();
    await server.call('gift-cards/void', { code: voided.code, reason: 'fraud' });
    await server.call('gift-cards/freeze', { code: frozen.code, reason: 'stolen' });
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(250)) {
      const { currentBalance } = await server.call<{ currentBalance: { amount: string } }>('gift-cards/get-card', {
        code,
      });
      if (currentBalance.amount === '0.00') break;
    }
    for (const refused of [code, voided.code, frozen.code]) {
      expect((await server.post('gift-cards/redeem', { code: refused, orderId: 'o4' })).ok).to.equal(false);
    }
    await server.call('gift-cards/extend-expiry', { cardId: frozen.id, expiresAt: null, reason: 'kindness' });
    expect(await server.call<{ status: string }>('gift-cards/get-card', { cardId: id })).to.include({
      status: 'expired',
    });
  }

  async function lifeOfBatches(): Promise<void> {
    const batch = { amount: usd('5.00'), prefix: 'BULK', purchaserId: 'promotion' };
    const key = randomUUID();
    for (const _ of ['first', 'again']) {
      const small = await server.call<{ cards: Card[] }>('gift-cards/bulk-create', { ...batch, count: 20 }, key);
      for (const { code } of small.cards) note(code);
    }
    const { batchId } = await server.call<{ batchId: string }>('gift-cards/bulk-create', { ...batch, count: 1_500 });
    const authorization = `Bearer ${server.adminToken}`;
    for (const accept of ['application/x-ndjson', 'text/csv']) {
      let text = '';
      for (const deadline = Date.now() + 60_000; text === '' && Date.now() < deadline; await delay(50)) {
        const url = `${server.url}/v1/gift-cards/download-batch?batchId=${batchId}`;
        const response = await fetch(url, { headers: { authorization, accept } });
        text = response.ok ? await response.text() : '';
      }
      const downloaded = text.match(new RegExp(CODE, 'g')) ?? [];
      expect(downloaded).to.have.lengthOf(1_500);
      for (const code of downloaded) note(code);
    }
    await server.call('gift-cards/acknowledge-batch', { batchId });
  }

  /** Requests that go wrong, with codes in the right place and in the wrong ones. */
  async function attempts(): Promise<void> {
    const { code } = await create();
    const typo = code.slice(0, -1) + (code.endsWith('0') ? '1' : '0');
    for (const body of [
      ...[
        { code: typo, orderId: 'o5' },
        { code, orderId: 5 },
        { code: [code], orderId: 'o5' },
      ],
      ...[
        { code, orderId: 'o5', [code]: code },
        { code, orderId: 'o5', amount: { amount: code, currency: code } },
      ],
      ...[
        { cardId: code, holderId: 'x', orderId: 'o5' },
        { code: `${code}${'x'.repeat(200)}`, orderId: 'o5' },
      ],
    ]) {
      expect((await server.post('gift-cards/redeem', body)).ok).to.equal(false);
    }
    const headers = { authorization: `Bearer ${server.adminToken}`, 'content-type': 'application/json' };
    const urls = [`get-card?code=${code}`, `check-balance?code=${code}`, `list-cards?cursor=${code}`, `${code}`];
    for (const path of urls) await fetch(`${server.url}/v1/gift-cards/${path}`, { headers });
    const redeem = `${server.url}/v1/gift-cards/redeem`;
    await fetch(redeem, { method: 'POST', headers, body: `{"code":"${code}"` });
    await fetch(redeem, { method: 'POST', headers: { ...headers, 'content-type': `text/${code}` }, body: code });
    await fetch(redeem, { method: 'POST', headers: { ...headers, authorization: `Bearer ${code}` }, body: '{}' });
    const ok = { ...headers, 'idempotency-key': code };
    await fetch(redeem, {
      method: 'POST',
      headers: ok,
      body: JSON.stringify({ code, orderId: 'o6', amount: usd('1.00') }),
    });
  }

  async function superuser(): Promise<pg.Client> {
    const secrets = await readSecrets(layoutOf(folder));
    const url = new URL(superuserUrl(secrets?.passwords.superuser ?? '', secrets?.port ?? 0));
    url.pathname = '/portolan';
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    return client;
  }

  /** Puts a code that nobody issued where codes must not be. */
  async function plant(client: pg.Client): Promise<void> {
    await client.query('CREATE TABLE IF NOT EXISTS public.planted (plain text, base text, bytes bytea)');
    const insert = `INSERT INTO public.planted VALUES ($1, encode($2, 'base64'), $2)`;
    await client.query(insert, [PLANTED, Buffer.from(PLANTED)]);
  }

  it('stand in no table, no log line and no metric, whatever was done with them', async () => {
    expect(codes.size).to.be.greaterThan(1_530);
    const search = new ByteSearch([...codes, PLANTED]);
    const client = await superuser();
    try {
      const { finds, tables } = await search.inDatabase(client);
      expect(finds).to.deep.equal([]);
      console.log(`      ${codes.size} codes, ${tables} tables`);
      // The same search finds a code in a cell, in each form.
      await plant(client);
      const planted = (await search.inDatabase(client)).finds.map(({ form }) => form.replace(` of ${PLANTED}`, ''));
      expect(planted).to.include.members(['text', 'base64 of text after 0 bytes', 'hexadecimal text']);
    } finally {
      await client.end();
    }
    expect(search.inText(server.stdout, 'stdout')).to.deep.equal([]);
    expect(search.inText(server.stderr, 'stderr')).to.deep.equal([]);
    expect(search.inText(metrics, 'metrics')).to.deep.equal([]);
    expect(server.log.filter(({ level }) => level === 'debug')).to.not.deep.equal([]);
    expect(metrics).to.include('GiftCard.redeem');
  });

  it('of a person are in no table once they are erased, and were in no log line and no metric', async () => {
    const search = new ByteSearch([PERSON.email, PERSON.message, REFUSED_EMAIL]);
    const client = await superuser();
    try {
      const before = (await search.inDatabase(client)).finds.map(({ where }) => where.split(' ')[0]);
      expect(new Set(before)).to.deep.equal(new Set(['gift_cards.recipients']));
      // What the planner would remember of the columns is a copy as well.
      await client.query('ANALYZE');
      for (const email of [PERSON.email.toUpperCase(), REFUSED_EMAIL]) await server.call('privacy/erase', { email });
      expect((await search.inDatabase(client)).finds).to.deep.equal([]);
    } finally {
      await client.end();
    }
    expect(search.inText(server.stdout, 'stdout')).to.deep.equal([]);
    expect(search.inText(server.stderr, 'stderr')).to.deep.equal([]);
    expect(search.inText(metrics, 'metrics')).to.deep.equal([]);
    expect(search.inText(await readFile(layoutOf(folder).logFile, 'utf8'), 'postgres.log')).to.deep.equal([]);
  });

  it('of cards are in no byte of the data folder: tables, write-ahead log and logs', async () => {
    const client = await superuser();
    await plant(client);
    await client.query('CHECKPOINT');
    await client.end();
    await server.end('SIGTERM');
    await writeFile(join(folder, 'planted'), `xx${Buffer.from(`.${PLANTED}`).toString('base64')}`);
    const { finds, bytes } = await new ByteSearch([...codes, PLANTED]).inFolder(folder);
    console.log(`      ${codes.size} codes, ${Math.round(bytes / 1_000_000)} MB`);
    expect(bytes).to.be.greaterThan(20_000_000);
    const isPlanted = ({ form }: Find): boolean => form.endsWith(PLANTED);
    expect(finds.filter((find) => !isPlanted(find))).to.deep.equal([]);
    // The same search finds the planted one: in the table's file, in the write-ahead log and in a file of its own.
    const files = finds.filter(isPlanted).map(({ where }) => where);
    for (const file of [/\bbase\b/, /\bpg_wal\b/, /^planted /]) {
      expect(files.filter((where) => file.test(where))).to.not.deep.equal([]);
    }
  });
});

describe('mistyped codes', function () {
  this.timeout(120_000);
  const TRIALS = 1_000_000;

  /** A code with one symbol replaced by another, or two different ones swapped. */
  function mistyped(): string {
    const body = generateCode(randomBytes).body.split('');
    const at = randomInt(body.length);
    if (randomInt(2) === 0) {
      const others = SYMBOLS.replace(body[at] ?? '', '');
      body[at] = others.charAt(randomInt(others.length));
    } else {
      const different = body.flatMap((symbol, index) => (symbol === body[at] ? [] : [index]));
      const other = different[randomInt(Math.max(1, different.length))];
      if (other === undefined) return mistyped();
      [body[at], body[other]] = [body[other] ?? '', body[at] ?? ''];
    }
    return `GIFT-${body.join('').match(/.{4}/g)?.join('-')}`;
  }

  it(`are all recognised, in ${TRIALS} trials of one wrong symbol or two swapped`, () => {
    let passed = 0;
    for (let trial = 0; trial < TRIALS; trial += 1) if (parseCode(mistyped()) !== undefined) passed += 1;
    expect(passed).to.equal(0);
  });

  it('are refused before anything is read or written', async () => {
    const untouchable = new Proxy(
      {},
      {
        get: (_, name) => () => {
          throw new Error(`${String(name)} was called`);
        },
      },
    );
    const unlimited = { check: () => undefined, refused: () => undefined, accepted: () => undefined };
    const parts = ['repository', 'reader', 'bulkIssuer', 'eraser', 'marks'];
    const adapters = Object.fromEntries(parts.map((part) => [part, untouchable]));
    const service = giftCardService(adapters as never, {
      peppers: [{ id: '1', secret: randomBytes(32) }],
      guard: unlimited,
    });
    const { GiftCard } = service.client();
    for (let trial = 0; trial < 2_000; trial += 1) {
      const code = mistyped();
      const outcomes = await Promise.allSettled<unknown>([
        GiftCard.redeem({ code, orderId: 'o1' }),
        GiftCard.hold({ code, orderId: 'o1' }),
        GiftCard.checkBalance({ code }),
        GiftCard.transfer({ fromCode: code, toCode: code, amount: { amount: '1.00' } }),
        GiftCard.getCard({ code }),
      ]);
      for (const outcome of outcomes) {
        expect(outcome).to.have.nested.property('reason.code', 'gift_cards.invalid_code');
      }
    }
  });
});
