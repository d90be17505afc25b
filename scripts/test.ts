/**
 * Everything that has to hold before a change lands: types, lint, layout, all tests, and the coverage of domain and
 * application. Two things run at a time; what they print is shown when they fail, of tests that pass the figures. Ends
 * like mocha. With arguments, such as `npm test -- unit lint`, just those steps are run.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Tally } from '../test/support/reporter.ts';

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where it leaves its tally; a step that has none counts as one test. */
  readonly tally?: string;
}

interface Outcome extends Tally {
  readonly step: Step;
  readonly exitCode: number;
  readonly output: string;
  /** The part of it that went to standard output. */
  readonly printed: string;
  readonly seconds: number;
}

const ROOT = resolve(import.meta.dirname, '..');
const COVERAGE = join(ROOT, 'coverage');
const V8_COVERAGE = join(COVERAGE, 'v8');
const AT_A_TIME = 2;
/** A step that takes longer hangs. */
const LIMIT_MS = 45 * 60_000;

const tool = (path: string, ...args: readonly string[]): readonly string[] => [
  join(ROOT, 'node_modules', path),
  ...args,
];

/** Test files by themselves in a process, with their coverage. */
function mocha(name: string, files: readonly string[]): Step {
  const tally = join(COVERAGE, `${name}.json`);
  const reporter = ['--reporter', './test/support/reporter.ts', '--reporter-option', `output=${tally}`];
  const env = { NODE_V8_COVERAGE: V8_COVERAGE };
  return { name, args: tool('mocha/bin/mocha.js', ...reporter, ...files), env, tally };
}

/** In about the order of how long they take, the longest first, so that both processors are busy to the end. */
function steps(): readonly Step[] {
  const tests = globSync('test/{unit,contracts,integration,http,architecture}/**/*.test.ts', { cwd: ROOT }).sort();
  const of = (folder: string): readonly string[] => tests.filter((file) => file.startsWith(`test/${folder}/`));
  const packed = of('integration').filter((file) => /(package|examples|readme)\.test\.ts$/.test(file));
  const chaos = (servers: string) => of('integration').filter((file) => file.endsWith(`/chaos-${servers}.test.ts`));
  const timing = of('integration').filter((file) => file.endsWith('/refusal-timing.test.ts'));
  const apart = [...packed, ...timing, ...chaos('one-server'), ...chaos('two-servers')];
  const integration = of('integration').filter((file) => !apart.includes(file));
  return [
    mocha('one server under fire', chaos('one-server')),
    mocha('two servers under fire', chaos('two-servers')),
    mocha('timing', timing),
    mocha('integration', integration),
    mocha('contracts', of('contracts')),
    mocha('package', packed),
    mocha('http', of('http')),
    mocha('unit', [...of('unit'), ...of('architecture')]),
    { name: 'lint', args: tool('eslint/bin/eslint.js', '--max-warnings', '0', '.') },
    { name: 'types', args: tool('typescript/bin/tsc', '--project', '.') },
    { name: 'layout', args: tool('prettier/bin/prettier.cjs', '--check', '.') },
  ];
}

/** Of the code that holds the rules of the business, at least so much has to be run by some test. */
const COVERAGE_STEP: Step = {
  name: 'coverage of domain and application',
  args: tool(
    'c8/bin/c8.js',
    'report',
    ...['--temp-directory', V8_COVERAGE, '--reports-dir', COVERAGE],
    ...['--include', 'src/domain/**', '--include', 'src/application/**', '--extension', '.ts'],
    ...['--reporter', 'text-summary', '--reporter', 'lcovonly', '--reporter', 'json-summary'],
    ...['--check-coverage', '--lines', '95', '--branches', '90', '--functions', '0', '--statements', '0'],
  ),
};

async function run(step: Step): Promise<Outcome> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...step.args], {
    cwd: ROOT,
    env: { ...process.env, ...step.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  });
  let [output, printed] = ['', ''];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  child.stdout.on('data', (text: string) => (printed += text));
  const exitCode = await new Promise<number>((done) => child.once('close', (code) => done(code ?? 1)));
  const seconds = (performance.now() - startedAt) / 1000;
  return { step, exitCode, output, printed, seconds, ...tallyOf(step, exitCode) };
}

/** A run that failed without saying which test counts as one that failed. */
function tallyOf({ name, tally }: Step, exitCode: number): Tally {
  const asOne = (passed: boolean): Tally => {
    return { passed: passed ? 1 : 0, failed: passed ? [] : [name], skipped: [], slowest: [] };
  };
  if (tally === undefined) return asOne(exitCode === 0);
  const written = readIfThere(tally);
  if (written === undefined) return asOne(false);
  const tallied = JSON.parse(written) as Tally;
  const isUnexplained = tallied.failed.length === 0 && (exitCode !== 0 || tallied.passed === 0);
  return isUnexplained ? { ...tallied, failed: [name] } : tallied;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function show({ step, passed, failed, seconds, exitCode, output, printed }: Outcome): void {
  const count = step.tally === undefined ? '' : `${passed} passed, ${failed.length} failed, `;
  console.log(`  ${failed.length === 0 ? '✔' : '✖'} ${step.name} (${count}${seconds.toFixed(1)} s)`);
  if (failed.length > 0) console.log(`\n${output.trim()}\n\n  ${step.name} ended with ${exitCode}.\n`);
  else if (step.tally !== undefined) for (const line of linesOf(printed)) console.log(`      ${line}`);
}

/** The lines that are not blank, without the indentation that they share. */
function linesOf(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const shared = Math.min(...lines.map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(shared).trimEnd());
}

rmSync(COVERAGE, { recursive: true, force: true });
mkdirSync(V8_COVERAGE, { recursive: true });
const startedAt = performance.now();
const wanted = process.argv.slice(2);
const waiting = steps().filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const outcomes: Outcome[] = [];
const worker = async (): Promise<void> => {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const outcome = await run(step);
    show(outcome);
    outcomes.push(outcome);
  }
};
await Promise.all(Array.from({ length: AT_A_TIME }, worker));
if (wanted.length === 0) {
  const coverage = await run(COVERAGE_STEP);
  show(coverage);
  if (coverage.failed.length === 0) console.log(coverage.output.trimEnd());
  outcomes.push(coverage);
}

if (outcomes.length === 0) throw new Error(`There is no step ${wanted.join(', ')}.`);
const passed = outcomes.reduce((total, outcome) => total + outcome.passed, 0);
const failed = outcomes.flatMap((outcome) => outcome.failed.map((title) => `${outcome.step.name}: ${title}`));
const slowest = outcomes.flatMap((outcome) => outcome.slowest).sort((a, b) => b.ms - a.ms);
const skipped = outcomes.flatMap((outcome) => outcome.skipped);
console.log('\n  slowest:');
for (const { title, ms } of slowest.slice(0, 10)) console.log(`    ${(ms / 1000).toFixed(1)} s ${title}`);
if (skipped.length > 0) console.log(`\n  skipped:\n${skipped.map((title) => `    - ${title}`).join('\n')}`);
console.log(`\n  ${passed} passing (${Math.round((performance.now() - startedAt) / 1000)}s)`);
console.log(`  ${skipped.length} pending`);
console.log(`  ${failed.length} failing`);
// Last, so that whoever sees only the end of a long run knows what to look for.
for (const title of failed) console.log(`    - ${title}`);
process.exitCode = failed.length === 0 ? 0 : 1;
