import { describe, it } from 'mocha';
import { CLIENTS, runScenario, type Scenario, type Victim } from './chaos-run.ts';
import { inCi } from './in-ci.ts';

const { CHAOS_SECONDS } = process.env;

/** Seconds of each scenario: 5, in continuous integration 60; any other number by CHAOS_SECONDS. */
const SECONDS = Number(CHAOS_SECONDS ?? (inCi ? 60 : 5));

const CARDS = [1, 10, 10_000];
const VICTIMS: readonly (readonly Victim[])[] = [[], ['server'], ['database']];

/** Every number of cards as it is, with a server killed again and again, and with the database. */
export function chaosOn(servers: number): void {
  const on = servers === 1 ? 'one server' : `${servers} servers on one database`;
  describe(`${CLIENTS} clients of gift cards on ${on}, each command answered once and for all:`, () => {
    for (const victims of VICTIMS) {
      for (const cards of CARDS) check({ cards, servers, victims, seconds: SECONDS });
    }
  });
}

function check(scenario: Scenario): void {
  const { cards, victims, seconds } = scenario;
  const what = victims.length === 0 ? 'nothing killed' : `the ${victims.join(' and the ')} killed`;
  const title = `${cards.toLocaleString('en')} ${cards === 1 ? 'card' : 'cards'}, ${what}`;
  it(title, async function () {
    this.timeout(120_000 + seconds * 2_000);
    await runScenario(scenario, (figures) => console.log(`      ${title}: ${figures}`));
  });
}
