import { rmSync } from 'node:fs';
import { cp, rename } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../src/composition/version.ts';
import { temporaryFolder } from './postgres.ts';
import { runWell } from './run.ts';

/** The first release that `engines` in package.json names; the examples are run on it. */
const OLDEST_NODE = '22.12.0';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The examples, installed from the packed package as a user would have them. */
export interface InstalledExamples {
  readonly folder: string;
  /** The package as it would be published. */
  readonly tarball: string;
  /** The oldest Node that the package runs on. */
  readonly oldestNode: string;
  /** An environment in which `node` is that one. */
  readonly environment: NodeJS.ProcessEnv;
}

let installed: Promise<InstalledExamples> | undefined;

/** Packs this package and installs the examples with it into a temporary folder; once for all tests of this process. */
export function installedExamples(): Promise<InstalledExamples> {
  return (installed ??= install());
}

async function install(): Promise<InstalledExamples> {
  const folder = await temporaryFolder();
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const tarball = join(folder, 'portolan.tgz');
  await runWell('npm', ['pack', '--pack-destination', folder], { cwd: ROOT });
  await rename(join(folder, `portolan-${VERSION}.tgz`), tarball);
  await cp(join(ROOT, 'examples'), folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
  // Nothing that is needed here has an install script.
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  await runWell('npm', ['install', ...quick], { cwd: folder });
  // The package `node` of npm is made of one package for each platform; theirs need no script.
  const node = `node-${process.platform}-${process.arch}`;
  const beside = join(folder, 'oldest-node');
  await runWell('npm', ['install', ...quick, '--prefix', beside, `${node}@${OLDEST_NODE}`], { cwd: folder });
  const bin = join(beside, 'node_modules', node, 'bin');
  return {
    ...{ folder, tarball, oldestNode: join(bin, 'node') },
    environment: { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
  };
}
