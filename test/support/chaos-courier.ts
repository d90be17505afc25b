import { createHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { ADMIN_TOKEN } from './chaos-server.ts';
import type { ShopEvent } from './chaos-told-events.ts';

/** A command under its idempotency key. */
export interface ChaosCommand {
  /** As in the address, `refund-to-card`. */
  readonly operation: string;
  readonly key: string;
  readonly input: object;
}

/** What became of a command for good: the data of the answer, or the whole error. */
export type Verdict = { readonly accepted: Readonly<Record<string, unknown>> } | { readonly refused: Refusal };

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly details: unknown;
}

/** One answer, definite or not. */
type Attempt = Verdict | { readonly trouble: string };

interface Request {
  readonly path: string;
  /** None where what is sent counts once by its own ids. */
  readonly key?: string;
  readonly input: object;
}

/** Answers after which the outcome is open: the same command has to be sent again. */
const OPEN: ReadonlySet<string> = new Set([
  'request.unavailable',
  'request.deadline_exceeded',
  'request.in_progress',
  'request.resource_busy',
]);

const attemptMs = 20_000;
const giveUpAfterMs = 120_000;
const pauseMs = { first: 50, longest: 800 };

/** Brings commands to servers that come and go, and each of them until it has a definite answer. */
export class Courier {
  /** Milliseconds from the first attempt to the definite answer. */
  readonly latencyMs = createHistogram();
  /** How attempts ended that brought no definite answer, and how often. */
  readonly troubles = new Map<string, number>();
  /** Answers that no server should give, whatever happens to it. */
  readonly faults: string[] = [];
  readonly #pools: readonly Pool[];
  #isClosed = false;

  constructor(urls: readonly string[], connections: number) {
    const timeouts = { headersTimeout: attemptMs, bodyTimeout: attemptMs, connectTimeout: 5_000 };
    this.#pools = urls.map((url) => new Pool(url, { connections, ...timeouts }));
  }

  /** Sends a command, to the server `home` first and to the next one whenever an answer stays out. */
  async deliver({ operation, key, input }: ChaosCommand, home: number): Promise<Verdict> {
    return (await this.#bring({ path: `gift-cards/${operation}`, key, input }, home)).verdict;
  }

  /** Sends events of another system in the same way. Resolves to which of them were new, as the last request found it. */
  async tell(
    events: readonly ShopEvent[],
    home: number,
  ): Promise<{ readonly isNew: readonly boolean[]; readonly repeated: boolean }> {
    const { verdict, repeats } = await this.#bring({ path: 'events/ingest', input: { events } }, home);
    if (!('accepted' in verdict)) throw new Error(`Events were refused: ${verdict.refused.code}.`);
    return { isNew: verdict.accepted['accepted'] as readonly boolean[], repeated: repeats > 0 };
  }

  /** Commands under way are given up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }

  async #bring(request: Request, home: number): Promise<{ readonly verdict: Verdict; readonly repeats: number }> {
    const startedAt = performance.now();
    for (let repeats = 0; ; repeats += 1) {
      const attempt = await this.#attempt(request, home + repeats);
      const elapsedMs = performance.now() - startedAt;
      if (!('trouble' in attempt)) {
        this.latencyMs.record(Math.max(1, Math.round(elapsedMs)));
        return { verdict: attempt, repeats };
      }
      this.troubles.set(attempt.trouble, (this.troubles.get(attempt.trouble) ?? 0) + 1);
      if (elapsedMs > giveUpAfterMs || this.#isClosed)
        throw new Error(`No definite answer, ${attempt.trouble} at last.`);
      const longestMs = Math.min(pauseMs.longest, pauseMs.first * 2 ** repeats);
      await delay(longestMs * (0.5 + Math.random() / 2));
    }
  }

  async #attempt({ path, key, input }: Request, server: number): Promise<Attempt> {
    const pool = this.#pools[server % this.#pools.length] as Pool;
    const headers = { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) };
    try {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: `/v1/${path}`,
        headers: { ...headers, authorization: `Bearer ${ADMIN_TOKEN}` },
        body: JSON.stringify(input),
      });
      return this.#read(path, statusCode, (await body.json()) as Envelope);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return { trouble: code };
    }
  }

  #read(path: string, status: number, { data, error }: Envelope): Attempt {
    if (status === 200 && data !== undefined) return { accepted: data };
    const code = error?.code ?? `status ${status}`;
    if (OPEN.has(code)) return { trouble: code };
    if (error !== undefined && code.startsWith('gift_cards.')) return { refused: error };
    this.faults.push(`${path}: ${status} ${code} ${JSON.stringify(error)}`);
    return { trouble: code };
  }
}

interface Envelope {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly error?: Refusal;
}
