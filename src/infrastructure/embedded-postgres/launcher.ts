import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chown, stat } from 'node:fs/promises';
import { linkLibraries } from './binaries.ts';
import type { Binaries } from './binaries.ts';
import { codeOf, EmbeddedPostgresError, messageOf } from './embedded-postgres-error.ts';

/** A user of the operating system by number. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** How PostgreSQL's programs are started on this machine. */
export interface Launcher {
  /** The account that they run as; absent where it is this process's own. */
  readonly account?: Account;
  /** The version that the server program reports, such as `18.4`. */
  readonly version: string;
  launch(program: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
}

type Launch = Launcher['launch'];

/** What a program that has ended said. `code` is null when it was killed or could not be started. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const launchDirectly: Launch = (program, args, options = {}) =>
  spawn(program, args, { ...options, env: { ...serverEnvironment(), ...options.env } });

/**
 * Finds a way to run PostgreSQL's programs on a cluster in `dataFolder`, and proves it by running one. PostgreSQL
 * refuses to run as root, so root runs them as `owner` (the account that the existing cluster or folder belongs
 * to), else as `postgres`, else as `nobody`; and where a closed parent folder such as /root keeps that account
 * from the programs or from the data, with the one capability that looks past file permissions.
 *
 * @throws EmbeddedPostgresError when no way works
 */
export async function chooseLauncher(
  binaries: Binaries,
  dataFolder: string,
  owner: Account | undefined,
): Promise<Launcher> {
  if (process.getuid?.() !== 0) {
    const outcome = await probe(launchDirectly, binaries, binaries.postgres, ['--version']);
    if (outcome.code === 0) return { version: versionIn(outcome.stdout), launch: launchDirectly };
    throw new EmbeddedPostgresError(
      `PostgreSQL's programs do not run (npm package ${binaries.packageName}): ${reason(outcome)}`,
    );
  }
  const account = owner ?? (await findAccount('postgres')) ?? (await findAccount('nobody'));
  if (account === undefined) {
    throw new EmbeddedPostgresError('PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody"');
  }
  const failures: string[] = [];
  for (const launch of [launchAs(account), launchWithCapability(account)]) {
    const script = 'cd "$1" && exec "$2" --version';
    const outcome = await probe(launch, binaries, 'sh', ['-c', script, 'sh', dataFolder, binaries.postgres]);
    // PostgreSQL reports its version even where it finds that it could not run, and warns.
    const works = outcome.code === 0 && !outcome.stderr.includes('Permission denied');
    if (works) return { account, version: versionIn(outcome.stdout), launch };
    failures.push(reason(outcome));
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL refuses to run as root, and does not run as user ${account.uid} either: ${failures.join('; ')}`,
  );
}

/** Runs a program to its end. Never rejects: a program that cannot be started says so in `stderr`. */
export async function run(launch: Launch, program: string, args: readonly string[]): Promise<Outcome> {
  const output = { stdout: '', stderr: '' };
  try {
    const child = launch(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...output };
  } catch (error) {
    return { ...output, code: null, stderr: messageOf(error) };
  }
}

/** Gives a file that root has written to the owner of the folder it lies in, who may be the next to start. */
export async function giveToOwnerOf(folder: string, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  await chown(path, uid, gid);
}

function launchAs({ uid, gid }: Account): Launch {
  return (program, args, options) => launchDirectly(program, args, { ...options, uid, gid });
}

/**
 * CAP_DAC_OVERRIDE is among Docker's default capabilities; CAP_DAC_READ_SEARCH, which would do less, is not. The
 * secure bit lets access(2) heed the capability too: PostgreSQL checks its programs by it, and it looks at the real
 * user alone otherwise.
 */
function launchWithCapability({ uid, gid }: Account): Launch {
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--securebits=+no_setuid_fixup'];
  const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return (program, args, options) =>
    launchDirectly('setpriv', [...identity, ...capability, '--', program, ...args], options);
}

/** One attempt, repeated once after the libraries' links have been made if those were missing. */
async function probe(launch: Launch, binaries: Binaries, program: string, args: readonly string[]): Promise<Outcome> {
  const outcome = await run(launch, program, args);
  if (outcome.code === 0 || !outcome.stderr.includes('shared libraries')) return outcome;
  try {
    await linkLibraries(binaries);
  } catch (error) {
    return { ...outcome, stderr: `${outcome.stderr.trim()} (${messageOf(error)})` };
  }
  return run(launch, program, args);
}

async function findAccount(name: string): Promise<Account | undefined> {
  const [user, group] = await Promise.all([
    run(launchDirectly, 'id', ['-u', name]),
    run(launchDirectly, 'id', ['-g', name]),
  ]);
  if (user.code !== 0 || group.code !== 0) return undefined;
  return { uid: Number(user.stdout), gid: Number(group.stdout) };
}

/** The account that owns `path`, unless that is root or `path` does not exist. */
export async function ownerOf(path: string): Promise<Account | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return uid === 0 ? undefined : { uid, gid };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** This process's environment without the PG… variables, which would change the server's settings, in plain English. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

function versionIn(output: string): string {
  return /(\d+(?:\.\d+)*)/.exec(output)?.[1] ?? '';
}

function reason(outcome: Outcome): string {
  return outcome.stderr.trim().split('\n').at(-1) || `exit code ${String(outcome.code)}`;
}
