/**
 * A permission is text in one of four forms, each including those below it:
 * `*` everything, `gift-cards:*` a context, `gift-cards:redeem` an operation on any row, and
 * `gift-cards:redeem:own` the operation on the caller's own rows.
 */
export const EVERYTHING = '*';

const OWN = ':own';

/**
 * Lets a caller manage API tokens of other tenants. No wildcard includes it: who may do anything within one tenant
 * still has no say in another.
 */
export const ACROSS_TENANTS = 'api-tokens:across-tenants';

/** Whether somebody with these permissions may do all that the wanted one allows; four look-ups at most. */
export function isHeld(held: ReadonlySet<string>, wanted: string): boolean {
  if (held.has(wanted)) return true;
  if (wanted === ACROSS_TENANTS) return false;
  if (held.has(EVERYTHING) || held.has(`${wanted.slice(0, wanted.indexOf(':'))}:*`)) return true;
  return wanted.endsWith(OWN) && held.has(wanted.slice(0, -OWN.length));
}

/** Whether whoever holds the first permission may do all that the second one allows. */
export const covers = (held: string, wanted: string): boolean => isHeld(new Set([held]), wanted);

/** Those of the wanted permissions that none of the held ones covers. */
export function missingFrom(held: Iterable<string>, wanted: Iterable<string>): readonly string[] {
  const all = [...held];
  return [...wanted].filter((permission) => !all.some((one) => covers(one, permission)));
}

/** What is allowed by both sets: neither can widen the other. */
export function narrow(granted: Iterable<string>, scope: Iterable<string>): ReadonlySet<string> {
  const [left, right] = [[...granted], [...scope]];
  return new Set([
    ...right.filter((permission) => left.some((one) => covers(one, permission))),
    ...left.filter((permission) => right.some((one) => covers(one, permission))),
  ]);
}
