import { expect } from 'chai';
import { writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answer, Caller } from '../../src/application/shared/client.ts';
import type { ContextContract } from '../../src/application/shared/contract.ts';
import { ERROR_TABLE } from '../../src/application/shared/error-table.ts';
import { spell } from '../../src/application/shared/spelling.ts';
import { APPLICATION_CONTRACTS } from '../../src/composition/contracts.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';
import { runCli, type CliActions } from '../../src/interfaces/cli/program.ts';
import { RemoteFailure } from '../../src/interfaces/http/remote-failure.ts';
import { fakeTerminal, type FakeTerminal } from '../support/fake-terminal.ts';
import { temporaryFolder } from '../support/postgres.ts';

const CODE = 'GIFT-0000-0000-0000-0000';
const OPERATIONS = APPLICATION_CONTRACTS.flatMap((contract: ContextContract) =>
  Object.entries(contract.operations).map(([verb, definition]) => ({ contract, definition, ...spell(contract, verb) })),
);

interface Called {
  readonly word: string;
  readonly input: unknown;
  readonly options: unknown;
}

describe('the command line', () => {
  let called: Called[] = [];
  let terminal: FakeTerminal;

  /** A server that answers everything the same. */
  const caller = (answer: () => unknown): Caller => ({
    async call(word, input, options) {
      called.push({ word, input, options });
      return answer() as Answer;
    },
    async *stream(word, input, options) {
      called.push({ word, input, options });
      yield* answer() as unknown[];
    },
  });

  function run(
    args: readonly string[],
    answer: () => unknown = () => ({ data: {} }),
    actions: Partial<CliActions> = {},
  ): Promise<number> {
    const none = (): never => expect.fail('The action was not asked for');
    const all: CliActions = {
      ...{ version: '1.2.3', contracts: APPLICATION_CONTRACTS, newKey: () => 'new-key' },
      ...{ serve: none, migrate: none, backup: none, restore: none, connect: () => Promise.resolve(caller(answer)) },
      ...actions,
    };
    return runCli(args, all, terminal);
  }

  const shownError = (): { code: string; message: string; [name: string]: unknown } =>
    JSON.parse(terminal.shown.stderr).error;

  beforeEach(() => {
    called = [];
    terminal = fakeTerminal({ input: '' });
  });

  describe('has', () => {
    for (const { contract, permission, verb, definition } of OPERATIONS) {
      it(`${permission.replace(':', ' ')}, with its help`, async () => {
        expect(await run([contract.name, verb, '--help'])).to.equal(0);
        const { stdout, stderr } = terminal.shown;
        expect(stdout.replaceAll(/\s+/g, ' ')).to.include(definition.summary.replaceAll(/\s+/g, ' '));
        expect(stdout).to.include(`Usage: portolan ${contract.name} ${verb} `).and.to.include('--server');
        // Whatever is secret can be asked for; nowhere is there an option that takes it.
        expect(stdout).not.to.match(/--((from|to)-)?code\b/);
        expect(stderr).to.equal('');
      });
    }
  });

  it('tells of exit codes and of the environment in its help', async () => {
    expect(await run(['--help'])).to.equal(0);
    for (const { exitCode } of Object.values(ERROR_TABLE))
      expect(terminal.shown.stdout).to.match(RegExp(`^ +${exitCode} `, 'm'));
    expect(terminal.shown.stdout).to.include('API_URL').and.to.include('API_TOKEN');
  });

  it('has its version', async () => {
    expect(await run(['--version'])).to.equal(0);
    expect(terminal.shown.stdout).to.equal('1.2.3\n');
  });

  it('turns flags into the input', async () => {
    const amount = ['--amount', '25.00 USD', '--order-total', '30'];
    const rest = ['--order-id', 'order-1', '--card-id', 'c', '--holder-id', 'h'];
    expect(await run(['gift-cards', 'redeem', ...amount, ...rest])).to.equal(0);
    const input = { amount: { amount: '25.00', currency: 'USD' }, orderTotal: { amount: '30' } };
    expect(called).to.deep.equal([
      {
        word: 'GiftCard.redeem',
        input: { ...input, orderId: 'order-1', cardId: 'c', holderId: 'h' },
        options: { idempotencyKey: 'new-key' },
      },
    ]);
  });

  it('knows numbers, yes and no, null, JSON and lists by the schema', async () => {
    await run(['gift-cards', 'bulk-create', '--count', '12', '--amount', '1']);
    await run(['gift-cards', 'transfer', '--accept-earlier-expiry']);
    await run(['gift-cards', 'extend-expiry', '--expires-at', 'null', '--reason', '12']);
    await run(['events', 'ingest', '--events', '{"id":"1"}', '--events', '{"id":"2"}']);
    await run(['api-tokens', 'create', '--permissions', 'a:b', '--permissions', 'null', '--name', '7']);
    expect(called.map(({ input }) => input)).to.deep.equal([
      { count: 12, amount: { amount: '1' } },
      { acceptEarlierExpiry: true },
      { expiresAt: null, reason: '12' },
      { events: [{ id: '1' }, { id: '2' }] },
      { permissions: ['a:b', 'null'], name: '7' },
    ]);
  });

  it('sends the idempotency key and the position that it is given, and no key where none is needed', async () => {
    await run(['gift-cards', 'reload', '--amount', '1 USD', '--card-id', 'c', '--idempotency-key', 'mine']);
    await run(['gift-cards', 'list-cards', '--after', 'abc-7']);
    await run(['jobs', 'cancel', '--job-id', 'j']);
    expect(called.map(({ options }) => options)).to.deep.equal([{ idempotencyKey: 'mine' }, { after: 'abc-7' }, {}]);
    expect(await run(['jobs', 'cancel', '--job-id', 'j', '--idempotency-key', 'k'])).to.equal(2);
  });

  it('prints what the server answers, with what surrounds it', async () => {
    const answer = { data: { id: 1 }, meta: { correlationId: 'c', position: 'p' } };
    expect(await run(['gift-cards', 'reconcile'], () => answer)).to.equal(0);
    expect(JSON.parse(terminal.shown.stdout)).to.deep.equal(answer);
  });

  it('prints a stream as lines of JSON', async () => {
    expect(await run(['gift-cards', 'download-batch', '--batch-id', 'b'], () => [{ index: 0 }, { index: 1 }])).to.equal(
      0,
    );
    expect(terminal.shown.stdout).to.equal('{"index":0}\n{"index":1}\n');
  });

  it('prints what came of a stream that broke off, and fails', async () => {
    class Gone extends DomainError {
      static readonly code = 'test.gone';
      static readonly kind = 'unavailable';
    }
    function* broken(): Generator<unknown> {
      yield { index: 0 };
      throw new Gone('The stream broke off.');
    }
    expect(await run(['gift-cards', 'download-batch', '--batch-id', 'b'], broken)).to.equal(9);
    expect(terminal.shown.stdout).to.equal('{"index":0}\n');
    expect(shownError().code).to.equal('test.gone');
  });

  describe('reads', () => {
    it('a required secret from standard input without being told to', async () => {
      terminal = fakeTerminal({ input: `  ${CODE} \n` });
      expect(await run(['gift-cards', 'check-balance'])).to.equal(0);
      expect(called[0]?.input).to.deep.equal({ code: CODE });
      expect(terminal.shown.stderr).to.equal('');
    });

    it('other secrets when it is told to, a line each', async () => {
      terminal = fakeTerminal({ input: 'FROM\r\nTO' });
      await run(['gift-cards', 'transfer', '--ask-to-code', '--ask-from-code', '--amount', '1 USD']);
      expect(called[0]?.input).to.deep.include({ fromCode: 'FROM', toCode: 'TO' });
    });

    it('the whole input from a file, where flags add to it', async () => {
      const folder = await temporaryFolder();
      const file = join(folder, 'input.json');
      await writeFile(file, JSON.stringify({ code: CODE, orderId: 'order-1' }));
      await run(['gift-cards', 'redeem', '--input', file, '--order-id', 'order-2']);
      await rm(folder, { recursive: true });
      expect(called[0]?.input).to.deep.equal({ code: CODE, orderId: 'order-2' });
    });

    it('the whole input from standard input', async () => {
      terminal = fakeTerminal({ input: JSON.stringify({ code: CODE }) });
      expect(await run(['gift-cards', 'check-balance', '--input', '-'])).to.equal(0);
      expect(called[0]?.input).to.deep.equal({ code: CODE });
    });

    for (const [what, input] of Object.entries({ 'no JSON': '{', 'no object': '[]', nothing: '' })) {
      it(`no input that is ${what}`, async () => {
        terminal = fakeTerminal({ input });
        expect(await run(['gift-cards', 'redeem', '--input', '-'])).to.equal(2);
        expect(shownError()).to.include({ code: 'request.invalid_input' });
        expect(called).to.deep.equal([]);
      });
    }

    it('no file that is not there', async () => {
      expect(await run(['gift-cards', 'redeem', '--input', '/no/such/file'])).to.equal(2);
      expect(shownError().message).to.include('/no/such/file');
    });

    it('standard input for one thing at a time', async () => {
      terminal = fakeTerminal({ input: '{}' });
      expect(await run(['gift-cards', 'redeem', '--input', '-', '--ask-code'])).to.equal(2);
      expect(shownError().message).to.include('code');
    });
  });

  describe('fails', () => {
    for (const [kind, { exitCode, retry }] of Object.entries(ERROR_TABLE)) {
      it(`with ${exitCode} for an error of the kind ${kind}`, async () => {
        class Failure extends DomainError {
          static readonly code = 'test.failure';
          static readonly kind = kind as 'invalid';
        }
        const error =
          kind === 'unexpected' ? new RemoteFailure('No.', 500, 'x.y', 'c-1') : new Failure('No.', { n: 1 });
        const fail = (): never => {
          throw error;
        };
        expect(await run(['gift-cards', 'freeze', '--card-id', 'c', '--reason', 'r'], fail)).to.equal(exitCode);
        const { code, message, details, idempotencyKey } = shownError();
        const expected = { code: 'test.failure', details: { n: 1 } };
        const remote = { code: 'x.y', details: { status: 500, correlationId: 'c-1' } };
        expect({ code, details }).to.deep.equal(kind === 'unexpected' ? remote : expected);
        expect(message).to.equal('No.');
        // With it the user can find out, and bring it to an end, without doing it twice.
        expect(idempotencyKey).to.equal(retry ? 'new-key' : undefined);
        expect(terminal.shown.stdout).to.equal('');
      });
    }

    for (const args of [
      ['gift-cards', 'redeem', '--code', CODE],
      ['gift-cards', 'redeem', `--code=${CODE}`],
      ['gift-cards', 'check-balance', CODE],
      ['gift-cards', 'nothing'],
      ['nothing'],
      ['gift-cards', 'bulk-create', '--count', 'many'],
      ['gift-cards', 'redeem', '--amount', '25.00 USD more'],
      ['events', 'ingest', '--events', '{'],
      ['backup'],
    ]) {
      it(`with 2 for: ${args.join(' ')}`, async () => {
        expect(await run(args)).to.equal(2);
        expect(shownError()).to.include({ code: 'request.invalid_input' });
        expect(terminal.shown.stderr).not.to.include(CODE);
        expect(called).to.deep.equal([]);
      });
    }

    it('with 2 and help where the operation is missing', async () => {
      expect(await run(['gift-cards'])).to.equal(2);
      expect(terminal.shown.stderr).to.include('check-balance');
    });
  });

  it('gives a call a minute, or as long as it is told', async () => {
    const deadlines: number[] = [];
    const connect = async (_server: string | undefined, deadlineMs: number) => {
      deadlines.push(deadlineMs);
      return caller(() => ({ data: {} }));
    };
    await run(['events', 'verify'], undefined, { connect });
    await run(['events', 'verify', '--timeout', '600'], undefined, { connect });
    expect(deadlines).to.deep.equal([60_000, 600_000]);
    expect(await run(['events', 'verify', '--timeout', 'long'], undefined, { connect })).to.equal(2);
    expect(deadlines).to.have.length(2);
  });

  it('hands commands of its own on, and prints what they did', async () => {
    const files: string[] = [];
    const note = (file: string) => Promise.resolve({ file: (files.push(file), file) });
    expect(await run(['backup', 'a'], undefined, { backup: note })).to.equal(0);
    expect(await run(['restore', 'b'], undefined, { restore: note })).to.equal(0);
    expect(await run(['migrate'], undefined, { migrate: () => Promise.resolve({ applied: [] }) })).to.equal(0);
    expect(await run(['serve'], undefined, { serve: () => Promise.resolve(1) })).to.equal(1);
    expect(files).to.deep.equal(['a', 'b']);
    expect(terminal.shown.stdout).to.include('"applied": []');
  });
});
