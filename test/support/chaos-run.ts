import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { awaitConsumers } from './chaos-audit-orders.ts';
import { audit, repeatSample } from './chaos-audit.ts';
import { ChaosClient, usd, type ChaosCard } from './chaos-client.ts';
import { Courier } from './chaos-courier.ts';
import { ChaosDatabase } from './chaos-database.ts';
import { Ledger } from './chaos-ledger.ts';
import { ChaosServer } from './chaos-server.ts';
import { testDatabase } from './postgres.ts';

/** What is killed while the clients work, again and again. */
export type Victim = 'server' | 'database';

export interface Scenario {
  readonly cards: number;
  readonly victims: readonly Victim[];
  /** How many servers share the database; the first one is the victim. */
  readonly servers: number;
  readonly seconds: number;
}

export const CLIENTS = 1_000;

const BATCH = 1_000;
const AMOUNT_MINOR = 5_000;
/** How long a victim lives, unless so few commands were answered meanwhile that nobody would ever get through. */
const LIFE_MS: { readonly [V in Victim]: readonly [least: number, most: number] } = {
  server: [1_000, 2_500],
  database: [2_500, 4_500],
};
const ANSWERED_IN_A_LIFE = CLIENTS / 2;
const LONGEST_LIFE_MS = 10_000;

/** What a scenario runs on; `close` ends all of it. */
interface Site {
  readonly database: { readonly ownerUrl: string; readonly applicationUrl: string };
  readonly servers: readonly [ChaosServer, ...ChaosServer[]];
  /** The ways of killing and starting again. */
  readonly kill: { readonly [V in Victim]: () => Promise<void> };
}

/**
 * Lets many clients work on a few cards for a while, kills what is to be killed, waits until each command is answered,
 * and proves what is stored. `note` is told the figures before the proof.
 */
export async function runScenario(scenario: Scenario, note: (figures: string) => void): Promise<void> {
  const { victims, seconds } = scenario;
  await using resources = new AsyncDisposableStack();
  const { database, servers, kill } = await openSite(scenario, resources);
  const ledger = new Ledger();
  const courier = new Courier(
    servers.map(({ url }) => url),
    Math.ceil(CLIENTS / servers.length),
  );
  resources.defer(() => courier.close());
  const cards = await buyCards(courier, ledger, scenario.cards);

  const time = AbortSignal.timeout(seconds * 1000);
  const clients = Array.from({ length: CLIENTS }, (_, index) => new ChaosClient(index, cards, courier, ledger));
  const startedAt = performance.now();
  const work = async (): Promise<number> => {
    const [killed] = await Promise.all([
      disturb(victims, kill, time, ledger),
      ...clients.map((client) => client.run(time)),
    ]);
    // So that some payments come when the refunds that were told before them wait already.
    await awaitConsumers(database.ownerUrl);
    await Promise.all(clients.map((client) => client.finish()));
    return killed;
  };
  const kills = await Promise.race([work(), ...servers.map(({ died }) => died)]);
  note(figures(ledger, courier, (performance.now() - startedAt) / 1000, kills));

  expect(courier.faults.slice(0, 5), 'answers that no server should give').to.deep.equal([]);
  expect(kills > 0, 'somebody was killed').to.equal(victims.length > 0);
  await repeatSample(courier, ledger);
  await audit(database.ownerUrl, servers[0].url, ledger);
  for (const server of servers) expect(await server.stop(), 'exit code').to.equal(0);
}

async function openSite(scenario: Scenario, resources: AsyncDisposableStack): Promise<Site> {
  const killable = scenario.victims.includes('database') ? await ChaosDatabase.start() : undefined;
  const database = killable ?? (await testDatabase());
  resources.defer(() => database.close());
  // The longer it ran, the longer it takes to reconcile.
  const settings = { REQUEST_TIMEOUT_MS: `${Math.max(10_000, scenario.seconds * 200)}` };
  const servers: ChaosServer[] = [];
  for (let number = 1; number <= scenario.servers; number += 1) {
    const server = await ChaosServer.start({ ...addressesOf(database), settings });
    resources.defer(async () => void (await server.stop()));
    servers.push(server);
  }
  const [first, ...others] = servers as [ChaosServer, ...ChaosServer[]];
  const kill = {
    async server() {
      await first.kill();
      await first.start();
    },
    async database() {
      await killable?.kill();
      await killable?.restart();
    },
  };
  return { database, servers: [first, ...others], kill };
}

const addressesOf = ({ ownerUrl, applicationUrl }: Site['database']) => ({ ownerUrl, applicationUrl });

/** Issues cards in batches. Each command of these is answered as well, and kept. */
async function buyCards(courier: Courier, ledger: Ledger, count: number): Promise<readonly ChaosCard[]> {
  const cards: ChaosCard[] = [];
  while (cards.length < count) {
    const input = { count: Math.min(BATCH, count - cards.length), amount: usd(AMOUNT_MINOR), expiresAt: null };
    const verdict = await courier.deliver({ operation: 'bulk-create', key: `batch-${cards.length}`, input }, 0);
    expect(verdict).to.have.property('accepted');
    if ('accepted' in verdict) cards.push(...(verdict.accepted['cards'] as ChaosCard[]));
    for (const { id } of cards.slice(-input.count)) ledger.issued(id, AMOUNT_MINOR);
    ledger.answered += 1;
  }
  return cards;
}

/** Kills and starts again until time is up; in the end everything runs. Resolves to how often it killed. */
async function disturb(
  victims: readonly Victim[],
  kill: Site['kill'],
  time: AbortSignal,
  ledger: Ledger,
): Promise<number> {
  let kills = 0;
  while (victims.length > 0 && !time.aborted) {
    const victim = victims[kills % victims.length] as Victim;
    const [least, most] = LIFE_MS[victim];
    const [bornAt, answered] = [performance.now(), ledger.answered];
    await delay(least + Math.random() * (most - least));
    while (ledger.answered - answered < ANSWERED_IN_A_LIFE && performance.now() - bornAt < LONGEST_LIFE_MS) {
      await delay(10);
    }
    await kill[victim]();
    kills += 1;
  }
  return kills;
}

function figures(ledger: Ledger, { latencyMs, troubles }: Courier, seconds: number, kills: number): string {
  const { answered, refused, events, voided, refunds } = ledger;
  const freezes = [...ledger.freezes.values()].reduce((sum, times) => sum + times, 0);
  const repeats = [...troubles.values()].reduce((sum, times) => sum + times, 0);
  const reasons = [...troubles].map(([reason, times]) => `${reason} ${times}`).join(', ');
  return (
    `${answered} commands answered in ${seconds.toFixed(1)} s (${Math.round(answered / seconds)}/s), ` +
    `${refused} of them refused, ${freezes} freezes, ${voided.size} voids, ${refunds.size} refunds; ` +
    `${events.events.size} events of ${events.cancelled.size} cancelled orders and ${events.legs.size} legs; ${kills} kills, ${repeats} repeats${reasons && ` (${reasons})`}; ` +
    `p50 ${latencyMs.percentile(50)} ms, p99 ${latencyMs.percentile(99)} ms, longest ${latencyMs.max} ms`
  );
}
