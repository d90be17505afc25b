const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

/** No line that is asked for by itself is longer; what claims to be would fill the memory. */
const MAX_LINE_BYTES = 1_000_000;

/**
 * Reads a stream of bytes line by line, or a run of lines as a stream of its own. Lines end with a line feed and with
 * nothing else, so that any text can stand in them.
 */
export class LineReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest = NOTHING;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** The next line; undefined at the end. Throws where the stream ends in the middle of a line. */
  async next(): Promise<string | undefined> {
    for (let searched = 0; ;) {
      const end = this.#rest.indexOf(NEWLINE, searched);
      if (end >= 0) {
        const line = this.#rest.toString('utf8', 0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      searched = this.#rest.length;
      if (searched > MAX_LINE_BYTES) throw new Error('a line is too long');
      const chunk = await this.#more();
      if (chunk === undefined && searched === 0) return undefined;
      if (chunk === undefined) throw endsTooEarly();
      this.#rest = Buffer.concat([this.#rest, chunk]);
    }
  }

  /** The lines up to one that is `end`, as they are; that one is read and left out. Throws where it never comes. */
  async *until(end: string): AsyncGenerator<Buffer> {
    const mark = Buffer.from(`\n${end}\n`);
    // The first byte of what is held has been passed on already; at first that is the end of the line before.
    let held = Buffer.concat([Buffer.of(NEWLINE), this.#rest]);
    this.#rest = NOTHING;
    for (;;) {
      const at = held.indexOf(mark);
      if (at >= 0) {
        if (at > 0) yield held.subarray(1, at + 1);
        this.#rest = held.subarray(at + mark.length);
        return;
      }
      // The mark may begin in what is held and end in what comes.
      const keepFrom = Math.max(0, held.length - mark.length + 1);
      if (keepFrom > 0) yield held.subarray(1, keepFrom + 1);
      const chunk = await this.#more();
      if (chunk === undefined) throw endsTooEarly();
      held = Buffer.concat([held.subarray(keepFrom), chunk]);
    }
  }

  async #more(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#chunks.next();
    return done === true ? undefined : value;
  }
}

const endsTooEarly = (): Error => new Error('the file ends too early');
