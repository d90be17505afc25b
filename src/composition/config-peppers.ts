import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import { peppers } from './config-schemas.ts';
import { ConfigurationError } from './config.ts';
import { keepPrivateFile } from './private-file.ts';

/** The file of the data folder that holds the peppers. */
export const PEPPER_FILE = 'peppers';

/**
 * The peppers in the file `peppers` of the data folder, written as in `PEPPERS`; one is generated if there is none.
 * For development with the embedded database, with which the folder is kept or deleted as a whole. Throws
 * `ConfigurationError` for a file that is damaged.
 */
export async function developmentPeppers(dataFolder: string): Promise<readonly Pepper[]> {
  return parsePeppers(dataFolder, await keepPrivateFile(dataFolder, PEPPER_FILE, newPepper));
}

/** Reads the text of that file. Throws `ConfigurationError` where it is damaged. */
export function parsePeppers(dataFolder: string, text: string): readonly Pepper[] {
  const result = peppers.safeParse(text);
  if (result.success) return result.data;
  const path = join(dataFolder, PEPPER_FILE);
  throw new ConfigurationError([`The file ${path} is damaged: its text cannot be used as PEPPERS`]);
}

const newPepper = (): string => `generated-${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64')}`;
