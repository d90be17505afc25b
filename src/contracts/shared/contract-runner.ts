/**
 * A test framework, reduced to what is needed: `{describe, it, before, after}` of mocha or node:test, and
 * `{describe, it, before: beforeAll, after: afterAll}` of vitest.
 */
export interface ContractRunner {
  describe(name: string, body: () => void): void;
  readonly it: ContractTest;
  before(body: () => Promise<void>): void;
  after(body: () => Promise<void>): void;
}

/** Declares a test, or one that is not run and shows as skipped. */
export interface ContractTest {
  (name: string, body: () => Promise<void>): void;
  skip(name: string, body: () => Promise<void>): void;
}

/** One promise of a port. */
export interface ContractCase<Site, Capability extends string = never> {
  readonly title: string;
  /** What an adapter has to be able to do besides the port itself. */
  readonly needs?: Capability;
  run(site: Site): Promise<void>;
}

/**
 * Declares a suite. `open` is called once for all cases, which keep out of each other's way, and once more to see that
 * closing twice is harmless. A case that needs something the adapter lacks is skipped, and its title says why.
 */
export function declareContract<Site extends { close(): Promise<void> }, Capability extends string>(
  runner: ContractRunner,
  name: string,
  open: () => Promise<Site>,
  cases: readonly ContractCase<Site, Capability>[],
  lacks: readonly Capability[] = [],
): void {
  runner.describe(name, () => {
    let site: Site | undefined;
    const opened = (): Site => {
      if (site === undefined) throw new Error('The adapter was not opened.');
      return site;
    };
    runner.before(async () => void (site = await open()));
    runner.after(async () => site?.close());
    for (const { title, needs, run } of cases) {
      const body = (): Promise<void> => run(opened());
      if (needs === undefined || !lacks.includes(needs)) runner.it(title, body);
      else runner.it.skip(`${title} (skipped: the adapter lacks ${needs})`, body);
    }
    runner.it('closes twice without harm', async () => {
      const another = await open();
      await another.close();
      await another.close();
    });
  });
}
