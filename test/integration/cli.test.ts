import { expect } from 'chai';
import { execFile, spawn } from 'node:child_process';
import { access, chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cli, cliCommand, cliJson, type CliOptions } from '../support/cli-process.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { databaseRuns, ServerProcess, stopDatabase } from '../support/server-process.ts';
import { skip } from '../support/skip.ts';

const shell = promisify(execFile);

interface Answer<T> {
  readonly data: T;
  readonly meta: { readonly position?: string; readonly nextCursor?: string; readonly replayed?: boolean };
}

interface Card {
  readonly id: string;
  readonly code: string;
  readonly lastFour: string;
}

describe('the command line with a server', function () {
  this.timeout(60_000);
  let folder: string;
  let server: ServerProcess;
  let env: NodeJS.ProcessEnv;

  const json = <T>(args: readonly string[], options: CliOptions = {}): Promise<Answer<T>> =>
    cliJson(args, { env, ...options });

  /** A run that must fail: its exit code and the error that it tells. */
  async function failure(
    args: readonly string[],
    options: CliOptions = {},
  ): Promise<{ exitCode: number | null; code: string; message: string; idempotencyKey?: string }> {
    const { exitCode, stdout, stderr } = await cli(args, { env, ...options });
    expect(stdout).to.equal('');
    return { exitCode, ...JSON.parse(stderr).error };
  }

  const newCard = async (): Promise<Card> =>
    (await json<Card>(['gift-cards', 'create', '--amount', '50.00 USD', '--purchaser-id', 'user_1'])).data;

  before(async () => {
    folder = await temporaryFolder();
    server = await new ServerProcess({ DATA_FOLDER: join(folder, 'data') }).ready();
    env = { DATA_FOLDER: join(folder, 'data'), PORT: String(server.port) };
  });

  after(async () => {
    await server.end('SIGTERM');
    await stopDatabase(join(folder, 'data'));
    await rm(folder, { recursive: true, force: true });
  });

  it('finds the server and its token by the same settings, and reads codes from standard input', async () => {
    const card = await newCard();
    const input = `${card.code}\n`;
    const redeem = ['gift-cards', 'redeem', '--ask-code', '--order-id', 'order-1', '--amount', '0.25 USD'];
    const paid = await json<{ remainingBalance: object }>([...redeem, '--idempotency-key', 'once'], { input });
    expect(paid.data.remainingBalance).to.deep.equal({ amount: '49.75', currency: 'USD' });
    const again = await json([...redeem, '--idempotency-key', 'once'], { input });
    expect(again).to.deep.include({ data: paid.data });
    expect(again.meta.replayed).to.equal(true);
    const balance = await json<object>(['gift-cards', 'check-balance'], { input });
    expect(balance.data).to.deep.include({ currentBalance: { amount: '49.75', currency: 'USD' } });
  });

  it('reads two codes, a line each', async () => {
    const [from, to] = [await newCard(), await newCard()];
    const transfer = ['gift-cards', 'transfer', '--ask-from-code', '--ask-to-code', '--amount', '1.00 USD'];
    transfer.push('--accept-earlier-expiry');
    const { data } = await json<object>(transfer, { input: `${from.code}\n${to.code}\n` });
    expect(data).to.deep.include({ toBalance: { amount: '51.00', currency: 'USD' } });
  });

  it('shows nothing of a code that is typed at the prompt of a terminal', async function () {
    const hasScript = await shell('script', ['--version']).then(
      () => true,
      () => false,
    );
    if (!hasScript) skip(this, 'the program script, which makes terminals, is not installed');
    const { code } = await newCard();
    const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const command = `env ${settings.join(' ')} ${cliCommand} gift-cards check-balance`;
    // Typed only when the prompt is there: before that the terminal itself would echo it.
    const screen = await typeInto(command, 'code: ', `${code}\r`);
    expect(screen).to.include('"currentBalance"').and.to.include('code: ');
    expect(screen).not.to.include(code.slice(5, 18));
  });

  it('takes the whole input as JSON', async () => {
    const { code } = await newCard();
    const body = { code, orderId: 'order-json', amount: { amount: '2.00', currency: 'USD' } };
    const file = join(folder, 'input.json');
    await writeFile(file, JSON.stringify(body));
    const redeem = ['gift-cards', 'redeem', '--input'];
    const first = await json<object>([...redeem, file, '--idempotency-key', 'from-json']);
    const second = await json<object>([...redeem, '-', '--idempotency-key', 'from-json'], {
      input: JSON.stringify(body),
    });
    expect(second.data).to.deep.equal(first.data);
  });

  it('lists page by page, and sees what was just written', async () => {
    await newCard();
    const created = await json<Card>(['gift-cards', 'create', '--amount', '5', '--purchaser-id', 'user_2']);
    const list = ['gift-cards', 'list-cards', '--limit', '1'];
    const first = await json<Card[]>([...list, '--after', created.meta.position ?? '']);
    expect(first.data.map(({ id }) => id)).to.deep.equal([created.data.id]);
    const second = await json<Card[]>([...list, '--cursor', first.meta.nextCursor ?? '']);
    expect(second.data).to.have.lengthOf(1);
    expect(second.data[0]?.id).not.to.equal(created.data.id);
  });

  it('prints a download as lines of JSON, as many as are wanted', async () => {
    const bulk = ['gift-cards', 'bulk-create', '--count', '500', '--amount', '1.00 USD'];
    const { batchId } = (await json<{ batchId: string }>(bulk)).data;
    const download = ['gift-cards', 'download-batch', '--batch-id', batchId];
    const { exitCode, stdout } = await cli(download, { env });
    expect(exitCode).to.equal(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).index)).to.deep.equal(lines.map((_line, index) => index));
    expect(lines).to.have.lengthOf(500);
    const piped = await shell(
      'bash',
      ['--norc', '-c', `set -o pipefail; ${cliCommand} ${download.join(' ')} | head -n 2`],
      {
        env: { PATH: process.env['PATH'], ...env },
      },
    );
    expect(piped.stdout.trimEnd().split('\n')).to.have.lengthOf(2);
    expect(piped.stderr).to.equal('');
  });

  it('ends with the exit code of the kind of error', async () => {
    const redeem = ['gift-cards', 'redeem', '--ask-code', '--order-id', 'order-7', '--amount'];
    const { code } = await newCard();
    const unknown = '00000000-0000-7000-8000-000000000000';
    const { data } = await json<{ token: string }>(['api-tokens', 'create', '--name', 'nothing']);
    const tooMuch = await failure([...redeem, '1000.00 USD'], { input: code });
    expect(tooMuch).to.include({ exitCode: 7, code: 'gift_cards.insufficient_balance' });
    expect(await failure([...redeem, '1 XXX'], { input: code })).to.include({ exitCode: 2 });
    expect(await failure(['gift-cards', 'get-card', '--card-id', unknown])).to.include({ exitCode: 5 });
    const reconcile = ['gift-cards', 'reconcile'];
    expect(await failure(reconcile, { env: { ...env, API_TOKEN: 'wrong' } })).to.include({ exitCode: 3 });
    expect(await failure(reconcile, { env: { ...env, API_TOKEN: data.token } })).to.include({ exitCode: 4 });
  });

  it('says what to do where it has no token, and shows its own to no other machine', async () => {
    const elsewhere = { ...env, API_URL: `http://0.0.0.0:${server.port}` };
    const { exitCode, message } = await failure(['gift-cards', 'reconcile'], { env: elsewhere });
    expect(exitCode).to.equal(3);
    expect(message).to.include('API_TOKEN');
    const answer = await json<object>(['gift-cards', 'reconcile'], {
      env: { ...elsewhere, API_TOKEN: server.adminToken },
    });
    expect(answer.data).to.include({ consistent: true });
  });

  it('refuses an address that is none', async () => {
    const { exitCode, message } = await failure(['gift-cards', 'reconcile', '--server', 'somewhere']);
    expect(exitCode).to.equal(2);
    expect(message).to.include('"somewhere"');
  });

  describe('that does not run', () => {
    it('ends with 9 and a line that says so, and starts nothing', async () => {
      const dataFolder = join(folder, 'nobody');
      const settings = { DATA_FOLDER: dataFolder, PORT: String(await freePort()) };
      const { exitCode, message, idempotencyKey } = await failure(
        ['gift-cards', 'create', '--amount', '1 USD', '--purchaser-id', 'u'],
        { env: settings },
      );
      expect(exitCode).to.equal(9);
      expect(message).to.match(new RegExp(`^The server at http://127.0.0.1:${settings.PORT} cannot be reached`));
      expect(idempotencyKey).to.match(/^[0-9a-f-]{36}$/);
      expect(await isThere(dataFolder)).to.equal(false);
    });

    it('finds no database to back up, and makes none', async () => {
      const dataFolder = join(folder, 'nobody');
      const { exitCode, message } = await failure(['backup', join(folder, 'none')], {
        env: { DATA_FOLDER: dataFolder },
      });
      expect(exitCode).to.equal(9);
      expect(message).to.include('There is no database in');
      expect(await isThere(dataFolder)).to.equal(false);
    });
  });

  describe('works on the database', () => {
    it('without the secrets of the service, in production as well', async () => {
      const { passwords, port } = JSON.parse(await readFile(join(folder, 'data/postgres.json'), 'utf8'));
      const url = `postgres://portolan_owner:${passwords.owner}@127.0.0.1:${port}/portolan`;
      const production = { NODE_ENV: 'production', DATABASE_OWNER_URL: url };
      expect(await cliJson(['migrate'], { env: production })).to.deep.equal({ applied: [], partitioned: true });
      const none = await failure(['migrate'], { env: { NODE_ENV: 'production', DATA_FOLDER: join(folder, 'data') } });
      expect(none).to.include({ exitCode: 2, code: 'configuration.invalid' });
    });

    it('of a server that runs, when it is backed up, but restores nothing into it', async () => {
      const { code } = await newCard();
      const file = join(folder, 'backup');
      const written = await cliJson<{ file: string; rows: number }>(['backup', file], { env });
      expect(written.file).to.equal(file);
      expect((await stat(file)).mode & 0o777).to.equal(0o600);
      const refused = await failure(['restore', file]);
      expect(refused).to.include({ exitCode: 7, code: 'database.backup_refused' });
      expect((await fetch(`${server.url}/readyz`)).status).to.equal(200);

      const copy = join(folder, 'copy');
      const restored = await cliJson<object>(['restore', file], { env: { DATA_FOLDER: copy } });
      expect(restored).to.include({ rows: written.rows }).and.to.have.deep.property('missingPeppers').of.length(1);
      expect(await databaseRuns(copy)).to.equal(false);
      // With the peppers, codes work there as they did.
      await writeFile(join(copy, 'peppers'), await readFile(join(folder, 'data/peppers')), { mode: 0o600 });
      const other = await new ServerProcess({ DATA_FOLDER: copy }).ready();
      const options = { env: { DATA_FOLDER: copy, PORT: String(other.port) }, input: code };
      const balance = await cliJson<Answer<object>>(['gift-cards', 'check-balance'], options);
      expect(balance.data).to.deep.include({ currentBalance: { amount: '50.00', currency: 'USD' } });
      await other.end('SIGTERM');
    });

    it('and says in a line where a file cannot be written or read', async () => {
      const closed = join(folder, 'closed');
      await mkdir(closed);
      await chmod(closed, 0o500);
      const missing = join(folder, 'missing/backup');
      expect(await failure(['backup', missing])).to.include({ exitCode: 7, code: 'database.backup_refused' });
      const options = { env: { DATA_FOLDER: join(folder, 'copy') } };
      expect(await failure(['restore', missing], options)).to.include({ exitCode: 7, code: 'database.backup_refused' });
    });
  });

  const isThere = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );

  /** Runs a command on a terminal of its own and types when it asks; resolves to what the screen showed. */
  async function typeInto(command: string, prompt: string, keys: string): Promise<string> {
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let screen = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const asked = !screen.includes(prompt) && (screen + text).includes(prompt);
      screen += text;
      if (asked) child.stdin.write(keys);
    });
    await new Promise((resolve) => child.once('close', resolve));
    return screen;
  }
});
