import { availableParallelism, loadavg } from 'node:os';

/** What a machine is granted that has other work to do, such as the other half of `npm test`. */
const BUSY_FACTOR = 5;

/**
 * How long a start may take for which so many milliseconds are promised: just that on a machine that is otherwise quiet,
 * several times that on another. `npm run test:newcomer` holds starts to what is promised in any case.
 */
export function startLimitMs(promisedMs: number): number {
  const [load = 0] = loadavg();
  return load > availableParallelism() / 2 ? promisedMs * BUSY_FACTOR : promisedMs;
}
