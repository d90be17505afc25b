import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { giftCardHandlers, giftCards } from '../src/application/gift-cards/index.ts';
import type { Call } from '../src/application/shared/call.ts';
import { compile, type CompiledOperation } from '../src/application/shared/pipeline.ts';
import { codesFromSeed } from '../src/domain/gift-cards/code.ts';
import type { Batch } from '../src/domain/gift-cards/records.ts';
import { loadConfig } from '../src/composition/config.ts';
import { createWiring } from '../src/composition/container.ts';
import { GIFT_CARD_PORTS } from '../src/composition/gift-cards-module.ts';
import { Resources } from '../src/composition/resources.ts';
import type { Wiring } from '../src/composition/token.ts';
import * as tokens from '../src/composition/tokens.ts';
import { silentLogger } from '../src/application/shared/logger.ts';
import { startEmbeddedPostgres } from '../src/infrastructure/embedded-postgres/embedded-postgres.ts';
import { migrate } from '../src/infrastructure/postgres/migrate.ts';
import { hmacSha256 } from '../src/infrastructure/system/keyed-hash.ts';
import { uuidv7 } from '../src/infrastructure/system/uuid.ts';

/** Gift cards on a database of their own with default durability, wired as the server wires them. */
export interface GiftCardBench {
  readonly wiring: Wiring;
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  readonly batchId: string;
  /** Codes of the cards by index. */
  readonly codes: readonly string[];
  readonly operations: ReadonlyMap<string, CompiledOperation>;
  close(): Promise<void>;
}

export const CALLER: Call = {
  principal: { id: 'system:bench', kind: 'system', tenant: 'default', permissions: new Set(['*']) },
  correlationId: 'bench',
  inProcess: true,
};

/** Starts a database with so many cards of 10,000.00 USD. */
export async function openGiftCards(count: number, settings: Record<string, string> = {}): Promise<GiftCardBench> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'portolan-bench-'));
  const server = await startEmbeddedPostgres({ dataFolder });
  await migrate(server.ownerUrl);
  const resources = new Resources();
  const wiring = createWiring();
  wiring.value(tokens.CONFIG, loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'error', ...settings }));
  wiring.value(tokens.DATABASE, server);
  wiring.value(tokens.LOGGER, silentLogger);
  wiring.value(tokens.RESOURCES, resources);
  wiring.value(tokens.PEPPERS, [{ id: 'bench', secret: randomFillSync(new Uint8Array(32)) }]);
  wiring.value(tokens.STATIC_TOKENS, []);
  const ports = wiring.get(GIFT_CARD_PORTS);
  const { batch, codes } = await issueCards(wiring, count);
  const operations = compile(giftCards, giftCardHandlers(ports), wiring.get(tokens.HOOKS));
  return {
    ...{ wiring, ownerUrl: server.ownerUrl, applicationUrl: server.applicationUrl },
    ...{ batchId: batch.id, codes, operations },
    async close() {
      const failures = await resources.close();
      await server.stop();
      await rm(dataFolder, { recursive: true });
      if (failures.length > 0) throw new AggregateError(failures.map(({ error }) => error));
    },
  };
}

async function issueCards(wiring: Wiring, count: number): Promise<{ batch: Batch; codes: string[] }> {
  const { cards, bulk, vault, ids, reader } = wiring.get(GIFT_CARD_PORTS);
  const context = { tenant: 'default', actor: 'system:bench', correlationId: 'bench' };
  const now = await reader.now();
  const batch: Batch = {
    ...{ id: uuidv7(), count, createdCount: 0, amountMinor: 1_000_000n, currency: 'USD', prefix: 'GIFT' },
    ...{ codeLength: 16, expiresAt: null, purchaserId: 'bench', sealedSeed: null, status: 'running' },
    ...{ codesUntil: now, createdAt: now },
  };
  await cards.update(context, {}, () => ({
    kind: 'accepted',
    answer: null,
    changes: { batches: [batch] },
    events: [],
  }));
  const seed = randomFillSync(new Uint8Array(32));
  const codeAt = codesFromSeed(hmacSha256, seed, { prefix: 'GIFT' });
  const codes: string[] = [];
  for (let from = 0; from < count; from += 10_000) {
    const chunk = Array.from({ length: Math.min(10_000, count - from) }, (_, offset) => {
      const code = codeAt(from + offset);
      codes.push(code.reveal());
      const [codeIndex = ''] = vault.keysOf(code.body);
      return { id: ids(), codeIndex, lastFour: code.lastFour, entryId: ids() };
    });
    await bulk.issue(context, batch, from, vault.newestPepperId, chunk);
  }
  return { batch, codes };
}

export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Calls again and again from so many callers for so long. */
export async function drive(callers: number, milliseconds: number, call: () => Promise<unknown>): Promise<Load> {
  const latencies: number[] = [];
  const began = performance.now();
  const end = began + milliseconds;
  const caller = async (): Promise<void> => {
    for (let at = performance.now(); at < end;) {
      await call();
      const now = performance.now();
      latencies.push(now - at);
      at = now;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - began) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { perSecond: sorted.length / seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

/** Runs pgbench with a script and returns transactions per second. */
export async function pgbench(url: string, script: string, clients: number, seconds: number): Promise<number> {
  const child = spawn(
    'pgbench',
    ['-n', '-M', 'prepared', '-c', `${clients}`, '-j', '1', '-T', `${seconds}`, '-f', '-', url],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  child.stdin.end(script);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  ).catch((cause: unknown) => {
    throw new Error('pgbench could not be started: it comes with the PostgreSQL server packages.', { cause });
  });
  const tps = /tps = ([\d.]+)/.exec(output)?.[1];
  if (code !== 0 || tps === undefined) throw new Error(`pgbench failed: ${output}`);
  return Number(tps);
}
