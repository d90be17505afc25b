import { openGiftCards } from './gift-card-site.ts';

export interface BulkResult {
  readonly cardsPerSecond: number;
  readonly memoryMiB: number;
}

/** Creates so many cards of one batch in chunks of 10,000, as the job does, codes and all. */
export async function benchBulk(count = 200_000): Promise<BulkResult> {
  const startedAt = performance.now();
  const site = await openGiftCards(count);
  const seconds = (performance.now() - startedAt) / 1000;
  const memoryMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
  await site.close();
  return { cardsPerSecond: Math.round(count / seconds), memoryMiB };
}
