import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { CHECKOUT, copyOfCheckout } from '../support/checkout.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { collect } from '../support/run.ts';
import { databaseRuns, stopDatabase } from '../support/server-process.ts';

describe('the ways to start a server', function () {
  this.timeout(120_000);
  let dataFolder: string;
  let child: ChildProcess | undefined;

  beforeEach(async () => void (dataFolder = await temporaryFolder()));
  afterEach(async () => {
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, 'SIGKILL');
      await once(child, 'exit');
    }
    await stopDatabase(dataFolder);
    await rm(dataFolder, { recursive: true, force: true });
  });

  /** Starts a program that leads a process group of its own, with nothing set but this. */
  function start(program: string, args: readonly string[], cwd: string) {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, PORT: '0', DATA_FOLDER: dataFolder };
    const started = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    const output = collect(started);
    /** Resolves to where it listens once it has said so this many times. */
    const listening = async (times: number): Promise<string> => {
      for (;;) {
        const lines = output().split('\n');
        const said = lines.filter((line) => line.includes('"message":"listening"') && line.endsWith('}'));
        if (said.length >= times) return (JSON.parse(said.at(-1) ?? '') as { readonly url: string }).url;
        if (started.exitCode !== null) throw new Error(`It ended with ${started.exitCode}:\n${output()}`);
        await sleep(50);
      }
    };
    return { child: started, output, listening };
  }

  const statusOf = async (url: string): Promise<number> => (await fetch(`${url}/livez`)).status;

  it('`npm run dev` starts it anew when a source changes', async () => {
    const copy = await copyOfCheckout();
    try {
      await symlink(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'));
      const { child: npm, listening } = start('npm', ['run', 'dev'], copy);
      expect(await statusOf(await listening(1))).to.equal(200);
      await appendFile(join(copy, 'src/domain/shared/money.ts'), '\n// Changed.\n');
      expect(await statusOf(await listening(2))).to.equal(200);
      process.kill(-(npm.pid ?? 0), 'SIGTERM');
      await once(npm, 'exit');
      while (await databaseRuns(dataFolder)) await sleep(50);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });

  it('`portolan serve` serves until SIGTERM, and ends with 0', async () => {
    const { child: program, output, listening } = start(process.execPath, ['bin/portolan.js', 'serve'], CHECKOUT);
    expect(await statusOf(await listening(1))).to.equal(200);
    const ended = once(program, 'exit');
    program.kill('SIGTERM');
    expect(await ended, output()).to.deep.equal([0, null]);
    expect(await databaseRuns(dataFolder)).to.equal(false);
  });
});
