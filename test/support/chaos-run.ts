import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { audit, repeatSample } from './chaos-audit.ts';
import { ChaosClient, usd, type ChaosCard } from './chaos-client.ts';
import { Courier } from './chaos-courier.ts';
import { ChaosDatabase } from './chaos-database.ts';
import { Ledger } from './chaos-ledger.ts';
import { ChaosServer } from './chaos-server.ts';
import { testDatabase } from './postgres.ts';

/** What happens while the clients work. */
export type Disturbance = 'nothing' | 'server killed' | 'database killed';

export interface Scenario {
  readonly cards: number;
  readonly disturbance: Disturbance;
  /** How many servers share the database; the first one is the victim. Default 1. */
  readonly servers?: number;
  readonly seconds: number;
}

export const CLIENTS = 1_000;

const BATCH = 1_000;
const AMOUNT_MINOR = 5_000;
/** How long servers may run, and databases, before they are killed. */
const LIFE_MS = { server: [1_000, 2_500], database: [2_500, 4_500] } as const;

/**
 * Lets many clients work on a few cards for a while, kills what is to be killed, waits until each command is answered,
 * and proves what is stored. Prints a line of figures.
 */
export async function runScenario(scenario: Scenario): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const { disturbance, cards: count, servers: serverCount = 1 } = scenario;
  const database = disturbance === 'database killed' ? await ChaosDatabase.start() : await testDatabase();
  resources.defer(() => database.close());
  const servers: ChaosServer[] = [];
  for (let index = 0; index < serverCount; index += 1) {
    const server = await ChaosServer.start(database);
    resources.defer(async () => void (await server.stop()));
    servers.push(server);
  }
  const [victim] = servers as [ChaosServer];
  const urls = servers.map(({ url }) => url);
  const ledger = new Ledger();
  const courier = new Courier(urls, Math.ceil(CLIENTS / serverCount));
  resources.defer(() => courier.close());
  const cards = await buyCards(courier, ledger, count);

  const time = AbortSignal.timeout(scenario.seconds * 1000);
  const clients = Array.from({ length: CLIENTS }, (_, index) => new ChaosClient(index, cards, courier, ledger));
  const startedAt = performance.now();
  await Promise.all([
    ...clients.map((client) => client.run(time)),
    disturbance === 'nothing' ? undefined : disturb(disturbance, victim, database, time),
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  const kills = database instanceof ChaosDatabase ? database.kills : victim.kills;
  console.log(`      ${figures(ledger, courier, seconds, kills)}`);

  expect(courier.faults, 'answers that no server should give').to.deep.equal([]);
  if (disturbance !== 'nothing') expect(kills, 'kills').to.be.greaterThan(0);
  await repeatSample(courier, ledger);
  await audit(database.ownerUrl, victim.url, ledger);
}

/** Issues cards in batches. Each command of these is answered as well, and kept. */
async function buyCards(courier: Courier, ledger: Ledger, count: number): Promise<readonly ChaosCard[]> {
  const cards: ChaosCard[] = [];
  while (cards.length < count) {
    const input = { count: Math.min(BATCH, count - cards.length), amount: usd(AMOUNT_MINOR), expiresAt: null };
    const verdict = await courier.deliver({ operation: 'bulk-create', key: `batch-${cards.length}`, input }, 0);
    expect(verdict).to.have.property('accepted');
    if ('accepted' in verdict) cards.push(...(verdict.accepted['cards'] as ChaosCard[]));
    ledger.answered += 1;
  }
  return cards;
}

/** Kills and starts again until time is up. In the end everything runs. */
async function disturb(
  what: Exclude<Disturbance, 'nothing'>,
  server: ChaosServer,
  database: object,
  time: AbortSignal,
): Promise<void> {
  const [least, most] = what === 'server killed' ? LIFE_MS.server : LIFE_MS.database;
  while (!time.aborted) {
    await delay(least + Math.random() * (most - least));
    if (what === 'server killed') {
      await server.kill();
      await server.start();
    } else if (database instanceof ChaosDatabase) {
      await database.kill();
      await database.restart();
    }
  }
}

function figures(ledger: Ledger, { latencyMs, troubles }: Courier, seconds: number, kills: number): string {
  const { answered, refused } = ledger;
  const repeats = [...troubles.values()].reduce((sum, times) => sum + times, 0);
  const rate = Math.round(answered / seconds);
  const unanswered = [...troubles].map(([what, times]) => `${what} ${times}`).join(', ');
  return (
    `${answered} commands answered in ${seconds.toFixed(1)} s (${rate}/s), ${refused} of them refused; ` +
    `${kills} kills, ${repeats} repeats${unanswered === '' ? '' : ` (${unanswered})`}; ` +
    `p50 ${latencyMs.percentile(50)} ms, p99 ${latencyMs.percentile(99)} ms, longest ${latencyMs.max} ms`
  );
}
