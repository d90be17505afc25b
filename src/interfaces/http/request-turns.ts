import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** So many requests are begun in one turn of the event loop: in one that brought a connection, and in any other. */
const BEGUN_IN_A_TURN = { crowded: 1, calm: 16 } as const;

const arrivals = new WeakMap<IncomingMessage, number>();

/** For how many milliseconds a request has been waiting for its turn; 0 where none was waited for. */
export function waitedMs(request: IncomingMessage): number {
  const arrivedAt = arrivals.get(request);
  return arrivedAt === undefined ? 0 : performance.now() - arrivedAt;
}

/**
 * Begins requests in the order in which they came, a few in each turn of the event loop. A turn accepts one connection,
 * however many wait (libuv, since 1.45), but reads from all that there are. If it also carried out everything that it
 * reads, each new connection would wait for one more request of every other: with a thousand clients that come back
 * after a restart, the last of them for minutes.
 */
export class RequestTurns {
  readonly #begin: RequestListener;
  readonly #waiting: (readonly [IncomingMessage, ServerResponse])[] = [];
  #isCrowded = false;
  #isPlanned = false;

  constructor(begin: RequestListener) {
    this.#begin = begin;
  }

  /** Says that a connection was accepted: others may be waiting behind it. */
  connected(): void {
    this.#isCrowded = true;
  }

  /** Begins a request when its turn has come; not at all if its client has gone by then. */
  add(request: IncomingMessage, response: ServerResponse): void {
    arrivals.set(request, performance.now());
    this.#waiting.push([request, response]);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      this.#take();
    });
  }

  #take(): void {
    let left = this.#isCrowded ? BEGUN_IN_A_TURN.crowded : BEGUN_IN_A_TURN.calm;
    this.#isCrowded = false;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      // Before it is begun: whatever it throws, the others have their turn.
      if (this.#waiting.length > 0) this.#plan();
      const [request, response] = next;
      if (!response.closed) this.#begin(request, response);
      if ((left -= 1) === 0) return;
    }
  }
}
