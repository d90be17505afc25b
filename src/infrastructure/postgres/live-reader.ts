import type { EventFilter, LoggedEvent, Running } from '../../application/shared/event-log.ts';
import { backoffMs, pause } from '../system/pause.ts';
import type { LogTail } from './log-tail.ts';

const PAGE = 500;

/** After a failed read. */
const RECOVERY_MS = [50, 2_000] as const;

/** The tail announces itself; this only bounds the wait. */
const WAIT_MS = 60_000;

/** Hands the events of the tail to a handler, on this instance, until it is closed. */
export class LiveReader implements Running {
  readonly #tail: LogTail;
  readonly #handler: (events: readonly LoggedEvent[]) => void;
  readonly #filter: EventFilter;
  readonly #onError: (error: unknown) => void;
  readonly #closing = new AbortController();
  readonly #run: Promise<void>;
  #position: bigint | undefined;
  #epoch: string | undefined;

  /** @param onError is told when the handler throws, which does not stop the reader, and of failed reads */
  constructor(
    tail: LogTail,
    handler: (events: readonly LoggedEvent[]) => void,
    options: { readonly after?: bigint; readonly filter?: EventFilter },
    onError: (error: unknown) => void,
  ) {
    this.#tail = tail;
    this.#handler = handler;
    this.#filter = options.filter ?? {};
    this.#position = options.after;
    this.#onError = onError;
    this.#run = this.#runUntilClosed();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#run;
  }

  async #runUntilClosed(): Promise<void> {
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#step();
        failures = 0;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#onError(error);
        failures += 1;
        await pause(backoffMs(failures, ...RECOVERY_MS), this.#closing.signal);
      }
    }
  }

  async #step(): Promise<void> {
    if (this.#epoch === undefined) await this.#tail.look();
    // In another epoch the position means nothing: the log was restored. Some events may come twice.
    if (this.#epoch !== undefined && this.#epoch !== this.#tail.epoch) this.#position = this.#tail.origin;
    this.#epoch = this.#tail.epoch;
    this.#position ??= this.#tail.position;
    const page = await this.#tail.page(this.#position, PAGE, this.#filter);
    if (this.#closing.signal.aborted) return;
    if (page.position === this.#position) {
      await this.#tail.above(this.#position, WAIT_MS, this.#closing.signal);
      return;
    }
    this.#position = page.position;
    if (page.events.length > 0) this.#hand(page.events);
  }

  #hand(events: readonly LoggedEvent[]): void {
    try {
      this.#handler(events);
    } catch (error) {
      this.#onError(error);
    }
  }
}
