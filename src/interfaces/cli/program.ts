import { Command } from 'commander';
import type { ContextContract } from '../../application/shared/contract.ts';
import { ERROR_TABLE } from '../../application/shared/error-table.ts';
import { InvalidInput } from '../../application/shared/errors.ts';
import { CLIENT_VARIABLES } from './client-variables.ts';
import { failureText, reportFailure } from './failure-report.ts';
import { addOperation, type OperationSurroundings } from './operation-command.ts';
import { write, type Terminal } from './terminal.ts';

/** What the program can do besides calling operations; how, is not its business. */
export interface CliActions extends Omit<OperationSurroundings, 'terminal'> {
  readonly version: string;
  readonly contracts: readonly ContextContract[];
  /** Runs the server to its end; resolves to the exit code. */
  readonly serve: () => Promise<number>;
  /** Each resolves to what it has done, printed as JSON. */
  readonly migrate: () => Promise<unknown>;
  readonly backup: (file: string) => Promise<unknown>;
  readonly restore: (file: string) => Promise<unknown>;
}

/** Runs the command line; resolves to the exit code: 0, or by the kind of error. */
export async function runCli(args: readonly string[], actions: CliActions, terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const print = (value: unknown): Promise<void> => write(terminal.stdout, `${JSON.stringify(value, null, 2)}\n`);
  const program = createProgram(actions.version, terminal);
  program
    .command('serve')
    .description('run the server')
    .action(async () => {
      exitCode = await actions.serve();
    });
  program
    .command('migrate')
    .description('bring the database up to date')
    .action(async () => print(await actions.migrate()));
  program
    .command('backup <file>')
    .description('write the whole database to a file; servers may be using it')
    .action(async (file: string) => print(await actions.backup(file)));
  program
    .command('restore <file>')
    .description('fill an empty database from such a file; no server may be using it')
    .action(async (file: string) => print(await actions.restore(file)));
  for (const contract of actions.contracts) {
    const group = program.command(contract.name).description(`operations of ${contract.name}`);
    for (const [verb, definition] of Object.entries(contract.operations)) {
      addOperation(group, contract, verb, definition, { ...actions, terminal });
    }
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportFailure(error, terminal);
  }
}

function createProgram(version: string, { stdout, stderr }: Terminal): Command {
  return new Command('portolan')
    .description('Business services: run them, or call them on a server that runs.')
    .version(version)
    .addHelpText('after', `\n${environmentHelp}\n\n${exitCodeHelp()}`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, writeError) => writeError(failureText({ code: InvalidInput.code, message: usage(text) })),
    });
}

const environmentHelp = [
  'Environment:',
  ...Object.entries(CLIENT_VARIABLES).map(([name, meaning]) => `  ${name.padEnd(9)}  ${meaning}`),
].join('\n');

/** `2 invalid`, and so on, for all kinds of errors. */
function exitCodeHelp(): string {
  const kinds = Object.entries(ERROR_TABLE).sort(([, a], [, b]) => a.exitCode - b.exitCode);
  const lines = kinds.map(([kind, { exitCode }]) => `  ${exitCode}  ${kind.replaceAll('_', ' ')}`);
  return ['Exit codes:', '  0  done', ...lines].join('\n');
}

/** One line; what stands behind an unknown option may be a secret that was put there by mistake. */
const usage = (text: string): string =>
  text
    .replace(/^error: /, '')
    .replace(/(--[\w-]+)=[^\s']+/g, '$1')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
