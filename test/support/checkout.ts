import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { temporaryFolder } from './postgres.ts';
import { runWell } from './run.ts';

/** The checkout that the tests belong to. */
export const CHECKOUT = resolve(import.meta.dirname, '../..');

/** A copy of what a commit of the work tree would hold, in a temporary folder; without `node_modules`. */
export async function copyOfCheckout(): Promise<string> {
  const folder = await temporaryFolder();
  const list = await runWell('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: CHECKOUT,
  });
  for (const file of list.split('\0').filter((name) => name !== '' && existsSync(join(CHECKOUT, name)))) {
    await cp(join(CHECKOUT, file), join(folder, file));
  }
  return folder;
}
