/** What has to be closed at the end, in the reverse of the order in which it was opened. */
export class Resources {
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];

  /** Notes how something is closed, and returns it. */
  own<T>(name: string, resource: T, close: (resource: T) => Promise<void> | void): T {
    this.#closers.push({ name, close: () => close(resource) });
    return resource;
  }

  /** Runs a task every so often until the end; never twice at a time. */
  every(name: string, intervalMs: number, task: () => Promise<unknown>, onError: (error: unknown) => void): void {
    let running: Promise<void> = Promise.resolve();
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      running = task()
        .then(() => undefined, onError)
        .finally(() => (busy = false));
    }, intervalMs);
    this.own(name, timer, async () => {
      clearInterval(timer);
      await running;
    });
  }

  /**
   * Closes everything, also when something fails on the way; resolves to what failed. Closing twice does nothing.
   * `onClosed` is told of each that was closed.
   */
  async close(
    onClosed: (name: string) => void = () => undefined,
  ): Promise<readonly { readonly name: string; readonly error: unknown }[]> {
    const failures: { readonly name: string; readonly error: unknown }[] = [];
    for (let next = this.#closers.pop(); next !== undefined; next = this.#closers.pop()) {
      try {
        await next.close();
        onClosed(next.name);
      } catch (error) {
        failures.push({ name: next.name, error });
      }
    }
    return failures;
  }
}
