import { cp, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './postgres.ts';
import { runWell } from './run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The examples, installed from the packed package as a user would have them. */
export interface InstalledExamples {
  readonly folder: string;
  /** The package as it would be published. */
  readonly tarball: string;
}

let installed: Promise<InstalledExamples> | undefined;

/** Packs this package and installs the examples with it into a temporary folder; once for all tests of this process. */
export function installedExamples(): Promise<InstalledExamples> {
  return (installed ??= install());
}

async function install(): Promise<InstalledExamples> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'packed'));
  await runWell('npm', ['pack', '--pack-destination', join(folder, 'packed')], { cwd: ROOT });
  const tarball = join(folder, 'portolan.tgz');
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  await rename(join(folder, 'packed', `portolan-${version}.tgz`), tarball);
  await cp(join(ROOT, 'examples'), folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
  // Nothing that is needed here has an install script.
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  await runWell('npm', ['install', ...quick], { cwd: folder });
  return { folder, tarball };
}
