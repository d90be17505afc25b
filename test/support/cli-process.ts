import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PROGRAM } from './program.ts';

/** What became of a run of the command line. */
export interface CliRan {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Nothing else is set, but for the path of programs. */
  readonly env?: NodeJS.ProcessEnv;
  /** What comes on standard input; nothing if left out. */
  readonly input?: string;
}

/** Runs the command line as users do. */
export async function cli(args: readonly string[], { env, input = '' }: CliOptions = {}): Promise<CliRan> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env: { PATH: process.env['PATH'], ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program that reads nothing may be gone before all of it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, stdout, stderr };
}

/** The same, for a run that has to succeed; gives the JSON that it printed. */
export async function cliJson<T>(args: readonly string[], options: CliOptions = {}): Promise<T> {
  const { exitCode, stdout, stderr } = await cli(args, options);
  if (exitCode !== 0) throw new Error(`portolan ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

/** The command that runs it in a shell. */
export const cliCommand = `${process.execPath} ${PROGRAM}`;
