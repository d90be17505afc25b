import { expect } from 'chai';
import { describe, it } from 'mocha';
import { fileURLToPath } from 'node:url';
import { runWell } from '../support/run.ts';

const SUITE = fileURLToPath(new URL('../support/skipping-contract.ts', import.meta.url));
const MOCHA = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));
const VITEST = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));
const VITEST_CONFIG = fileURLToPath(new URL('../support/vitest.config.ts', import.meta.url));
const SKIPPED = 'never runs this (skipped: the adapter lacks flight)';

/** What a test framework prints of the suite. */
const printed = (framework: string, args: readonly string[]): Promise<string> =>
  runWell(process.execPath, [...args, SUITE], { env: { ...process.env, FRAMEWORK: framework } });

describe('A contract case that the adapter cannot keep', () => {
  it('is skipped with the reason under mocha', async () => {
    const output = await printed('mocha', [MOCHA, '--no-config', '--reporter', 'json']);
    const { stats, pending } = JSON.parse(output) as { stats: object; pending: { title: string }[] };
    expect(stats).to.include({ passes: 2, pending: 1, failures: 0 });
    expect(pending.map(({ title }) => title)).to.deep.equal([SKIPPED]);
  });

  it('is skipped with the reason under vitest', async function () {
    this.timeout(30_000);
    const env = { ...process.env, FRAMEWORK: 'vitest' };
    const output = await runWell(process.execPath, [VITEST, 'run', '--config', VITEST_CONFIG], { env });
    const lines = output.split('\n').filter((line) => /^(not )?ok /.test(line));
    expect(lines).to.have.length(3);
    expect(lines.filter((line) => line.includes(`${SKIPPED} # SKIP`))).to.have.length(1);
    expect(lines.filter((line) => line.startsWith('ok ') && !line.includes('# SKIP'))).to.have.length(2);
  });

  it('is skipped with the reason under node:test', async () => {
    const output = await printed('node:test', ['--test-reporter', 'tap']);
    expect(output).to.include(`${SKIPPED} # SKIP`);
    expect(output)
      .to.match(/^# pass 2$/m)
      .and.match(/^# skipped 1$/m);
  });
});
