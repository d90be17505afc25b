import type { ServerResponse } from 'node:http';
import { DeadlineExceeded } from '../../application/shared/errors.ts';

/**
 * Bounds one request: aborts `signal` when the deadline passes or the client hangs up, whichever is first. Made by
 * hand from one controller and one timer: `AbortSignal.any` over `AbortSignal.timeout` costs several times as much.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #ended = false;

  /**
   * `overMs` of the time are over already. `onPassed` is called with the reason when it is up, not when the client is gone.
   */
  constructor(
    response: ServerResponse,
    [timeoutMs, overMs]: readonly [timeoutMs: number, overMs: number],
    onPassed: (reason: DeadlineExceeded) => void,
  ) {
    const pass = (): void => {
      const reason = new DeadlineExceeded(`No answer within ${timeoutMs} ms.`);
      this.#controller.abort(reason);
      onPassed(reason);
    };
    this.#timer = setTimeout(pass, Math.max(0, timeoutMs - overMs));
    if (overMs >= timeoutMs) {
      clearTimeout(this.#timer);
      pass();
    }
    if (response.destroyed) this.#end(response);
    else response.once('close', () => this.#end(response));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts the time anew: a stream that makes progress may take as long as it needs. */
  extend(): void {
    if (!this.#ended) this.#timer.refresh();
  }

  /** True when an error is nothing but the echo of this abort. */
  explains(error: unknown): boolean {
    const { signal } = this.#controller;
    return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'));
  }

  #end(response: ServerResponse): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    if (!response.writableFinished) this.#controller.abort(new DeadlineExceeded('The client hung up.'));
  }
}
