import type { Express } from 'express';
import { JSON_TYPE, send, type Frame, type Report } from './exchange.ts';
import { addGet } from './get-route.ts';

/** Resolves when what it looks at works; rejects when it doesn't, or when `signal` says that it took too long. */
export type HealthCheck = (signal: AbortSignal) => Promise<void>;

export interface HealthOptions {
  readonly checks?: { readonly [name: string]: HealthCheck };
  /** True from the moment when the server begins to stop. */
  readonly draining?: () => boolean;
  /** Time for one check; default 2,000. */
  readonly checkTimeoutMs?: number;
  /** How long a result is good for, so that probes cannot load what they probe; default 1,000. */
  readonly cacheMs?: number;
}

/** The outcome of one check; why it failed is in the log, not in the answer. */
export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly durationMs: number;
}

/**
 * Adds `/livez` (the process answers) and `/readyz` (everything that it depends on answers; 503 if not, and while it
 * stops).
 */
export function mountHealth(app: Express, frame: Frame, options: HealthOptions): void {
  const checkAll = cached(() => runChecks(options, frame.report), options.cacheMs ?? 1_000);
  addGet(app, frame, '/livez', (exchange) => {
    send(exchange, 200, JSON_TYPE, JSON.stringify({ status: 'ok' }));
  });
  addGet(app, frame, '/readyz', async (exchange) => {
    const draining = options.draining?.() === true;
    const checks = draining ? [] : await checkAll();
    const status = draining ? 'draining' : checks.every(({ ok }) => ok) ? 'ok' : 'failing';
    const body = JSON.stringify({ status, checks, timestamp: new Date().toISOString() });
    send(exchange, status === 'ok' ? 200 : 503, JSON_TYPE, body);
  });
}

function runChecks({ checks = {}, checkTimeoutMs = 2_000 }: HealthOptions, report: Report): Promise<CheckResult[]> {
  return Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const started = performance.now();
      const error = await runCheck(check, checkTimeoutMs);
      if (error !== undefined) report(error, { where: `health:${name}` });
      return { name, ok: error === undefined, durationMs: Math.round(performance.now() - started) };
    }),
  );
}

/** Resolves to what went wrong; a check that doesn't listen to its signal is left behind. */
async function runCheck(check: HealthCheck, timeoutMs: number): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  const timedOut = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`No result within ${timeoutMs} ms.`)), { once: true });
  });
  try {
    await Promise.race([check(signal), timedOut]);
    return undefined;
  } catch (error) {
    return error ?? new Error('The check failed without a reason.');
  }
}

/** Callers share the run that is under way and then its result, for `ttlMs` from its end. */
function cached<T>(run: () => Promise<T>, ttlMs: number): () => Promise<T> {
  let current: Promise<T> | undefined;
  let endedAt = 0;
  return () => {
    if (current !== undefined && (endedAt === 0 || performance.now() - endedAt < ttlMs)) return current;
    endedAt = 0;
    current = run().finally(() => {
      endedAt = performance.now();
    });
    return current;
  };
}
