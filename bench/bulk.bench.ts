import { readFile, rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServerProcess } from '../test/support/server-process.ts';

export interface BulkResult {
  readonly cardsPerSecond: number;
  /** The most memory that the server had; NaN where the system doesn't tell. */
  readonly memoryMiB: number;
}

/** Has the server create a batch of so many cards, from the request to the end of its job. */
export async function benchBulk(count = 300_000): Promise<BulkResult> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'portolan-bench-'));
  const server = await new ServerProcess({ DATA_FOLDER: dataFolder, RATE_LIMIT_PER_MINUTE: '0' }).ready();
  try {
    const startedAt = performance.now();
    const input = { count, amount: { amount: '25.00', currency: 'USD' }, purchaserId: 'user_1' };
    const { jobId } = await server.call<{ jobId: string }>('gift-cards/bulk-create', input);
    for (let state = ''; state !== 'completed';) {
      await delay(50);
      ({ state } = await server.call<{ state: string }>('jobs/get', { jobId }));
      if (state === 'dead') throw new Error('The job of the batch died.');
    }
    const seconds = (performance.now() - startedAt) / 1000;
    return { cardsPerSecond: Math.round(count / seconds), memoryMiB: await peakMiB(server.child.pid) };
  } finally {
    await server.end('SIGTERM');
    await rm(dataFolder, { recursive: true });
  }
}

async function peakMiB(pid: number | undefined): Promise<number> {
  if (process.platform !== 'linux') return Number.NaN;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}
