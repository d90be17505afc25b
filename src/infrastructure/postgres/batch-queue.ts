/** What a queue has to know of a command. */
export interface Queued {
  readonly context: { readonly tenant: string };
  /** Of the rows that it locks, as far as they are known. */
  readonly names: readonly string[];
}

/** What was taken from a queue. */
export interface Batch<Command> {
  readonly commands: readonly Command[];
  /** Gives its rows free for the next batch. */
  end(): void;
}

/** Commands in order, of which those that share a row are never taken into two batches at once. */
export class BatchQueue<Command extends Queued> {
  #commands: Command[] = [];
  /** How many commands of batches under way have each name. */
  readonly #inFlight = new Map<string, number>();

  get length(): number {
    return this.#commands.length;
  }

  push(command: Command): void {
    this.#commands.push(command);
  }

  /** Puts commands back to the front. */
  putBack(commands: readonly Command[]): void {
    this.#commands = [...commands, ...this.#commands];
  }

  /** Removes those of which `isOver` says so. */
  expire(isOver: (command: Command) => boolean): void {
    this.#commands = this.#commands.filter((command) => !isOver(command));
  }

  /**
   * Takes up to `max` commands of one tenant in order, leaving those that share a row with a batch under way. What is
   * left reserves its rows, so that nobody overtakes it. `leaves` tells of a command that it has gone elsewhere.
   */
  take(max: number, leaves: (command: Command) => boolean): Batch<Command> {
    const taken: Command[] = [];
    const left: Command[] = [];
    const reserved = new Set<string>();
    let tenant: string | undefined;
    for (const command of this.#commands) {
      if (leaves(command)) continue;
      const { context, names } = command;
      const isFree = !names.some((name) => this.#inFlight.has(name) || reserved.has(name));
      if (isFree && taken.length < max && context.tenant === (tenant ?? context.tenant)) {
        tenant = context.tenant;
        taken.push(command);
      } else {
        left.push(command);
        for (const name of names) reserved.add(name);
      }
    }
    this.#commands = left;
    const names = taken.flatMap((command) => command.names);
    for (const name of names) this.#count(name, 1);
    return { commands: taken, end: () => names.forEach((name) => this.#count(name, -1)) };
  }

  #count(name: string, by: 1 | -1): void {
    const next = (this.#inFlight.get(name) ?? 0) + by;
    if (next === 0) this.#inFlight.delete(name);
    else this.#inFlight.set(name, next);
  }
}
