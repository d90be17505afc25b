import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StaticToken } from '../application/access/index.ts';
import type { Principal } from '../application/shared/call.ts';
import { tokenSecrets } from '../infrastructure/access/token-secrets.ts';
import type { Pepper } from '../infrastructure/system/pepper.ts';
import { developmentPeppers } from './config-peppers.ts';
import type { Config } from './config.ts';

/** The peppers of the configuration, or else those of the data folder. */
export async function peppersOf(config: Config): Promise<readonly Pepper[]> {
  return config.peppers ?? developmentPeppers(config.dataFolder);
}

const ADMIN_TOKEN_FILE = 'admin-token';
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
  const text = await adminTokenIn(dataFolder);
  return { text, tokens: [{ hash: tokenSecrets.hash(text), principal: ADMIN }] };
}

/** The administrator's token of a data folder, where a server has made one. */
export async function adminTokenIfThere(dataFolder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataFolder, ADMIN_TOKEN_FILE), 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Reads the token of a data folder; makes one on first use. The folder belongs to one server at a time. */
async function adminTokenIn(dataFolder: string): Promise<string> {
  const there = await adminTokenIfThere(dataFolder);
  if (there !== undefined) return there;
  const text = `dev_${randomBytes(24).toString('base64url')}`;
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  await writeFile(join(dataFolder, ADMIN_TOKEN_FILE), `${text}\n`, { mode: 0o600, flag: 'wx' });
  return text;
}
