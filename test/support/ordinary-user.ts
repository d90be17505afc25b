import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Context } from 'mocha';
import { skip } from './skip.ts';

/** Begins a command that an ordinary user is to run. */
export const AS_ORDINARY_USER = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;

/** Skips a test that has to run the program as somebody else, where nobody else can reach it. */
export async function requireOrdinaryUser(context: Context): Promise<void> {
  if (process.getuid?.() !== 0) skip(context, 'only root can change to another account');
  const [command, ...options] = AS_ORDINARY_USER;
  const canRead = promisify(execFile)(command, [...options, 'test', '-r', fileURLToPath(import.meta.url)]);
  if (
    !(await canRead.then(
      () => true,
      () => false,
    ))
  )
    skip(context, 'the project lies in a folder closed to others');
}
