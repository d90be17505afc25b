import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Answer, Caller } from '../../src/application/shared/client.ts';
import type { ContextContract } from '../../src/application/shared/contract.ts';
import { ERROR_TABLE } from '../../src/application/shared/error-table.ts';
import { spell } from '../../src/application/shared/spelling.ts';
import { configurationDocument } from '../../src/composition/config-document.ts';
import { APPLICATION_CONTRACTS } from '../../src/composition/contracts.ts';
import { CLIENT_VARIABLES } from '../../src/interfaces/cli/client-variables.ts';
import { reportFailure } from '../../src/interfaces/cli/failure-report.ts';
import { flagsOf } from '../../src/interfaces/cli/operation-flags.ts';
import { runCli } from '../../src/interfaces/cli/program.ts';
import { Cancelled } from '../../src/interfaces/cli/terminal.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { blocksOf } from '../support/readme.ts';

const PAGE = readFileSync(new URL('../../docs/command-line.md', import.meta.url), 'utf8');

/** The cells of the table whose first heading this is, without the marks of code. */
function tableOf(heading: string): readonly (readonly string[])[] {
  const lines = PAGE.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  expect(start, heading).to.be.at.least(0);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

/** A server that does whatever it is asked. */
const willing: Caller = {
  call: () => Promise.resolve({ data: {} } as Answer),
  async *stream() {},
};

async function run(args: readonly string[], input = ''): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const terminal = fakeTerminal({ input });
  const done = () => Promise.resolve({});
  const actions = {
    ...{ version: '1.2.3', contracts: APPLICATION_CONTRACTS, newKey: () => 'key', connect: async () => willing },
    ...{ serve: async () => 0, migrate: done, backup: done, restore: done },
  };
  const exitCode = await runCli(args, actions, terminal);
  return { exitCode, ...terminal.shown };
}

/** The options and commands that stand at the beginning of lines in the help, `--server <address>`. */
const inHelp = (help: string, pattern: RegExp): readonly string[] =>
  [...help.matchAll(pattern)].map(([, found = '']) => found);

describe('The page about the command line', () => {
  it('has the exit code of each kind of error, and whether to retry', () => {
    const kinds = Object.entries(ERROR_TABLE).map(([kind, { exitCode, retry }]) => [
      ...[String(exitCode), kind, retry ? 'yes' : 'no'],
    ]);
    const interrupted = reportFailure(new Cancelled(), fakeTerminal());
    const expected = [['0', 'done', ''], ...kinds, [String(interrupted), 'Ctrl-C at a prompt', 'no']];
    expect(tableOf('Exit code')).to.have.deep.members(expected);
  });

  it('has the options that operations have besides those of their input, and says which operations', async () => {
    const found = new Map<string, Set<string>>();
    let operations = 0;
    for (const contract of APPLICATION_CONTRACTS as readonly ContextContract[]) {
      for (const [word, definition] of Object.entries(contract.operations)) {
        const { verb } = spell(contract, word);
        const { stdout } = await run([contract.name, verb, '--help']);
        const flags = flagsOf(word, definition);
        const own = new Set(flags.filter(({ secret }) => !secret).map(({ option }) => option.long));
        const common = inHelp(stdout, /^ +(--[\w-]+(?: <\w+>)?)/gm).filter((option) => !own.has(option.split(' ')[0]));
        const kind = definition.kind === 'command' ? `command, key ${definition.idempotency}` : definition.kind;
        const secret = flags.some((flag) => flag.secret) ? 'with a secret' : 'without a secret';
        for (const option of common) {
          const name = option.startsWith('--ask-') ? '--ask-<field>' : option;
          found.set(name, (found.get(name) ?? new Set()).add(name === '--ask-<field>' ? secret : kind));
        }
        operations += 1;
      }
    }
    expect(operations).to.be.greaterThan(30);
    const all = new Set(['command, key required', 'command, key none', 'query', 'stream']);
    const readers = new Set(['query', 'stream']);
    const expected: { readonly [forWhat: string]: ReadonlySet<string> } = {
      all,
      'secret fields': new Set(['with a secret']),
      'commands that need a key': new Set(['command, key required']),
      'queries and streams': readers,
    };
    const documented = tableOf('Option').map(([option = '', forWhat = '']) => [option, expected[forWhat]] as const);
    expect(new Map(documented)).to.deep.equal(found);
  });

  it('has the commands of the program itself', async () => {
    const contexts = new Set<string>(APPLICATION_CONTRACTS.map(({ name }) => name));
    const commands = inHelp((await run(['--help'])).stdout.split('Commands:')[1] ?? '', /^ {2}([a-z-]+(?: <\w+>)?)/gm);
    const own = commands.filter((command) => command !== 'help' && !contexts.has(command));
    expect(tableOf('Command').map(([command]) => command)).to.deep.equal(own);
  });

  it('has the variables of the environment, as the page about the configuration has', () => {
    const names = Object.keys(CLIENT_VARIABLES);
    expect(tableOf('Variable').map(([name]) => name)).to.deep.equal(names);
    for (const name of names) expect(configurationDocument()).to.include(`| \`${name}\` |`);
  });

  const lines = blocksOf(PAGE).flatMap(({ text }) => text.trim().split('\n'));
  for (const line of lines) {
    it(`runs: ${line}`, async () => {
      // The shell takes the line apart; no file is read.
      const shown = `portolan() { printf '%s\\0' "$@"; }; ${line.replace(/ < \S+$/, '')}`;
      const taken = execFileSync('bash', ['--norc', '-c', shown], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const args = taken.split('\0').slice(0, -1);
      const { exitCode, stderr } = await run(args, args.includes('--input') ? '{}' : 'CODE\nCODE\n');
      expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
    });
  }
});
