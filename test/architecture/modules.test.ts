import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { describe, it } from 'mocha';

const ROOT = resolve(import.meta.dirname, '../..');

// What no test loads would otherwise be missing from the coverage instead of lowering it.
describe('the files of domain and application', () => {
  it('can be loaded, each by itself', async () => {
    const files = globSync('src/{domain,application}/*/*.ts', { cwd: ROOT });
    expect(files).to.have.lengthOf.above(50);
    for (const file of files) await import(pathToFileURL(join(ROOT, file)).href);
  });
});
