import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { needsKey, type CallOptions, type Caller } from '../../application/shared/client.ts';
import type { ContextContract, OperationDefinition } from '../../application/shared/contract.ts';
import { InvalidInput } from '../../application/shared/errors.ts';
import { spell } from '../../application/shared/spelling.ts';
import type { CLIENT_VARIABLES } from './client-variables.ts';
import { CommandFailure } from './failure-report.ts';
import { flagsOf, valueOf, type Flag } from './operation-flags.ts';
import { readAll, SecretReader, write, type Terminal } from './terminal.ts';

/** Where operations are called and their answers go. */
export interface OperationSurroundings {
  /** A client of the server that runs; `server` is its address where the user names one. Calls take so long at most. */
  readonly connect: (server: string | undefined, deadlineMs: number) => Promise<Caller>;
  /** Makes idempotency keys. */
  readonly newKey: () => string;
  readonly terminal: Terminal;
}

/** The options that every operation has, besides those of its input. */
interface CommonOptions {
  readonly input?: string;
  readonly idempotencyKey?: string;
  readonly after?: string;
  readonly server?: string;
  readonly timeout?: number;
}

/** A server answers or refuses within its own deadline, mostly 10 seconds; this is for one that does neither. */
const DEFAULT_SECONDS = 60;

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds, at most 86400.');
}

/** Adds `gift-cards redeem` with everything that it takes to the commands of its context. */
export function addOperation(
  group: Command,
  contract: ContextContract,
  verb: string,
  definition: OperationDefinition,
  surroundings: OperationSurroundings,
): void {
  const { word, verb: name } = spell(contract, verb);
  const command = group.command(name).description(definition.summary);
  const flags = flagsOf(word, definition);
  for (const { option } of flags) command.addOption(option);
  command.option('--input <file>', 'read the whole input as JSON from a file, or from standard input with -');
  if (needsKey(definition)) {
    command.option('--idempotency-key <key>', 'repeat a command under its key (default: a new one)');
  }
  if (definition.kind !== 'command') {
    command.option('--after <position>', 'wait until the change with this meta.position is visible');
  }
  command.addOption(
    new Option('--server <address>', 'address of the server').env('API_URL' satisfies keyof typeof CLIENT_VARIABLES),
  );
  command.option('--timeout <seconds>', `give up after so long (default: ${DEFAULT_SECONDS})`, secondsOf);
  command.action(async (options: Readonly<Record<string, unknown>>) => {
    const input = await inputOf(flags, options, surroundings.terminal);
    await run(word, definition, input, options, surroundings);
  });
}

async function run(
  word: string,
  definition: OperationDefinition,
  input: unknown,
  { idempotencyKey, after, server, timeout = DEFAULT_SECONDS }: CommonOptions,
  { connect, newKey, terminal: { stdout } }: OperationSurroundings,
): Promise<void> {
  const caller = await connect(server, timeout * 1000);
  const options: CallOptions = after === undefined ? {} : { after };
  if (definition.kind === 'stream') {
    for await (const item of caller.stream(word, input, options)) await write(stdout, `${JSON.stringify(item)}\n`);
    return;
  }
  const key = needsKey(definition) ? (idempotencyKey ?? newKey()) : undefined;
  try {
    const answer = await caller.call(word, input, key === undefined ? options : { idempotencyKey: key });
    await write(stdout, `${JSON.stringify(answer, null, 2)}\n`);
  } catch (error) {
    throw key === undefined ? error : new CommandFailure(error, key);
  }
}

/** What the file says, then the flags, then the secrets that are asked for. */
async function inputOf(
  flags: readonly Flag[],
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<Record<string, unknown>> {
  const { input: file } = options as CommonOptions;
  const input = file === undefined ? {} : parseInput(await readInput(file, terminal));
  const secrets = new SecretReader(terminal);
  for (const { field, option, secret, required } of flags) {
    const value = options[option.attributeName()];
    if (!secret) {
      if (value !== undefined) input[field] = valueOf(value);
    } else if (value === true || (required && input[field] === undefined)) {
      if (file === '-') throw new InvalidInput(`Standard input is the whole input already: put ${field} into it.`);
      input[field] = await secrets.read(field);
    }
  }
  return input;
}

async function readInput(file: string, { stdin }: Terminal): Promise<string> {
  if (file === '-') return readAll(stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new InvalidInput(`The input cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseInput(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidInput('The input is not a JSON object.');
}
