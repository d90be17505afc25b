import type { Queued } from './batch-queue.ts';
import type { Held } from './batch-store.ts';
import type { Statement } from './statement.ts';

/** How long to wait for a lock, in milliseconds: for a row while other lanes wait or don't, and for anything else. */
const PATIENCE_MS = { lane: 250, busyLane: 25, other: 1_000 } as const;

/** The commands that wait for one row. */
export interface Lane<Command> {
  readonly held: Held;
  /** The one that waits longest first. */
  readonly commands: Command[];
}

/**
 * Commands that wait for rows held by others: a lane for each row, entered and left in order. A lane is worked on by
 * one at a time; lanes take turns.
 */
export class BatchLanes<Command> {
  readonly #lanes = new Map<string, Lane<Command>>();
  /** Lanes that nobody works on, the one whose turn is next first. */
  readonly #idle: Lane<Command>[] = [];

  /** Whether somebody waits for one of these rows: the name of the first such, if there is one. */
  find(names: readonly string[]): Held | undefined {
    for (const name of names) {
      const lane = this.#lanes.get(name);
      if (lane !== undefined) return lane.held;
    }
    return undefined;
  }

  /** Lanes that wait for somebody to work on them. */
  get waiting(): number {
    return this.#idle.length;
  }

  /** Puts a command at the end of the row's lane. */
  add(held: Held, command: Command): void {
    this.#at(held).commands.push(command);
  }

  /** Puts commands back to the front of the lane that they were taken from. */
  putBack(held: Held, commands: readonly Command[]): void {
    this.#at(held).commands.unshift(...commands);
  }

  /** The lane whose turn it is; nobody else gets it before `leave`. */
  enter(): Lane<Command> | undefined {
    return this.#idle.shift();
  }

  /** Ends the work on a lane; it goes to the back of those that wait, or ceases to be when nobody is in it. */
  leave(lane: Lane<Command>): void {
    if (lane.commands.length > 0) this.#idle.push(lane);
    else this.#lanes.delete(lane.held.name);
  }

  /** Empties the lane of a row that has become free. */
  dissolve({ name }: Held): readonly Command[] {
    return this.#lanes.get(name)?.commands.splice(0) ?? [];
  }

  /** Removes commands from the front of each lane as long as `isOver` says so. */
  expire(isOver: (command: Command) => boolean): void {
    for (const { commands } of this.#lanes.values()) {
      while (commands[0] !== undefined && isOver(commands[0])) commands.shift();
    }
  }

  #at(held: Held): Lane<Command> {
    const known = this.#lanes.get(held.name);
    if (known !== undefined) return known;
    const lane: Lane<Command> = { held, commands: [] };
    this.#lanes.set(held.name, lane);
    this.#idle.push(lane);
    return lane;
  }
}

/** Takes the next commands of a lane, at most `max` and all of one tenant. */
export function takeFrom<Command extends Queued>({ commands }: Lane<Command>, max: number): Command[] {
  const tenant = commands[0]?.context.tenant;
  const other = commands.findIndex(({ context }) => context.tenant !== tenant);
  return commands.splice(0, Math.min(other < 0 ? commands.length : other, max));
}

/**
 * How the transaction of a batch begins while so many lanes wait for their turn. A lane waits for its row before it
 * holds anything else; all other rows are taken without waiting.
 */
export function beginning(lane: Held | undefined, waiting: number): readonly Statement[] {
  const patienceMs = lane === undefined ? PATIENCE_MS.other : waiting > 0 ? PATIENCE_MS.busyLane : PATIENCE_MS.lane;
  const begin = `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${patienceMs}`;
  return [{ text: begin, values: [] }, ...(lane === undefined ? [] : [lane.wait])];
}
