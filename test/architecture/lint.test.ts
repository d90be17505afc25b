import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { ESLint } from 'eslint';
import { describe, it } from 'mocha';
import tseslint from 'typescript-eslint';

const ROOT = resolve(import.meta.dirname, '../..');

/** Breaches of a rule on what code may reach for, with files where it may not, and files where it may. */
interface Breaches {
  readonly rule: string;
  readonly codes: readonly string[];
  readonly not: readonly string[];
  readonly but: readonly string[];
}

const PURE = {
  not: ['src/domain/shared/money.ts', 'src/application/gift-cards/redeem.ts'],
  but: ['src/infrastructure/system/pause.ts'],
};

const BREACHES: readonly Breaches[] = [
  {
    ...{ rule: 'no-restricted-globals', ...PURE },
    codes: [
      'process.version',
      'crypto.randomUUID()',
      'performance.now()',
      'setTimeout(() => undefined, 1)',
      'setInterval(() => undefined, 1)',
      'setImmediate(() => undefined)',
      'queueMicrotask(() => undefined)',
      "void fetch('http://127.0.0.1')",
      "new WebSocket('ws://127.0.0.1')",
      "new EventSource('http://127.0.0.1')",
      "Buffer.from('a')",
      'globalThis.crypto.randomUUID()',
      'global.crypto.randomUUID()',
    ],
  },
  { rule: 'no-restricted-properties', codes: ['Date.now()', 'Math.random()', 'AbortSignal.timeout(1)'], ...PURE },
  { rule: 'no-console', codes: ["console.log('a')"], not: PURE.not, but: ['src/interfaces/cli/program.ts'] },
  { rule: 'no-restricted-syntax', codes: ['new Date()', 'Date()'], ...PURE },
  {
    rule: 'no-restricted-syntax',
    codes: [
      'void pool.connect()',
      'void site.commandPool.connect()',
      'void class { #pool; a() { return this.#pool.connect(); } }',
    ],
    not: ['src/infrastructure/postgres/migrate.ts', 'src/composition/service.ts'],
    but: ['src/infrastructure/postgres/pools.ts'],
  },
  {
    rule: 'no-restricted-properties',
    codes: ['process.exit(1)', 'process.exitCode = 1', "process.on('SIGTERM', () => undefined)"],
    not: ['src/app.ts', 'src/composition/own-url.ts', 'src/interfaces/cli/program.ts'],
    but: ['src/server.ts', 'src/cli.ts'],
  },
];

describe('the lint rules', function () {
  this.timeout(60_000);
  // A fixture is no file of the project: it has no types, and the rules that need them are left out.
  const linter = new ESLint({ cwd: ROOT, overrideConfig: [tseslint.configs.disableTypeChecked as object] });
  const rulesBroken = async (code: string, file: string): Promise<readonly (string | null)[]> => {
    const [result] = await linter.lintText(`${code};\n`, { filePath: join(ROOT, file) });
    return (result?.messages ?? []).map(({ ruleId }) => ruleId);
  };

  for (const { rule, codes, not, but } of BREACHES) {
    for (const code of codes) {
      it(`refuse ${code} in ${not.join(' and ')}, not in ${but.join(' and ')}`, async () => {
        for (const file of not) expect(await rulesBroken(code, file), file).to.deep.equal([rule]);
        for (const file of but) expect(await rulesBroken(code, file), file).to.deep.equal([]);
      });
    }
  }

  it('let dates be made of what is given', async () => {
    expect(await rulesBroken('new Date(0).getTime()', 'src/domain/shared/money.ts')).to.deep.equal([]);
  });
});
