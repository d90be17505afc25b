import type { Context } from 'mocha';

/** Ends the test that runs as skipped, and puts the reason behind its title, where every reporter prints it. */
export function skip(context: Context, reason: string): never {
  context.runnable().title += ` (skipped: ${reason})`;
  context.skip();
}
