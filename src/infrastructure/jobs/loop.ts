/**
 * Calls a task again and again, never twice at the same time. The task answers with the milliseconds until the next
 * time; a failure is reported and the task called again after a fixed delay.
 */
export class Loop {
  readonly #task: () => Promise<number>;
  readonly #onFault: (error: unknown) => void;
  readonly #faultDelayMs: number;
  #timer: NodeJS.Timeout | undefined;
  #current: Promise<void> | undefined;
  #dueAt = Infinity;
  #stopped = false;

  constructor(task: () => Promise<number>, onFault: (error: unknown) => void, faultDelayMs: number) {
    this.#task = task;
    this.#onFault = onFault;
    this.#faultDelayMs = faultDelayMs;
  }

  /** Calls the task no later than in so many milliseconds. */
  soon(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    if (this.#stopped || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    if (this.#current === undefined) this.#arm();
  }

  /** Calls it no more and waits for a call that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#current;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    // Timers count whole milliseconds and may fire a little early: what is waited for must have come.
    const delayMs = Math.max(0, Math.ceil(this.#dueAt - performance.now())) + 1;
    this.#timer = setTimeout(() => (this.#current = this.#run()), delayMs);
  }

  async #run(): Promise<void> {
    this.#dueAt = Infinity;
    let delayMs = this.#faultDelayMs;
    try {
      delayMs = await this.#task();
    } catch (error) {
      this.#onFault(error);
    }
    this.#current = undefined;
    this.#dueAt = Math.min(this.#dueAt, performance.now() + delayMs);
    if (!this.#stopped) this.#arm();
  }
}
