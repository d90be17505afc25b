import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { describe, it } from 'mocha';
import { localLinksOf } from '../support/readme.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = globSync(['*.md', 'docs/*.md', 'docs/decisions/*.md'], { cwd: ROOT });
const SOURCES = globSync('{src,test,bench,scripts,migrations}/**/*.{ts,sql,txt}', { cwd: ROOT });
const TESTS = globSync('test/**/*.test.ts', { cwd: ROOT }).map((file) =>
  file.slice('test/'.length, -'.test.ts'.length),
);

const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
/** What stands between backticks in a page, fenced blocks left out. */
const namesIn = (page: string): readonly string[] =>
  [
    ...textOf(page)
      .replaceAll(/^```.*?^```$/gms, '')
      .matchAll(/`([^`\n]+)`/g),
  ].map(([, name = '']) => name);

/** A path of that name, or above it. A place to be filled in, `<context>`, is any name. */
function patternOf(name: string): RegExp {
  const path = name.replace(/\/$/, '').replaceAll('.', '\\.');
  return RegExp(`(^|/)${path.replaceAll(/<[a-z]+>|NNNN/g, '[^/]+')}(/|$)`);
}

describe('The documents', () => {
  it('link to pages that are there', () => {
    expect(PAGES)
      .to.include.members(['README.md', 'docs/adding-a-context.md', 'CHANGELOG.md'])
      .and.have.length.above(10);
    for (const page of PAGES) {
      const dead = localLinksOf(textOf(page)).filter((target) => !existsSync(join(ROOT, dirname(page), target)));
      expect(dead, page).to.deep.equal([]);
    }
  });

  it('name files, folders and tests that are there', () => {
    let names = 0;
    for (const page of PAGES) {
      for (const name of namesIn(page)) {
        const isFile = /^[\w./<>-]+\.(ts|sql)$/.test(name) || /^(src|test|bench|migrations)\//.test(name);
        const isTest = /^(unit|http|integration|contracts|architecture)\/[\w-]+$/.test(name);
        if (!isFile && !isTest) continue;
        names += 1;
        const found = (isTest ? TESTS : SOURCES).some((file) => patternOf(name).test(file));
        expect(found, `${name} in ${page}`).to.equal(true);
      }
    }
    expect(names).to.be.greaterThan(30);
  });
});
