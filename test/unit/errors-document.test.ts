import { glob, readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { ERROR_TABLE } from '../../src/application/shared/error-table.ts';
import { errorsDocument } from '../../src/composition/errors-document.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';
import { CLI_FAILURES, CliFailure, reportFailure } from '../../src/interfaces/cli/failure-report.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

/** The codes of all classes of errors in the sources. */
async function declaredCodes(): Promise<ReadonlySet<string>> {
  const root = new URL('../../src/', import.meta.url);
  const codes = new Set<string>();
  for await (const file of glob('{domain,application,interfaces}/**/*.ts', { cwd: root })) {
    const source = await readFile(new URL(file, root), 'utf8');
    if (!source.includes('extends DomainError')) continue;
    const module = (await import(new URL(file, root).href)) as Record<string, unknown>;
    for (const value of Object.values(module)) {
      if (typeof value === 'function' && value.prototype instanceof DomainError && 'code' in value) {
        codes.add(String(value.code));
      }
    }
  }
  return codes;
}

/** `kind code` of each failure that the program itself throws. */
async function thrownByProgram(): Promise<ReadonlySet<string>> {
  const root = new URL('../../src/', import.meta.url);
  const found = new Set<string>();
  for await (const file of glob('{cli.ts,{composition,interfaces/cli}/*.ts}', { cwd: root })) {
    const source = await readFile(new URL(file, root), 'utf8');
    if (!source.includes('new CliFailure(')) continue;
    const thrown = [...source.matchAll(/\b(?:CliFailure|failure)\(\s*'(\w+)',\s*'([\w.]+)'/g)];
    expect(thrown, `${file} throws what this test cannot read`).not.to.deep.equal([]);
    for (const [, kind, code] of thrown) found.add(`${kind} ${code}`);
  }
  return found;
}

describe('The table of errors', () => {
  it('is committed as the program writes it', async () => {
    const committed = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    expect(committed, 'run npm run docs').to.equal(errorsDocument());
  });

  it('has every code that a class declares, and no other', async () => {
    const documented = new Set([...errorsDocument().matchAll(/^\| `([a-z_.]+)` \|/gm)].map(([, code]) => code ?? ''));
    const declared = await declaredCodes();
    expect(declared.size).to.be.greaterThan(40);
    const missing = [...declared].filter((code) => !documented.has(code));
    expect(missing, 'declared but not documented').to.deep.equal([]);
    const known = (code: string): boolean => declared.has(code) || code in CLI_FAILURES || code.startsWith('request.');
    const unknown = [...documented].filter((code) => !known(code));
    expect(unknown, 'documented but not declared').to.deep.equal([]);
  });

  it('has every failure of the command line with its kind and exit code, and no other', async () => {
    const listed = Object.entries(CLI_FAILURES).map(([code, { kind }]) => `${kind} ${code}`);
    expect(new Set(listed)).to.deep.equal(await thrownByProgram());
    for (const [code, { kind }] of Object.entries(CLI_FAILURES)) {
      const { exitCode } = ERROR_TABLE[kind];
      expect(reportFailure(new CliFailure(kind, code, 'No.'), fakeTerminal())).to.equal(exitCode);
      expect(errorsDocument()).to.include(`| \`${code}\` | ${kind} | ${exitCode} |`);
    }
  });
});
