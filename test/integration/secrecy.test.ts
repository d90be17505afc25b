import { expect } from 'chai';
import { randomBytes, randomInt } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import type { ContextContract } from '../../src/application/shared/contract.ts';
import { spell } from '../../src/application/shared/spelling.ts';
import { APPLICATION_CONTRACTS } from '../../src/composition/contracts.ts';
import { giftCardService } from '../../src/composition/gift-card-service.ts';
import { SYMBOLS } from '../../src/domain/gift-cards/code-alphabet.ts';
import { generateCode, parseCode } from '../../src/domain/gift-cards/code.ts';
import { layoutOf, readSecrets } from '../../src/infrastructure/embedded-postgres/cluster.ts';
import { superuserUrl } from '../../src/infrastructure/embedded-postgres/connection.ts';
import { ByteSearch, type Find } from '../support/byte-search.ts';
import { CardLives, PERSON, REFUSED_EMAIL } from '../support/card-lives.ts';
import { cliJson } from '../support/cli-process.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { ServerProcess, stopDatabase } from '../support/server-process.ts';
import { startSmtpServer, type TestSmtpServer } from '../support/smtp-server.ts';

/** A code that nobody issued, put where codes must not be: the search has to find it. */
const PLANTED = generateCode(randomBytes).reveal();

describe('codes and personal data', function () {
  this.timeout(300_000);
  let codes: ReadonlySet<string>;
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
    codes = await new CardLives(server, smtp).all();
    metrics = await metricsNow();
  });
  after(async () => {
    await server.end('SIGTERM');
    await stopDatabase(folder);
    await smtp.close();
    await rm(folder, { recursive: true, force: true });
  });

  const metricsNow = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text();

  /** What a backup of now holds, as text. */
  async function backupNow(): Promise<Buffer> {
    const place = await temporaryFolder();
    const file = join(place, 'backup');
    await cliJson(['backup', file], { env: { DATA_FOLDER: folder } });
    const bytes = gunzipSync(await readFile(file));
    await rm(place, { recursive: true });
    expect(bytes.includes('gift_card.created'), 'events in the backup').to.equal(true);
    return bytes;
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
      expect(search.in(await backupNow(), 'backup')).to.deep.equal([]);
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
      expect(search.in(await backupNow(), 'backup')).to.deep.equal([]);
    } finally {
      await client.end();
    }
    expect(search.inText(server.stdout, 'stdout')).to.deep.equal([]);
    expect(search.inText(server.stderr, 'stderr')).to.deep.equal([]);
    expect(search.inText(metrics, 'metrics')).to.deep.equal([]);
    expect(search.inText(await readFile(layoutOf(folder).logFile, 'utf8'), 'postgres.log')).to.deep.equal([]);
  });

  it('were shown to every operation that there is', async () => {
    const now = await metricsNow();
    const words = APPLICATION_CONTRACTS.flatMap((contract: ContextContract) =>
      Object.keys(contract.operations).map((verb) => spell(contract, verb).word),
    );
    const succeeded = (word: string): boolean => now.includes(`{operation="${word}",outcome="ok"}`);
    expect(words.filter((word) => !succeeded(word))).to.deep.equal([]);
    expect(succeeded('GiftCard.unknown')).to.equal(false);
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
