import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What became of a program. */
export interface Ran {
  readonly exitCode: number | null;
  /** Both streams, in the order in which they came. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** The environment without what npm tells its scripts and what collects this process's coverage. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const told =
    /^(npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)|INIT_CWD$|NODE_V8_COVERAGE$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !told.test(name)));
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], { cwd, env }: RunOptions = {}): Promise<Ran> {
  const child = spawn(program, args, {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, output: output() };
}

/** The same, for a program that has to succeed; gives what it printed. */
export async function runWell(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, output } = await run(program, args, options);
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}:\n${output}`);
  return output;
}

/** Gathers what a child prints, from now on. */
export function collect(child: ChildProcess): () => string {
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => void parts.push(text));
  }
  return () => parts.join('');
}
