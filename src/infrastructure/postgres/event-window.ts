import { matches } from '../../application/shared/event-log-rules.ts';
import type { EventFilter, EventPage, LoggedEvent } from '../../application/shared/event-log.ts';

/** What the window keeps at most: so many events, and so many characters of payload. */
const MAX_EVENTS = 2_000;
const MAX_CHARACTERS = 8_000_000;

interface Entry {
  readonly event: LoggedEvent;
  readonly characters: number;
}

/** The newest settled events, in memory, so that readers who keep up need not ask the database each for itself. */
export class EventWindow {
  #entries: Entry[] = [];
  #characters = 0;
  #after: bigint;

  /** Starts empty behind a position. */
  constructor(after: bigint) {
    this.#after = after;
  }

  /** Adds the next event; `characters` is the length of its payload as text. */
  add(event: LoggedEvent, characters: number): void {
    this.#entries.push({ event, characters });
    this.#characters += characters;
    if (this.#entries.length > MAX_EVENTS || this.#characters > MAX_CHARACTERS) this.#forget();
  }

  /** The events above `after`, of those up to `frontier`; undefined when the window no longer reaches that far back. */
  page(after: bigint, frontier: bigint, limit: number, filter: EventFilter): EventPage | undefined {
    if (after < this.#after) return undefined;
    const events: LoggedEvent[] = [];
    for (let index = this.#indexBehind(after); index < this.#entries.length; index += 1) {
      const event = this.#entries[index]!.event;
      if (!matches(event, filter)) continue;
      events.push(event);
      if (events.length === limit) return { events, position: event.position };
    }
    return { events, position: frontier };
  }

  /** Index of the first event above a position. */
  #indexBehind(position: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.event.position > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Drops the older half by count, and more where that leaves too many characters. */
  #forget(): void {
    let dropped = 0;
    while (dropped < this.#entries.length) {
      const excess = this.#characters > MAX_CHARACTERS / 2 || this.#entries.length - dropped > MAX_EVENTS / 2;
      if (!excess) break;
      const { event, characters } = this.#entries[dropped]!;
      this.#characters -= characters;
      this.#after = event.position;
      dropped += 1;
    }
    this.#entries = this.#entries.slice(dropped);
  }
}
