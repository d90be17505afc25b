import { glob, readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { errorsDocument } from '../../src/composition/errors-document.ts';
import { DomainError } from '../../src/domain/shared/domain-error.ts';

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
    const unknown = [...documented].filter((code) => !declared.has(code) && !code.startsWith('request.'));
    expect(unknown, 'documented but not declared').to.deep.equal([]);
  });
});
