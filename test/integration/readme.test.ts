import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { migrate } from '../../src/infrastructure/postgres/migrate.ts';
import { CHECKOUT, copyOfCheckout } from '../support/checkout.ts';
import { installedExamples } from '../support/package.ts';
import { freePort } from '../support/ports.ts';
import { testDatabase } from '../support/postgres.ts';
import { blocksOf, localLinksOf } from '../support/readme.ts';
import { cleanEnvironment, collect, runWell } from '../support/run.ts';

const README = readFileSync(join(CHECKOUT, 'README.md'), 'utf8');
const MAX_LINES = 150;
const PEPPERS = `1:${'5eed'.repeat(11)}`;

const blocks = blocksOf(README);
const shell = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
const START = 'npm ci && npm start\n';
const TEST = 'npm ci && npm test\n';

describe('the README', function () {
  this.timeout(300_000);

  it(`has at most ${MAX_LINES} lines, and blocks of known languages only`, () => {
    expect(README.trimEnd().split('\n')).to.have.lengthOf.at.most(MAX_LINES);
    expect(new Set(blocks.map(({ language }) => language))).to.deep.equal(new Set(['sh', 'ts']));
  });

  it('names the commands that start and test it, which are those of CI', () => {
    expect(shell).to.include.members([START, TEST]);
    expect(readFileSync(join(CHECKOUT, '.ci/run'), 'utf8')).to.match(/npm ci[^&]*&& npm test/);
  });

  it('links to files that are there', () => {
    const targets = localLinksOf(README);
    expect(targets).not.to.deep.equal([]);
    expect(targets.filter((target) => !existsSync(join(CHECKOUT, target)))).to.deep.equal([]);
  });

  describe('in a fresh copy of the repository', () => {
    let folder: string;
    let server: ChildProcess;
    let output: () => string;
    let port: string;
    let env: NodeJS.ProcessEnv;

    before(async () => {
      folder = await copyOfCheckout();
      port = String(await freePort());
      env = { ...newcomersEnvironment(), PORT: port };
      server = spawn('bash', ['-c', START], { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      output = collect(server);
    });
    after(async () => {
      if (server?.pid !== undefined && server.exitCode === null) {
        process.kill(-server.pid, 'SIGTERM');
        await once(server, 'exit');
      }
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });

    it('starts a server', async () => {
      await answers(`http://127.0.0.1:${port}/readyz`, server, output);
      expect(output()).to.include(`http://127.0.0.1:${port}`);
    });

    for (const block of shell.filter((text) => text !== START && text !== TEST)) {
      it(`runs: ${firstLine(block)}`, async () => {
        const here = block.replaceAll('127.0.0.1:3000', `127.0.0.1:${port}`);
        const printed = await runWell('bash', ['-euo', 'pipefail', '-c', here], { cwd: folder, env });
        expect(printed).not.to.match(/"success": ?false/);
      });
    }
  });

  for (const { text } of blocks.filter(({ language }) => language === 'ts')) {
    it(`has types that fit, and runs: ${firstLine(text)}`, async () => {
      const [examples, database] = await Promise.all([installedExamples(), testDatabase()]);
      try {
        await migrate(database.ownerUrl);
        const port = await freePort();
        const file = join(examples.folder, 'readme', 'block.ts');
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text.replace(/listen\(\d+/, `listen(${port}`));
        const compiler = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
        await runWell(process.execPath, [compiler, '--project', examples.folder]);
        await runsUntilStopped(file, port, { ...cleanEnvironment(), DATABASE_URL: database.ownerUrl, PEPPERS });
      } finally {
        await database.close();
      }
    });
  }
});

/** A service that listens, or a program that ends well. */
async function runsUntilStopped(file: string, port: number, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, [file], { cwd: dirname(file), env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  try {
    await answers(`http://127.0.0.1:${port}/`, child, collect(child));
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

/** Resolves when there is an answer, whatever it is; rejects with what the program printed if it ends before. */
async function answers(url: string, program: ChildProcess, output: () => string): Promise<void> {
  while (program.exitCode === null) {
    const answered = await fetch(url).then(
      (response) => response.status !== 503,
      () => false,
    );
    if (answered) return;
    await sleep(100);
  }
  throw new Error(`It ended with ${program.exitCode}:\n${output()}`);
}

/** No configuration of the program, and not this project's own Node. */
function newcomersEnvironment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _, DATABASE_URL: __, API_URL: ___, API_TOKEN: ____, PATH = '', ...rest } = cleanEnvironment();
  const own = PATH.split(delimiter).filter((path) => !path.includes('node_modules'));
  return { ...rest, PATH: own.join(delimiter), npm_config_prefer_offline: 'true' };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
