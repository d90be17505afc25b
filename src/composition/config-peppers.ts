import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import { peppers } from './config-schemas.ts';
import { ConfigurationError } from './config.ts';

/**
 * The peppers in the file `peppers` of the data folder, written as in `PEPPERS`; one is generated if there is none.
 * For development with the embedded database, with which the folder is kept or deleted as a whole. The file can be
 * read by its owner only, is there whole or not at all, and of two processes that start at once both get the same.
 * Throws `ConfigurationError` for a file that is damaged.
 */
export async function developmentPeppers(dataFolder: string): Promise<readonly Pepper[]> {
  const path = join(dataFolder, 'peppers');
  const text = (await readIfThere(path)) ?? (await generate(dataFolder, path));
  const result = peppers.safeParse(text.trim());
  if (!result.success)
    throw new ConfigurationError([`The file ${path} is damaged: its text cannot be used as PEPPERS`]);
  return result.data;
}

async function generate(dataFolder: string, path: string): Promise<string> {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`generated-${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    // Another process was faster: its peppers count.
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
