import { readFile } from 'node:fs/promises';
import { Command, CommanderError } from 'commander';
import type { Caller } from '../../application/shared/client.ts';
import type { ContextContract, OperationDefinition } from '../../application/shared/contract.ts';
import { ERROR_TABLE } from '../../application/shared/error-table.ts';
import { InvalidInput } from '../../application/shared/errors.ts';
import { spell } from '../../application/shared/spelling.ts';
import { DomainError } from '../../domain/shared/domain-error.ts';
import { flagsOf, type Flag } from './operation-flags.ts';
import { readAll, SecretReader, type Terminal } from './terminal.ts';

/** What the program can do besides calling operations; how, is not its business. */
export interface CliActions {
  readonly version: string;
  readonly contracts: readonly ContextContract[];
  /** A client of the server that runs; never starts one. */
  readonly connect: (url: string | undefined) => Promise<Caller>;
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
  const print = (value: unknown): void => void terminal.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  const program = new Command('portolan')
    .description('Business services: run them, or call them on a server that runs.')
    .version(actions.version)
    .option('--url <address>', 'address of the server (default: API_URL, else http://127.0.0.1:3000)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    });
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
    .description('write the whole database to a file')
    .action(async (file: string) => print(await actions.backup(file)));
  program
    .command('restore <file>')
    .description('fill an empty database from such a file')
    .action(async (file: string) => print(await actions.restore(file)));
  for (const contract of actions.contracts) {
    const group = program.command(contract.name).description(`operations of ${contract.name}`);
    for (const [verb, definition] of Object.entries(contract.operations)) {
      addOperation(
        group,
        contract,
        verb,
        definition,
        async (word, input, idempotencyKey) => {
          const caller = await actions.connect(program.opts<{ url?: string }>().url);
          if (definition.kind === 'stream') {
            for await (const item of caller.stream(word, input)) terminal.stdout.write(`${JSON.stringify(item)}\n`);
          } else {
            print(await caller.call(word, input, idempotencyKey === undefined ? {} : { idempotencyKey }));
          }
        },
        terminal,
      );
    }
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, terminal);
  }
}

type Run = (word: string, input: unknown, idempotencyKey: string | undefined) => Promise<void>;

function addOperation(
  group: Command,
  contract: ContextContract,
  verb: string,
  definition: OperationDefinition,
  run: Run,
  terminal: Terminal,
): void {
  const { word, verb: name } = spell(contract, verb);
  const command = group.command(name).description(definition.summary);
  const flags = flagsOf(word, definition);
  for (const { option } of flags) command.addOption(option);
  command.option('--input <file>', 'read the whole input as JSON from a file, or from standard input with -');
  if (definition.kind === 'command') {
    command.option('--idempotency-key <key>', 'repeat a command under its key (default: a new one)');
  }
  command.action(async (options: Readonly<Record<string, unknown>>) => {
    const input = await inputOf(flags, options, terminal);
    await run(word, input, options['idempotencyKey'] as string | undefined);
  });
}

async function inputOf(
  flags: readonly Flag[],
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<Record<string, unknown>> {
  const file = options['input'] as string | undefined;
  const input = file === undefined ? {} : parseInput(await readInput(file, terminal));
  const secrets = new SecretReader(terminal);
  for (const { field, option, secret, required } of flags) {
    const value = options[option.attributeName()];
    if (!secret && value !== undefined) input[field] = value;
    if (secret && (value === true || (required && file === undefined))) input[field] = await secrets.read(field);
  }
  return input;
}

const readInput = (file: string, { stdin }: Terminal): Promise<string> =>
  file === '-' ? readAll(stdin) : readFile(file, 'utf8');

function parseInput(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidInput('The input is not a JSON object.');
}

/** Tells what went wrong as JSON on standard error, and resolves to the exit code of its kind. */
function report(error: unknown, { stderr }: Terminal): number {
  // The library has said it already: help, version, or what is wrong with the arguments.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ERROR_TABLE.invalid.exitCode;
  const known = error instanceof DomainError;
  const { code, details } = known ? error : { code: 'unexpected', details: {} };
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`${JSON.stringify({ error: { code, message, details } }, null, 2)}\n`);
  return ERROR_TABLE[known ? error.kind : 'unexpected'].exitCode;
}
