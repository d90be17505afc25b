import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { describe, it } from 'mocha';
import { importViolations, layoutViolations, LAYOUT_RULES, sourcesOf, type Violation } from './check.ts';
import { RULES } from './rules.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FIXTURES = join(import.meta.dirname, 'fixtures');

const violations = async (folder: string): Promise<readonly Violation[]> => [
  ...(await importViolations(folder)),
  ...layoutViolations(folder),
];

describe('the architecture', function () {
  this.timeout(60_000);

  it('is kept by every source file', async () => {
    expect(await violations(ROOT)).to.deep.equal([]);
    expect(sourcesOf(ROOT)).to.include.members(['src/server.ts', 'src/domain/shared/money.ts']);
  });

  it('is not said to be kept where there is nothing to look at', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'portolan-empty-'));
    try {
      const failure = await violations(empty).then(() => undefined, String);
      expect(failure).to.include('There is no source file');
    } finally {
      rmSync(empty, { recursive: true });
    }
  });

  it('has a fixture for each rule', () => {
    const names = [...RULES.map(({ name }) => name), ...LAYOUT_RULES].sort();
    expect(readdirSync(FIXTURES).sort()).to.deep.equal(names);
  });

  for (const name of [...RULES.map((rule) => rule.name), ...LAYOUT_RULES]) {
    it(`notices a breach of ${name}, and takes it for no other`, async () => {
      const found = await violations(join(FIXTURES, name));
      expect(new Set(found.map(({ rule }) => rule))).to.deep.equal(new Set([name]));
    });
  }
});
