import { describe, it } from 'mocha';
import { CLIENTS, runScenario, type Scenario } from '../support/chaos-run.ts';

const { CI, CHAOS_SECONDS } = process.env;

/** Seconds of each scenario: 5, in continuous integration 60; any other number by CHAOS_SECONDS. */
const SECONDS = Number(CHAOS_SECONDS ?? (CI ? 60 : 5));
/** Races need no time to show when nothing is killed. */
const CALM_SECONDS = CHAOS_SECONDS === undefined ? 5 : SECONDS;
/** On a developer's machine the rest would say little more and take another minute. */
const ALL = CI !== undefined || CHAOS_SECONDS !== undefined;

interface Listed extends Omit<Scenario, 'seconds'> {
  readonly title: string;
  readonly always?: boolean;
}

const scenarios: readonly Listed[] = [
  { title: '1 card', cards: 1, servers: 1, victims: [], always: true },
  { title: '10 cards', cards: 10, servers: 1, victims: [] },
  { title: '10 cards, two servers', cards: 10, servers: 2, victims: [] },
  { title: '10,000 cards', cards: 10_000, servers: 1, victims: [], always: true },
  { title: '1 card, the server killed', cards: 1, servers: 1, victims: ['server'] },
  { title: '1 card, the database killed', cards: 1, servers: 1, victims: ['database'] },
  { title: '10 cards, server and database killed in turn', cards: 10, servers: 1, victims: ['server', 'database'] },
  {
    ...{ title: '10 cards, two servers, one of them and the database killed in turn', cards: 10, servers: 2 },
    ...{ victims: ['server', 'database'], always: true },
  },
  { title: '10,000 cards, the server killed', cards: 10_000, servers: 1, victims: ['server'], always: true },
  { title: '10,000 cards, the database killed', cards: 10_000, servers: 1, victims: ['database'], always: true },
];

describe(`${CLIENTS} clients of gift cards, each command answered once and for all:`, () => {
  for (const { title, always = false, ...scenario } of scenarios) {
    if (!ALL && !always) continue;
    const seconds = scenario.victims.length === 0 ? CALM_SECONDS : SECONDS;
    it(title, async function () {
      this.timeout(120_000 + seconds * 2_000);
      const note = (figures: string): void => {
        if (this.test !== undefined) this.test.title = `${title}: ${figures}`;
      };
      await runScenario({ ...scenario, seconds }, note);
    });
  }
});
