import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { StaticToken } from '../application/access/index.ts';
import type { Principal } from '../application/shared/call.ts';
import { tokenSecrets } from '../infrastructure/access/token-secrets.ts';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import { developmentPeppers, parsePeppers, PEPPER_FILE } from './config-peppers.ts';
import { ConfigurationError, type Config } from './config.ts';
import { keepPrivateFile, readPrivateFile } from './private-file.ts';

/** The peppers of the configuration, or else those of the data folder, which are made on first use. */
export async function peppersOf(config: Pick<Config, 'peppers' | 'dataFolder'>): Promise<readonly Pepper[]> {
  return config.peppers ?? developmentPeppers(config.dataFolder);
}

/** The same, but none where none were made yet. */
export async function peppersIfThere(config: Pick<Config, 'peppers' | 'dataFolder'>): Promise<readonly Pepper[]> {
  if (config.peppers !== undefined) return config.peppers;
  const text = await readPrivateFile(config.dataFolder, PEPPER_FILE);
  return text === undefined ? [] : parsePeppers(config.dataFolder, text);
}

const ADMIN_TOKEN_FILE = 'admin-token';
const ADMIN_TOKEN = /^dev_[\w-]{32}$/;
const ADMIN: Principal = { id: 'token:admin', kind: 'token', tenant: 'default', permissions: new Set(['*']) };

/**
 * The administrator's token: by its hash from the configuration, or else, outside of production and with the embedded
 * database only, one that is generated into a file of the data folder that only its owner can read.
 */
export async function developmentAdmin(
  config: Config,
): Promise<{ readonly text: string | undefined; readonly tokens: readonly StaticToken[] }> {
  const { adminTokenSha256, databaseUrl, nodeEnv, dataFolder } = config;
  if (adminTokenSha256 !== undefined)
    return { text: undefined, tokens: [{ hash: adminTokenSha256, principal: ADMIN }] };
  if (databaseUrl !== undefined || nodeEnv === 'production') return { text: undefined, tokens: [] };
  const text = await keepPrivateFile(dataFolder, ADMIN_TOKEN_FILE, newAdminToken);
  if (!ADMIN_TOKEN.test(text)) {
    throw new ConfigurationError([
      `The file ${join(dataFolder, ADMIN_TOKEN_FILE)} is damaged: delete it, and the next start makes another token`,
    ]);
  }
  return { text, tokens: [{ hash: tokenSecrets.hash(text), principal: ADMIN }] };
}

/** The administrator's token of a data folder, where a server has made one. */
export function adminTokenIfThere(dataFolder: string): Promise<string | undefined> {
  return readPrivateFile(dataFolder, ADMIN_TOKEN_FILE);
}

const newAdminToken = (): string => `dev_${randomBytes(24).toString('base64url')}`;
