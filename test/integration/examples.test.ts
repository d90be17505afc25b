import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { installedExamples, type InstalledExamples } from '../support/package.ts';
import { freePort } from '../support/ports.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { cleanEnvironment, collect, runWell } from '../support/run.ts';

const PEPPERS = `1:${'5eed'.repeat(11)}`;

describe('the examples, installed from the packed package, on the oldest Node', function () {
  this.timeout(180_000);
  let examples: InstalledExamples;
  let database: TestDatabase;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    [examples, database] = await Promise.all([installedExamples(), testDatabase()]);
    env = { ...examples.environment, DATABASE_URL: database.ownerUrl, PEPPERS };
  });
  after(async () => database?.close());

  it('have types that fit', async () => {
    const compiler = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
    expect(await runWell(process.execPath, [compiler, '--project', examples.folder])).to.equal('');
  });

  it('sell and take gift cards in an Express service of fewer than 30 lines', async () => {
    const folder = join(examples.folder, 'embedded-express');
    expect(readFileSync(join(folder, 'server.ts'), 'utf8').trim().split('\n')).to.have.lengthOf.below(30);
    const PORT = String(await freePort());
    const args = ['--experimental-strip-types', 'server.ts'];
    const child = spawn('node', args, { cwd: folder, env: { ...cleanEnvironment(), ...env, PORT } });
    const output = collect(child);
    try {
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      expect(output()).to.include('listening');
      const post = async (path: string, body: unknown): Promise<[number, Record<string, unknown>]> => {
        const headers = { 'content-type': 'application/json' };
        const init = { method: 'POST', headers, body: JSON.stringify(body) };
        const response = await fetch(`http://127.0.0.1:${PORT}${path}`, init);
        return [response.status, (await response.json()) as Record<string, unknown>];
      };
      const amount = { amount: '25.00', currency: 'EUR' };
      const [created, { code }] = await post('/cards', { amount, purchaserId: 'anna' });
      expect(created).to.equal(201);
      const [paid, redemption] = await post('/orders/1/payments', { code, amount: { amount: '10.00' } });
      expect([paid, redemption.remainingBalance]).to.deep.equal([200, { amount: '15.00', currency: 'EUR' }]);
      const [refused, failure] = await post('/orders/2/payments', { code, amount: { amount: '15.01' } });
      expect([refused, failure.code]).to.deep.equal([422, 'gift_cards.insufficient_balance']);
    } finally {
      child.kill('SIGTERM');
      const [exitCode] = (await once(child, 'exit')) as [number | null];
      expect(exitCode, output()).to.equal(0);
    }
  });

  it('redeem inside of a transaction of their own', async () => {
    const output = await runWell('npm', ['start', '--workspace', 'own-transaction'], { cwd: examples.folder, env });
    expect(output).to.include('60.00: paid\n50.00: refused\norders: 60.00\nleft on the card: 40.00\n');
    expect(output).not.to.match(/deprecat/i);
  });

  it('prove an adapter of their own under node:test', async () => {
    const output = await runWell('npm', ['test', '--workspace', 'own-adapter'], { cwd: examples.folder, env });
    const [, passed] = /^# pass (\d+)$/m.exec(output) ?? [];
    expect(Number(passed)).to.be.above(50);
    expect(output).to.match(/^# fail 0$/m);
    // What the adapter says it cannot do shows as skipped, with the reason, not as passed.
    expect(output)
      .to.match(/^ *ok .*the adapter lacks transaction.*# SKIP/m)
      .and.not.match(/^# skipped 0$/m);
  });
});
