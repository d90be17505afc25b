import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { RULES } from './rules.ts';

/** Where a source file may be. */
const PLACES = [
  /^src\/(domain|application|infrastructure|interfaces|contracts)\/[a-z0-9-]+\/[a-z0-9-]+\.ts$/,
  /^src\/composition\/[a-z0-9-]+\.ts$/,
  /^src\/(app|server|cli)\.ts$/,
];
const MAX_LINES = 300;

/** Rules on the files themselves: `<layer>/<folder>/<file>.ts` and no deeper; at most 300 lines. */
export const LAYOUT_RULES = ['place', 'length'] as const;

/** What breaks a rule, and which one. */
export interface Violation {
  readonly rule: string;
  readonly where: string;
}

/** The source files below a folder; throws where there are none. */
export function sourcesOf(folder: string): readonly string[] {
  const files = globSync('src/**/*', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replace(/^\//, ''))
    .sort();
  if (files.length === 0) throw new Error(`There is no source file in ${folder}.`);
  return files;
}

/** Breaches of the rules on imports. Throws where a source file was not looked at. */
export async function importViolations(folder: string): Promise<readonly Violation[]> {
  const sources = sourcesOf(folder);
  const { output } = await cruise(
    ['src'],
    {
      baseDir: folder,
      validate: true,
      ruleSet: { forbidden: [...RULES] },
      tsPreCompilationDeps: true,
      doNotFollow: { path: 'node_modules' },
      combinedDependencies: true,
    },
    { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'], extensions: ['.ts', '.js', '.json'] },
  );
  const { modules, summary } = output as ICruiseResult;
  const seen = new Set(modules.map(({ source }) => source));
  const unseen = sources.filter((file) => !seen.has(file));
  if (unseen.length > 0) throw new Error(`Not looked at: ${unseen.join(', ')}`);
  return summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, where: `${from} → ${to}` }));
}

/** Files in the wrong place, and files that are too long. */
export function layoutViolations(folder: string): readonly Violation[] {
  return sourcesOf(folder).flatMap((file) => {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n').length - 1;
    return [
      ...(PLACES.some((place) => place.test(file)) ? [] : [{ rule: 'place', where: file }]),
      ...(lines > MAX_LINES ? [{ rule: 'length', where: `${file}: ${lines} lines` }] : []),
    ];
  });
}
