import { DeadlineExceeded } from '../../application/shared/errors.ts';

/** How often and how fast a call is repeated; a server's `Retry-After` goes before `baseDelayMs`. */
export interface RetryPolicy {
  /** Attempts in all; default 5. */
  readonly attempts: number;
  /** Wait before the second attempt, doubled before each further one up to 2 s, shortened by chance; default 100. */
  readonly baseDelayMs: number;
}

const MAX_DELAY_MS = 2_000;

/** How one attempt ended. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | {
      readonly kind: 'failed';
      readonly error: Error;
      readonly again: boolean;
      readonly retryAfterMs?: number | undefined;
    };

/** The time of one call with all its attempts: its signal aborts at the deadline and when the caller aborts. */
export class CallTime {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #endsAt: number;
  readonly #onCallerAbort = (): void => this.#controller.abort(this.#caller?.reason);

  constructor(caller: AbortSignal | undefined, deadlineMs: number) {
    this.#caller = caller;
    this.#endsAt = performance.now() + deadlineMs;
    const passed = (): void => this.#controller.abort(new DeadlineExceeded(`No answer within ${deadlineMs} ms.`));
    this.#timer = setTimeout(passed, deadlineMs);
    if (caller?.aborted === true) this.#onCallerAbort();
    else caller?.addEventListener('abort', this.#onCallerAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get leftMs(): number {
    return this.#endsAt - performance.now();
  }

  /** From here on only the caller ends it: a stream has begun. */
  liftDeadline(): void {
    clearTimeout(this.#timer);
  }

  /** Lets go of everything; what still runs under the signal is aborted. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#onCallerAbort);
    this.#controller.abort();
  }
}

/** Makes attempts until one succeeds, fails for good, or no time is left for another; then throws the last error. */
export async function repeat<T>(
  { attempts = 5, baseDelayMs = 100 }: Partial<RetryPolicy>,
  time: CallTime,
  attempt: () => Promise<Outcome<T>>,
): Promise<T> {
  for (let number = 1; ; number++) {
    time.signal.throwIfAborted();
    const outcome = await attempt();
    if (outcome.kind === 'done') return outcome.value;
    time.signal.throwIfAborted();
    const growing = Math.min(MAX_DELAY_MS, baseDelayMs * 2 ** (number - 1)) * (0.5 + Math.random() / 2);
    const delayMs = outcome.retryAfterMs ?? growing;
    if (!outcome.again || number >= attempts || delayMs >= time.leftMs) throw outcome.error;
    await sleep(delayMs, time.signal);
  }
}

/** What `work` comes to; throws the signal's reason as soon as that aborts, whatever becomes of the work. */
export async function unlessAborted<T>(signal: AbortSignal, work: T | Promise<T>): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
