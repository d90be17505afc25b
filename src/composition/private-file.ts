import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The text of a file in a folder, without the blanks around it; undefined where it isn't there. */
export async function readPrivateFile(folder: string, name: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, name), 'utf8')).trim();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Reads a file of the folder, and makes it first where it isn't there: with the text that `generate` returns, for its
 * owner alone to read. It is there whole or not at all, and of two processes that make it at once both get the same.
 */
export async function keepPrivateFile(folder: string, name: string, generate: () => string): Promise<string> {
  const there = await readPrivateFile(folder, name);
  if (there !== undefined) return there;
  const text = generate();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
    return text;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    // Another process was faster: its text counts.
    return (await readPrivateFile(folder, name)) ?? text;
  } finally {
    await rm(draft, { force: true });
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
