import { globSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { before, describe, it } from 'mocha';
import { installedExamples, type InstalledExamples } from '../support/package.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { localLinksOf } from '../support/readme.ts';
import { run, runWell } from '../support/run.ts';
import { databaseRuns, ServerProcess, stopDatabase } from '../support/server-process.ts';

const SUITES = globSync('src/contracts/*/*-contract.ts').map(
  (file) => `portolan/contracts/${basename(dirname(file))}/${basename(file, '.ts')}`,
);

/** Imports an entry in a process of its own and tells which packages were loaded by that, whether by import or require. */
const PROBE = `
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const name = /.*\\/node_modules\\/((@[^/]+\\/)?[^/]+)\\//.exec(resolved.url)?.[1];
      if (name !== undefined) packages.add(name);
      return resolved;
    },
  });
  const exported = await import(process.argv[1]);
  console.log(JSON.stringify({ packages: [...packages].sort(), names: Object.keys(exported) }));
`;

describe('the packed package', function () {
  this.timeout(180_000);
  let examples: InstalledExamples;

  const tool = (path: string): string => fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url));
  const loadedBy = async (entry: string): Promise<{ packages: readonly string[]; names: readonly string[] }> => {
    const args = ['--input-type=module', '--eval', PROBE, entry];
    return JSON.parse(await runWell(process.execPath, args, { cwd: join(examples.folder, 'own-adapter') }));
  };

  before(async () => {
    examples = await installedExamples();
    expect(SUITES).not.to.deep.equal([]);
  });

  it('has no fault that publint knows', async () => {
    const { exitCode, output } = await run(tool('.bin/publint'), [examples.tarball, '--strict']);
    expect(output).to.include('All good!');
    expect(exitCode).to.equal(0);
  });

  it('has types that resolve wherever its code does', async () => {
    const args = [examples.tarball, '--profile', 'esm-only', '--format', 'json'];
    const { exitCode, output } = await run(tool('.bin/attw'), args);
    expect(exitCode, output).to.equal(0);
  });

  it('consists of compiled code, types, migrations, documents and examples, and of nothing else', async () => {
    const listing = await runWell('tar', ['-tzf', examples.tarball]);
    const files = listing.trim().split('\n');
    const code = /^package\/(bin\/portolan\.js|dist\/.+(\.js|\.d\.ts)|migrations\/\d{4}_\w+\.sql|package\.json)$/;
    const documents = /^package\/([A-Z]+(\.md)?|docs\/[\w/-]+\.md|bench\/README\.md|examples\/[\w/.-]+\.(ts|json))$/;
    expect(files.filter((file) => !code.test(file) && !documents.test(file))).to.deep.equal([]);
    const linked = localLinksOf(readFileSync(tool('../README.md'), 'utf8'));
    const isThere = (path: string) =>
      files.some((file) => `${file}/`.startsWith(`package/${path.replace(/\/$/, '')}/`));
    expect(linked.filter((path) => !isThere(path))).to.deep.equal([]);
    expect(files).to.include.members([
      'package/bin/portolan.js',
      'package/dist/cli.js',
      'package/migrations/0001_log.sql',
      'package/LICENSE',
    ]);
  });

  it('depends on nothing that its code does not name', () => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(tool('../package.json'), 'utf8'));
    const code = globSync('src/**/*.ts').map((file) => readFileSync(file, 'utf8'));
    // The container's own peer, which loads it by itself.
    const { 'reflect-metadata': _, ...direct } = dependencies;
    const names = Object.keys({ ...direct, ...peerDependencies }).map((name) => name.replace('@types/', ''));
    const isNamed = (name: string) => code.some((text) => text.includes(`'${name}'`) || text.includes(`'${name}/`));
    expect(names.filter((name) => !isNamed(name))).to.deep.equal([]);
  });

  it('names the Node as its oldest on which the examples are run', async () => {
    const manifest = JSON.parse(readFileSync(tool('../package.json'), 'utf8'));
    const version = await runWell(examples.oldestNode, ['--version']);
    expect(manifest.engines.node).to.equal(`>=${version.trim().slice(1)}`);
  });

  it('has a program that answers on the oldest Node', async () => {
    const program = join(examples.folder, 'node_modules/.bin/portolan');
    const output = await runWell(examples.oldestNode, [program, '--help'], { cwd: examples.folder });
    expect(output).to.match(/Usage: portolan/);
  });

  it('keeps what was compiled beside its code, also when it is killed, and does without where it cannot', async () => {
    const installed = join(examples.folder, 'node_modules/portolan');
    const cache = join(installed, 'node_modules/.cache/portolan');
    const program = join(installed, 'bin/portolan.js');
    await rm(cache, { recursive: true, force: true });
    await mkdir(dirname(cache), { recursive: true });
    await writeFile(cache, 'a file where the folder would be');
    expect(await runWell(examples.oldestNode, [program, '--help'])).to.match(/Usage: portolan/);
    await rm(cache);

    const dataFolder = await temporaryFolder();
    const server = new ServerProcess({ DATA_FOLDER: dataFolder }, undefined, [examples.oldestNode, program, 'serve']);
    try {
      await server.ready();
      expect((await fetch(`${server.url}/livez`)).status).to.equal(200);
      await server.end('SIGKILL');
      const [version = ''] = await readdir(cache);
      expect(await readdir(join(cache, version))).to.have.lengthOf.above(100);
    } finally {
      await server.end('SIGKILL');
      await stopDatabase(dataFolder);
      await rm(dataFolder, { recursive: true, force: true });
    }
  });

  it('serves from a fresh folder on the oldest Node, and ends with 0 when it is told to', async () => {
    const dataFolder = await temporaryFolder();
    const program = join(examples.folder, 'node_modules/.bin/portolan');
    const server = new ServerProcess({ DATA_FOLDER: dataFolder }, undefined, [examples.oldestNode, program, 'serve']);
    try {
      await server.ready();
      const docs = await (await fetch(`${server.url}/docs`)).text();
      const parts = [...docs.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
      expect(parts).not.to.deep.equal([]);
      for (const path of parts) {
        expect((await fetch(new URL(path, `${server.url}/docs`))).status, path).to.equal(200);
      }
      const amount = { amount: '25.00', currency: 'EUR' };
      const { code } = await server.call<{ code: string }>('gift-cards/create', { amount, purchaserId: 'anna' });
      const { currentBalance } = await server.call<{ currentBalance: object }>('gift-cards/check-balance', { code });
      expect(currentBalance).to.deep.equal(amount);
      expect(await server.end('SIGTERM')).to.deep.equal({ code: 0, signal: null });
      expect(await databaseRuns(dataFolder)).to.equal(false);
    } finally {
      await server.end('SIGKILL');
      await stopDatabase(dataFolder);
      await rm(dataFolder, { recursive: true, force: true });
    }
  });

  for (const entry of ['portolan', 'portolan/gift-cards', 'portolan/memory', ...SUITES]) {
    it(`loads nothing but zod and dinero.js with ${entry}`, async () => {
      const { packages, names } = await loadedBy(entry);
      expect(names).not.to.deep.equal([]);
      expect(packages.filter((name) => !['dinero.js', 'portolan', 'zod'].includes(name))).to.deep.equal([]);
    });
  }

  it('loads the parser of cron, and nothing that keeps or serves, with portolan/jobs', async () => {
    const { packages } = await loadedBy('portolan/jobs');
    expect(packages).to.include('cron-parser');
    expect(packages.filter((name) => ['pg', 'express', 'inversify'].includes(name))).to.deep.equal([]);
  });

  it('loads pg, and nothing that serves, with portolan/postgres', async () => {
    const { packages } = await loadedBy('portolan/postgres');
    expect(packages).to.include('pg');
    expect(packages.filter((name) => ['express', 'kafkajs', 'ioredis', 'inversify'].includes(name))).to.deep.equal([]);
  });

  it('loads express, and no store, with portolan/http', async () => {
    const { packages } = await loadedBy('portolan/http');
    expect(packages).to.include('express');
    expect(packages.filter((name) => ['pg', 'kafkajs', 'ioredis', 'inversify'].includes(name))).to.deep.equal([]);
  });

  it('keeps everything that is no entry to itself', async () => {
    const inside = 'portolan/dist/composition/container.js';
    const { output } = await run(process.execPath, ['--input-type=module', '--eval', `import '${inside}'`], {
      cwd: join(examples.folder, 'own-adapter'),
    });
    expect(output).to.include('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});
