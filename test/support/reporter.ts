import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** What `scripts/test.ts` learns of a run. */
export interface Tally {
  readonly passed: number;
  /** Titles of those that failed. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** What took longest, the slowest first. */
  readonly slowest: readonly { readonly title: string; readonly ms: number }[];
}

const SLOWEST = 10;

const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } = Mocha.Runner.constants;

/**
 * Prints failures, and nothing where there are none, beside what the tests print themselves; writes a tally to the file
 * named by the reporter's option `output`.
 */
export default class TallyReporter extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { output } = options.reporterOptions as { readonly output: string };
    const skipped: string[] = [];
    const timed: { readonly title: string; readonly ms: number }[] = [];
    let passed = 0;
    const failed: string[] = [];
    runner.on(EVENT_TEST_PASS, (test) => {
      passed += 1;
      timed.push({ title: test.fullTitle(), ms: test.duration ?? 0 });
    });
    runner.on(EVENT_TEST_FAIL, (test) => void failed.push(test.fullTitle()));
    runner.on(EVENT_TEST_PENDING, (test) => void skipped.push(test.fullTitle()));
    runner.on(EVENT_RUN_END, () => {
      if (failed.length > 0) this.epilogue();
      const slowest = timed.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
      writeFileSync(output, JSON.stringify({ passed, failed, skipped, slowest } satisfies Tally));
    });
  }
}
