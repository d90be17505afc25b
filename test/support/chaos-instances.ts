import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { GIFT_CARD_ERRORS } from '../../src/application/gift-cards/index.ts';
import type { GiftCardSite } from '../../src/contracts/gift-cards/gift-card-site.ts';
import { accept, momentOf, present, Scenario, usd } from '../../src/contracts/gift-cards/scenario.ts';
import type { GiftCardRepository } from '../../src/domain/gift-cards/gift-card-repository.ts';
import type { CommandContext, Committed } from '../../src/domain/shared/decision.ts';
import type { GroupCommitOptions } from '../../src/infrastructure/postgres/group-commit-options.ts';
import { createCommandPool } from '../../src/infrastructure/postgres/pools.ts';
import { PostgresGiftCards } from '../../src/infrastructure/postgres/postgres-gift-cards.ts';
import { uuidv7 } from '../../src/infrastructure/system/uuid.ts';
import { postgresGiftCardSite } from './postgres-gift-card-site.ts';

/** A repository with a pool of its own, as another process would have it. */
export interface Instance {
  readonly repository: PostgresGiftCards;
  /** How many commands each batch had, in order. */
  readonly batchSizes: readonly number[];
  close(): Promise<void>;
}

export type InstanceOptions = Partial<Omit<GroupCommitOptions, 'pool' | 'newId' | 'observe'>>;

export function openInstance(applicationUrl: string, options: InstanceOptions = {}): Instance {
  const { maxBatches = 2, maxLanes = 8 } = options;
  const batchSizes: number[] = [];
  const pool = createCommandPool({
    connectionString: applicationUrl,
    max: maxBatches + maxLanes,
    onError: () => undefined,
  });
  const observe = ({ size }: { readonly size: number }): unknown => batchSizes.push(size);
  const repository = new PostgresGiftCards(GIFT_CARD_ERRORS, { ...options, pool, newId: uuidv7, observe });
  return {
    repository,
    batchSizes,
    async close() {
      await repository.close();
      await pool.end();
    },
  };
}

/** A database, whose instances are closed with it. */
export interface InstancesSite extends Awaited<ReturnType<typeof postgresGiftCardSite>> {
  open(options?: InstanceOptions & { readonly url?: string }): Instance;
  /** A connection of somebody else, with a transaction begun. */
  stranger(): Promise<pg.Client>;
}

export async function instancesSite(): Promise<InstancesSite> {
  const site = await postgresGiftCardSite();
  const opened: { close(): Promise<void> }[] = [];
  return {
    ...site,
    open({ url = site.applicationUrl, ...options } = {}) {
      const instance = openInstance(url, options);
      opened.push(instance);
      return instance;
    },
    async stranger() {
      const client = new pg.Client({ connectionString: site.ownerUrl });
      await client.connect();
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
      opened.push({ close: () => client.end() });
      return client;
    },
    async close() {
      for (const each of opened.splice(0)) await each.close();
      await site.close();
    },
  };
}

/** One tenant seen through several instances: commands go to one after another. */
export function scenarioOf(site: GiftCardSite, ...instances: readonly Instance[]): Scenario {
  let turn = 0;
  const repository: GiftCardRepository = {
    update: (...command) => (instances[turn++ % instances.length] as Instance).repository.update(...command),
  };
  return new Scenario({ ...site, repository });
}

/** Moves money from one card to another by their ids. */
export function transfer(
  scenario: Scenario,
  fromId: string,
  toId: string,
  minor: bigint,
  more: Partial<CommandContext> = {},
): Promise<Committed<null>> {
  const keys = { cardIds: [fromId, toId] };
  const move = (book: Parameters<Parameters<GiftCardRepository['update']>[2]>[0]) => {
    const [moment, id] = [momentOf(book), randomUUID()];
    const from = present(book.card(fromId)).transferOut(id, toId, usd(minor), moment);
    const to = present(book.card(toId)).transferIn(id, from, usd(minor), true, moment);
    return accept(null, { cards: [from, to] });
  };
  return scenario.update(keys, move, more);
}

/** The share of numbers given that are not above the answer. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
